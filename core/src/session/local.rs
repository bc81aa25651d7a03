//! Our own addresses as str0m must know them: it answers only what came to one of these, and sends
//! only from them.

use std::net::SocketAddr;

use str0m::Candidate;
use str0m::net::{Protocol, TcpType};

/// One address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Local {
    /// A UDP socket.
    Udp(SocketAddr),
    /// A TCP socket that viewers connect to.
    Tcp(SocketAddr),
    /// An address of a TURN server's; `base` is ours, behind it.
    Relayed { address: SocketAddr, base: SocketAddr },
}

impl Local {
    /// The address that datagrams come to.
    pub(crate) fn address(&self) -> SocketAddr {
        match *self {
            Local::Udp(address) | Local::Tcp(address) | Local::Relayed { address, .. } => address,
        }
    }

    /// `None` where str0m takes no such address (link-local ones).
    pub(crate) fn candidate(&self) -> Option<Candidate> {
        let built = match *self {
            Local::Udp(base) => Candidate::builder().udp().host(base).build(),
            Local::Tcp(base) => {
                Candidate::builder().tcp().host(base).tcptype(TcpType::Passive).build()
            }
            Local::Relayed { address, base } => {
                Candidate::builder().udp().relayed(address, base).build()
            }
        };
        built.ok()
    }
}

/// Between which addresses a session's packets go, as str0m has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) protocol: Protocol,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
}

impl Pair {
    pub(crate) fn of(datagram: &str0m::net::Transmit) -> Pair {
        Pair {
            protocol: datagram.proto,
            source: datagram.source,
            destination: datagram.destination,
        }
    }
}
