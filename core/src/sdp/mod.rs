//! SDP: stub.
