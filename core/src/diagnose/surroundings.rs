//! What is known of the network around an endpoint, whoever views.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::gather::{Audience, LocalCandidate, Paths, TurnTransport};
use crate::portmap::PortMap;
use crate::stun::NatReport;

/// The network around an endpoint. What is not known is empty or `None`, and no verdict stands on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Who is told what.
    pub audience: Audience,
    /// Which paths viewers may take.
    pub paths: Paths,
    /// Which outside addresses are said to lead to our sockets.
    pub map: PortMap,
    /// What viewers are told.
    pub candidates: Vec<LocalCandidate>,
    /// STUN and TURN servers, in the order of the configuration.
    pub servers: Vec<ServerFacts>,
    /// How the NAT in front of us behaves.
    pub nat: Option<NatReport>,
    /// What became of proving each mapped port.
    pub ports: Vec<PortFacts>,
    /// Our clock, seconds since the Unix epoch.
    pub unix_seconds: Option<u64>,
    /// How far our clock is off.
    pub clock: Option<ClockOffset>,
    /// How long the encoder has not answered, while it does not.
    pub encoder_stalled: Option<Duration>,
}

/// One STUN or TURN server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its URL (RFC 7064, RFC 7065), without credentials.
    pub url: String,
    /// `None`: STUN only.
    pub relay: Option<TurnTransport>,
    /// What it said last.
    pub answer: Answer,
    /// Whether its credentials are minted by us from a shared secret.
    pub minted: bool,
    /// When its user name says that it expires, seconds since the Unix epoch (TURN REST API).
    pub expires_unix: Option<u64>,
    /// The realm that it named last, and the one in which it granted an allocation before.
    pub realm: Option<String>,
    /// The realm of its latest success, if it was another one.
    pub former_realm: Option<String>,
    /// Whether it takes a TCP connection at the same address; for those asked over UDP.
    pub opens_tcp: Option<bool>,
    /// Peers to which it refuses to relay, and its error code.
    pub peers_refused: Vec<(IpAddr, u16)>,
    /// Whether a datagram sent through its relay came back; `None`: not tried.
    pub echo: Option<bool>,
}

/// What a server said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was not asked yet, or has time to answer.
    Pending,
    /// Its name has no address.
    Unresolved,
    /// It does not answer.
    Silent,
    /// It refuses the TCP or TLS connection, or its certificate is not believed; in words.
    Unreachable(String),
    /// It sees one of our sockets at this address.
    Mapped(SocketAddr),
    /// It relays for us at these addresses.
    Relayed(Vec<SocketAddr>),
    /// It refuses, with this STUN error code.
    Refused(u16),
    /// It forgot that it relayed for us.
    Lost,
}

/// A mapped port, and what came of proving it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortFacts {
    /// The outside address that viewers are told.
    pub external: SocketAddr,
    /// The socket that it is said to lead to.
    pub internal: SocketAddr,
    /// What is known.
    pub proof: Proof,
    /// Who sent the datagrams that prove it.
    pub witness: Witness,
}

/// Who proves a port from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Witness {
    /// `pinhole reflect` on a public machine.
    Reflector,
    /// A TURN server's relay.
    Relay,
    /// A viewer who came through it.
    Viewer,
    /// Nobody.
    None,
}

/// What came of sending datagrams to a mapped port from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nobody sent any.
    Untried,
    /// They arrived.
    Proved {
        /// Where they seemed to come from: another address than the witness's is a relay's that
        /// carries UDP in its own connection.
        seen_from: SocketAddr,
    },
    /// They arrived at another socket of this machine, at this port.
    AtPort(u16),
    /// They arrived at this machine, at a port where nothing listens.
    AtClosedPort,
    /// Another machine, or the router, says that there is nothing (ICMP port unreachable).
    Refused,
    /// The router says that there is no such machine (ICMP host unreachable).
    NoHost,
    /// They vanished.
    Silent,
}

/// How far our clock is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockOffset {
    /// Ours minus theirs, seconds.
    pub seconds: i64,
    /// Who told the time, in words: "the reflector", "the viewer's browser".
    pub whose: String,
}
