//! Session: stub.
