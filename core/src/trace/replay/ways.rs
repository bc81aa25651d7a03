//! The ways that packets go, told apart by their ends rather than by how TURN wraps them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::trace::entry::{Entry, What};
use crate::trace::packet::{Leg, Packet, StunAttribute, StunMessage, Via};
use crate::trace::read::Recording;

/// Channels that are told apart; more are not known.
const CHANNELS_MAX: usize = 65_536;

/// Between whom a packet goes: over a leg, and where a TURN server relays, from or to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    /// Streams by their number in the recording.
    pub(super) leg: Leg,
    pub(super) peer: Option<SocketAddr>,
}

/// The peers behind channel numbers (RFC 8656 §12).
#[derive(Debug, Default)]
pub(super) struct Channels {
    peers: BTreeMap<(Leg, u16), SocketAddr>,
}

impl Channels {
    /// Learns what a ChannelBind request asks for.
    pub(super) fn learn(&mut self, leg: Leg, number: u16, peer: SocketAddr) {
        if self.peers.len() < CHANNELS_MAX {
            self.peers.insert((leg, number), peer);
        }
    }

    /// Learns from a recorded packet of ours.
    pub(super) fn learn_from(&mut self, leg: Leg, packet: &Packet) {
        let Packet::Stun(message) = packet else { return };
        if let Some((number, peer)) = binding(message) {
            self.learn(leg, number, peer);
        }
    }

    /// The way of a packet that was wrapped so.
    pub(super) fn way(&self, leg: Leg, via: Option<Via>) -> Way {
        let peer = match via {
            None => None,
            Some(Via::Peer(peer)) => Some(peer),
            Some(Via::Channel(number)) => self.peers.get(&(leg, number)).copied(),
        };
        Way { leg, peer }
    }

    /// The number that stands for a peer.
    pub(super) fn number(&self, way: Way) -> Option<u16> {
        let of_leg = self.peers.iter().filter(|((leg, _), _)| *leg == way.leg);
        of_leg.filter(|(_, peer)| Some(**peer) == way.peer).map(|((_, number), _)| *number).next()
    }
}

fn binding(message: &StunMessage) -> Option<(u16, SocketAddr)> {
    let asks = message.method == "channel_bind" && message.class == "request";
    let find = |wanted: fn(&StunAttribute) -> bool| {
        message.attributes.iter().find(|attribute| asks && wanted(attribute))
    };
    let number = find(|attribute| matches!(attribute, StunAttribute::ChannelNumber(_)))?;
    let peer = find(|attribute| matches!(attribute, StunAttribute::XorPeerAddress(_)))?;
    match (number, peer) {
        (StunAttribute::ChannelNumber(number), StunAttribute::XorPeerAddress(peer)) => {
            Some((*number, *peer))
        }
        _ => None,
    }
}

/// Which session each way belongs to, by the ufrags in checks on it.
#[derive(Debug, Default)]
pub struct Whose {
    /// From when on a way is a session's.
    owners: BTreeMap<Way, Vec<(u64, u64)>>,
    channels: Channels,
    /// By the ufrags of our answers.
    sessions: BTreeMap<String, u64>,
}

impl Whose {
    /// Reads it from a recording.
    pub fn of(recording: &Recording) -> Whose {
        let mut whose = Whose::default();
        for entry in &recording.entries {
            whose.learn(entry);
        }
        whose
    }

    /// The session whose packets go over a leg at a time, wrapped or not. `None`: nobody's, or that
    /// of a server.
    pub fn session(&self, at_us: u64, leg: Leg, via: Option<Via>) -> Option<u64> {
        self.of_way(at_us, self.channels.way(leg, via))
    }

    /// The peer behind a relay: that of the wrapping, or the one whose channel it is.
    pub fn peer(&self, leg: Leg, via: Option<Via>) -> Option<SocketAddr> {
        self.channels.way(leg, via).peer
    }

    /// What comes on a way before its first check is of a viewer that has moved.
    pub(super) fn of_way(&self, at_us: u64, way: Way) -> Option<u64> {
        let owners = self.owners.get(&way)?;
        let next = owners.partition_point(|(since, _)| *since <= at_us);
        owners.get(next.saturating_sub(1)).map(|(_, session)| *session)
    }

    fn learn(&mut self, entry: &Entry) {
        match &entry.what {
            What::Answer { session, sdp } | What::FragmentAnswer { session, sdp } => {
                for (ufrag, _) in super::sdp::credentials(sdp) {
                    self.sessions.insert(ufrag, *session);
                }
            }
            What::PacketIn { leg, via, packet: Packet::Stun(message), .. } => {
                self.learn_owner(entry.at_us, *leg, *via, message, 0);
            }
            What::PacketOut { leg, via, packet, .. } => {
                self.channels.learn_from(*leg, packet);
                if let Packet::Stun(message) = packet {
                    self.learn_owner(entry.at_us, *leg, *via, message, 1);
                }
            }
            _ => {}
        }
    }

    /// `place`: where our ufrag stands in the user name.
    fn learn_owner(
        &mut self,
        at_us: u64,
        leg: Leg,
        via: Option<Via>,
        message: &StunMessage,
        place: usize,
    ) {
        let ufrag = username(message).and_then(|name| name.split(':').nth(place));
        let Some(session) = ufrag.and_then(|ufrag| self.sessions.get(ufrag)) else { return };
        let owners = self.owners.entry(self.channels.way(leg, via)).or_default();
        if owners.last().is_none_or(|(_, last)| last != session) {
            owners.push((at_us, *session));
        }
    }
}

/// The user name of an ICE check.
pub(super) fn username(message: &StunMessage) -> Option<&str> {
    let name = message.attributes.iter().find_map(|attribute| match attribute {
        StunAttribute::Username(name) => Some(name.as_str()),
        _ => None,
    });
    name.filter(|_| message.method == "binding" && message.class == "request")
}
