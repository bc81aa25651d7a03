//! `pinhole reflect`: on any public machine, it sends small datagrams back to whoever asks, so that
//! the asker can prove from outside that its forwarded ports lead to it.
//!
//! A program behind NAT opens a TCP connection ([`protocol`]: JSON lines) and names its outside
//! addresses; the reflector sends a few probes ([`pinhole_core::stun::write_proof`]) to each, from
//! UDP sockets of its own ([`sender`]), and tells what ICMP answered. Which probe arrived at which
//! socket the asker sees for itself ([`client`], [`judge`]). On its UDP port the reflector answers
//! a probe with where it came from ([`echo`]).
//!
//! It is not a bouncer for attacks. Without a token it sends to nobody but the address that the
//! connection comes from, which TCP has proved; whoever holds the token may name other targets.
//! Lines, targets, probes, connections and time are bounded ([`protocol`]), probes are rationed for
//! each client ([`ration`]), and no answer is longer than its question.

pub mod client;
mod echo;
pub mod judge;
mod protocol;
mod ration;
mod sender;
mod server;

use std::net::SocketAddr;

pub use server::Reflecting;

/// All settings of `pinhole reflect`.
#[derive(Clone, PartialEq, Eq)]
pub struct ReflectSettings {
    /// Where TCP and UDP listen; port 0 is any, the same for both.
    pub listen: SocketAddr,
    /// Whoever presents it may name any target; without one, nobody may.
    pub token: Option<String>,
}

impl std::fmt::Debug for ReflectSettings {
    /// Leaves the token out.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ReflectSettings").field("listen", &self.listen).finish_non_exhaustive()
    }
}
