//! The candidates of an endpoint.
use crate::portmap::PortMap;
use std::net::SocketAddr;

/// What a candidate is to its base, RFC 8445 §5.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CandidateKind {
    /// The address of one of our own sockets.
    Host,
    /// An outside address that reaches one of our sockets.
    ServerReflexive,
}

/// One address that viewers are told, and the socket address behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalCandidate {
    /// The local socket address: never unspecified.
    pub base: SocketAddr,
    /// The address that viewers are told.
    pub address: SocketAddr,
    /// Host or mapped.
    pub kind: CandidateKind,
}

/// Who is told which addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Only mapped addresses; no private address leaves.
    Public,
    /// Only the addresses of our own interfaces.
    Lan,
    /// Both, the LAN first.
    Both,
}

/// The candidates to offer, best first: pure function of sockets, map and audience.
pub fn local_candidates(
    _bases: &[SocketAddr],
    _map: &PortMap,
    _audience: Audience,
) -> Vec<LocalCandidate> {
    unimplemented!()
}
