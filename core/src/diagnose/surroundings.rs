//! What is known of the network around an endpoint, whoever views.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::gather::{Audience, LocalCandidate, Paths, ServerFacts};
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

impl Surroundings {
    /// Adds what another endpoint beside knows: its own addresses and ports, and its view of the
    /// servers. All else is the same for both.
    pub fn join(&mut self, other: Surroundings) {
        for candidate in other.candidates {
            if !self.candidates.contains(&candidate) {
                self.candidates.push(candidate);
            }
        }
        self.servers.iter_mut().zip(other.servers).for_each(|(known, facts)| known.join(facts));
        self.ports.extend(other.ports);
    }
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
    /// Where that one sends from, if it is known.
    pub sent_from: Option<IpAddr>,
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
    /// Who told the time, in words: "the reflector".
    pub whose: String,
}
