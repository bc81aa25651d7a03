//! The name of a connection.

/// A TCP or TLS connection of the shell's: one that a viewer made (RFC 6544), or one to a TURN
/// server. Never reused in the life of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);
