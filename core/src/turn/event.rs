//! What an allocation says to its owner.

use std::net::{IpAddr, SocketAddr};

/// The addresses at which a server relays for us: one per family at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relayed {
    /// The IPv4 one.
    pub v4: Option<SocketAddr>,
    /// The IPv6 one.
    pub v6: Option<SocketAddr>,
}

impl Relayed {
    /// Those that there are, IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        [self.v4, self.v6].into_iter().flatten()
    }

    /// The one that reaches peers of this family.
    pub fn for_peer(&self, peer: IpAddr) -> Option<SocketAddr> {
        match peer {
            IpAddr::V4(_) => self.v4,
            IpAddr::V6(_) => self.v6,
        }
    }
}

/// What one message from the server was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received<'a> {
    /// Something between the server and us.
    Control,
    /// What a peer sent to our relayed address.
    Data {
        /// Our relayed address, of the peer's family.
        relayed: SocketAddr,
        /// Who sent it.
        peer: SocketAddr,
        /// What was sent, where it lies in the message.
        payload: &'a [u8],
    },
}

/// What happened to an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllocationEvent {
    /// The server relays for us, at these addresses.
    Allocated {
        /// Where peers send to.
        relayed: Relayed,
        /// Our own address, as the server sees it.
        mapped: Option<SocketAddr>,
    },
    /// The relayed addresses are gone. A new allocation is on its way.
    Lost(LossCause),
    /// The server does not want us, by this error code (RFC 8489 §14.8). It is asked again later.
    Refused {
        /// The code.
        code: u16,
    },
    /// The server does not relay to this peer, by this error code; it relays to others.
    PeerRefused {
        /// The peer.
        peer: IpAddr,
        /// The code.
        code: u16,
    },
    /// The server sent us to another one (300). On a stream the owner connects there and calls
    /// [`super::Allocation::reconnect`]; by its certificate it is still the server it was.
    Moved(SocketAddr),
    /// Nobody answers. It is tried again later.
    Silent,
}

/// Why an allocation is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossCause {
    /// The server does not know of it (437): it was restarted, or a NAT gave us another address.
    Mismatch,
    /// The server refuses what it must grant to one who has an allocation (400 after 438).
    Rejected,
    /// The server does not take our credentials any more.
    Unauthorized,
    /// Three proofs of life went unanswered.
    Silent,
    /// Its time was up.
    Expired,
    /// Its credentials were about to expire: it is made anew with fresh ones.
    Renewed,
    /// The leg to the server was replaced.
    Reconnected,
}
