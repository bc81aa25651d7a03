//! Wire: stub.
