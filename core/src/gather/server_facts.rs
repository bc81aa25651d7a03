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
