//! What is known of a STUN or TURN server, for a diagnosis.

use std::net::{IpAddr, SocketAddr};

use super::TurnTransport;

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

impl ServerFacts {
    /// Adds what another of our endpoints knows of the same server: who has a fault to tell is
    /// believed.
    pub(crate) fn join(&mut self, mut other: ServerFacts) {
        if other.answer.is_fault() && !self.answer.is_fault() {
            std::mem::swap(self, &mut other);
        }
        for refused in other.peers_refused {
            if !self.peers_refused.contains(&refused) {
                self.peers_refused.push(refused);
            }
        }
    }
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

impl Answer {
    /// Whether it is of no use as it is.
    fn is_fault(&self) -> bool {
        match self {
            Answer::Pending | Answer::Mapped(_) | Answer::Relayed(_) => false,
            Answer::Unresolved
            | Answer::Silent
            | Answer::Unreachable(_)
            | Answer::Refused(_)
            | Answer::Lost => true,
        }
    }
}
