//! The STUN and TURN servers that an endpoint gathers from, as a program configures them.

use std::net::SocketAddr;

use crate::turn::Credentials;

/// One STUN or TURN server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Its host as it was configured: for logs, and the name that its certificate must have.
    pub host: String,
    /// Its addresses, the preferred first. Empty while its name is not resolved; a shell tells
    /// addresses by `Endpoint::set_server_addresses`.
    pub addresses: Vec<SocketAddr>,
    /// What it is.
    pub kind: ServerKind,
}

/// What a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerKind {
    /// STUN over UDP (RFC 8489): tells our outside address.
    Stun,
    /// TURN (RFC 8656): relays.
    Turn {
        /// How it is reached.
        transport: TurnTransport,
        /// What it knows us by.
        credentials: Credentials,
    },
}

/// How a TURN server is reached. The relay itself carries UDP in each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TurnTransport {
    /// From the media socket.
    Udp,
    /// Over a TCP connection.
    Tcp,
    /// Over TLS over TCP.
    Tls,
}

/// Which paths viewers may take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Paths {
    /// All, the direct ones preferred.
    #[default]
    All,
    /// No relay.
    Direct,
    /// Relays only: no viewer learns an address of ours.
    Relay,
}

/// What became of asking a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerReport {
    /// It sees one of our sockets at this address.
    Mapped {
        /// Our socket.
        base: SocketAddr,
        /// Its outside address.
        address: SocketAddr,
    },
    /// It relays for us at these addresses.
    Relayed {
        /// One per family at most.
        addresses: Vec<SocketAddr>,
    },
    /// It forgot that it relays for us, or cannot be reached any more. It is asked again.
    Lost,
    /// It does not answer. It is asked again later.
    Silent,
    /// It refuses, with this STUN error code (RFC 8489 §14.8). It is asked again later.
    Refused(u16),
}
