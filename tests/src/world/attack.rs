//! Somebody on the way who sees what viewers send, and sends what he likes.

use std::net::SocketAddr;

use super::net::{INTERNET, NodeId};
use super::run::World;
use super::viewer::Viewer;

/// Where he is.
pub const ATTACKER: &str = "203.0.113.200:7777";
pub(super) const ATTACKER_NODE: NodeId = NodeId(usize::MAX);

/// What he does with a share of the packets that he sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Sends a viewer's packet again, from his own address.
    Replays,
    /// The same with one bit turned.
    Forges,
    /// Sends it with one bit turned, from the viewer's address.
    Spoofs,
    /// Sends random bytes from his own address, any length, any first byte.
    Garbage,
}

/// The share of packets that make him do something.
const SHARE: f64 = 0.3;
/// Longest garbage.
const GARBAGE_BYTES_MAX: usize = 1_500;

impl World {
    /// A viewer's packet goes by.
    pub(super) fn be_overheard(&mut self, viewer: usize, to: SocketAddr, bytes: &[u8]) {
        let Some(attack) = self.attack else { return };
        // Who sees and repeats or spoils a handshake that is not encrypted yet ends it: nothing in DTLS
        // 1.2 heals a transcript. So he waits until nobody shakes hands.
        let is_stun = bytes.first().is_some_and(|first| *first < 4);
        let shakes_hands =
            |viewer: &Viewer| viewer.answered.is_some() && viewer.connected.is_none();
        if !is_stun && self.viewers.iter().any(shakes_hands) {
            return;
        }
        if self.attack_rng.f64() >= SHARE {
            return;
        }
        let rng = &mut self.attack_rng;
        let attacker = super::config::at(ATTACKER);
        let mut forged = bytes.to_vec();
        if matches!(attack, Attack::Forges | Attack::Spoofs) && !forged.is_empty() {
            let bit = rng.usize(..forged.len() * 8);
            forged[bit / 8] ^= 1 << (bit % 8);
        }
        if attack == Attack::Garbage {
            forged = (0..rng.usize(..GARBAGE_BYTES_MAX)).map(|_| rng.u8(..)).collect();
        }
        self.attacks += 1;
        match attack {
            Attack::Spoofs => {
                let from = &self.viewers[viewer];
                self.net.send(self.now, from.realm, from.address, to, forged);
            }
            Attack::Replays | Attack::Forges | Attack::Garbage => {
                self.net.send(self.now, INTERNET, attacker, to, forged);
            }
        }
    }

    /// What he must never get: anything that is for viewers alone.
    pub(super) fn check_attacker_gets(&self, from: SocketAddr, bytes: &[u8]) {
        let is_stun = bytes.first().is_some_and(|first| *first < 4);
        assert!(is_stun, "{} bytes that are no STUN go from {from} to an attacker", bytes.len());
    }
}
