//! The candidates of an endpoint: which addresses viewers are told.
//!
//! Gathered once, for all sessions: the addresses of our sockets (host candidates) and those that
//! the [port map](crate::portmap) says reach them (server-reflexive candidates, whose base is the
//! socket). The [`Audience`] decides who is told what; a public one sees no private address,
//! neither as a candidate nor as anything derived from one.
//!
//! Implements RFC 8445 §5.1.1.1 (host), §5.1.1.3 (foundation), §5.1.2.1 (priority) and RFC 8839
//! §5.1 (the candidate line); TCP candidates are those of RFC 6544. `Gatherer` is the machine that
//! asks STUN servers and holds relays.

mod candidate_line;
mod gatherer;
mod local;
mod server_facts;
mod servers;

use std::net::SocketAddr;

use crate::portmap::{PortMap, Protocol};

pub use candidate_line::{candidate_line, foundation, priority};
pub(crate) use gatherer::{GatherEvent, Gatherer, Inbound, Leg};
pub(crate) use local::is_public;
pub use local::local_candidates;
pub use server_facts::{Answer, ServerFacts};
pub use servers::{Paths, ServerConfig, ServerKind, ServerReport, TurnTransport};

pub use crate::portmap::Audience;

/// What a candidate is to its base, RFC 8445 §5.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CandidateKind {
    /// The address of one of our own sockets.
    Host,
    /// An outside address that reaches one of our sockets.
    ServerReflexive,
    /// An address of a TURN server's that relays to us.
    Relayed(TurnTransport),
}

/// One address that viewers are told, and the socket address behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalCandidate {
    /// The local socket address: never unspecified.
    pub base: SocketAddr,
    /// The address that viewers are told.
    pub address: SocketAddr,
    /// Host, mapped or relayed.
    pub kind: CandidateKind,
    /// What it carries. Over TCP viewers connect to it (RFC 6544, passive).
    pub protocol: Protocol,
}

/// What an endpoint gathers its candidates from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatherConfig {
    /// The addresses of our UDP sockets, none of them unspecified.
    pub bases: Vec<SocketAddr>,
    /// The addresses at which the shell accepts TCP connections of viewers.
    pub tcp_bases: Vec<SocketAddr>,
    /// Which outside addresses lead to them.
    pub map: PortMap,
    /// Who is told what.
    pub audience: Audience,
    /// Which paths viewers may take.
    pub paths: Paths,
    /// STUN and TURN servers.
    pub servers: Vec<ServerConfig>,
}

impl GatherConfig {
    /// The addresses of these UDP sockets and nothing else: for viewers on the same network.
    pub fn lan(bases: Vec<SocketAddr>) -> GatherConfig {
        GatherConfig {
            bases,
            tcp_bases: Vec::new(),
            map: PortMap::default(),
            audience: Audience::Lan,
            paths: Paths::All,
            servers: Vec::new(),
        }
    }
}
