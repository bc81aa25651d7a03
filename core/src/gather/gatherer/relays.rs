//! An allocation at each TURN server.

use std::net::SocketAddr;
use std::time::Instant;

use super::facts::Role;
use super::relay::{Relay, ways};
use super::{GatherEvent, Gatherer, Leg, Machine, STAGGER};
use crate::base::StreamId;
use crate::gather::{CandidateKind, Paths, ServerKind, ServerReport};
use crate::turn::AllocationEvent;
use crate::wire::Envelope;

impl Gatherer {
    /// Makes a relay for each TURN server, and tells each where its server is.
    pub(super) fn ask_for_relays(&mut self, now: Instant) {
        if self.config.paths == Paths::Direct {
            return;
        }
        for (server, config) in self.config.servers.iter().enumerate() {
            let ServerKind::Turn { transport, credentials } = &config.kind else { continue };
            let ways = ways(config, *transport, &self.config.bases);
            let relay = self.relays.entry(server).or_insert_with(|| {
                let (credentials, host) = (credentials.clone(), config.host.clone());
                let rng = self.rng.child();
                Relay::new(*transport, credentials, host, self.wall_clock, rng)
            });
            relay.set_ways(now + STAGGER * u32::try_from(server).unwrap_or(0), ways);
        }
        self.connect_relays(now);
        self.update_servers();
    }

    /// How a datagram of `len` bytes leaves from a relayed address. `None`: that relay is gone, or
    /// the peer is none that it can reach.
    pub(crate) fn wrap(
        &mut self,
        now: Instant,
        relayed: SocketAddr,
        peer: SocketAddr,
        len: usize,
    ) -> Option<(Envelope, Leg)> {
        let mut relays = self.relays.iter_mut();
        let (index, relay) = relays.find(|(_, relay)| relay.holds(relayed))?;
        let index = *index;
        let wrapped = relay.wrap(now, peer, len);
        // A permission or a channel may be wanted now.
        self.touch(Machine::Relay(index));
        wrapped
    }

    /// The connection that a relayed address is behind, if it is behind one.
    pub(crate) fn stream_of(&self, relayed: SocketAddr) -> Option<StreamId> {
        let mut relays = self.relays.values();
        relays.find(|relay| relay.holds(relayed)).and_then(Relay::stream)
    }

    /// How the relay of a relayed address is reached.
    pub(crate) fn relay_kind(&self, relayed: SocketAddr) -> Option<CandidateKind> {
        let relay = self.relays.values().find(|relay| relay.holds(relayed))?;
        Some(CandidateKind::Relayed(relay.transport()))
    }

    /// Lets a viewer's address through each relay, before anything is sent there.
    pub(crate) fn add_peer(&mut self, now: Instant, peer: SocketAddr) {
        let indices: Vec<usize> = self.relays.keys().copied().collect();
        for index in indices {
            if let Some(relay) = self.relays.get_mut(&index) {
                relay.add_peer(now, peer);
            }
            self.settle(now, Machine::Relay(index));
        }
    }

    /// Gives back what the servers hold for us, for good.
    pub(crate) fn close(&mut self, now: Instant) {
        for relay in self.relays.values_mut() {
            relay.close(now);
        }
        self.settle_all(now);
    }

    /// Whether no server holds anything for us any more, as far as they can be told.
    pub(crate) fn is_closed(&self) -> bool {
        self.relays.values().all(Relay::is_closed)
    }

    /// A viewer behind a relay fell silent: the relays are asked whether they still are any.
    pub(crate) fn suspect_relays(&mut self, now: Instant) {
        for relay in self.relays.values_mut() {
            relay.suspect(now);
        }
        self.settle_all(now);
    }

    /// Opens the connections that are wanted and not there.
    fn connect_relays(&mut self, now: Instant) {
        for relay in self.relays.values_mut() {
            let stream = StreamId(self.streams_made + 1);
            if let Some((remote, tls)) = relay.connect(now, stream) {
                self.streams_made += 1;
                self.events.push_back(GatherEvent::Connect { stream, remote, tls });
            }
        }
    }

    pub(super) fn relay_timeout(&mut self, now: Instant, index: usize) {
        if let Some(relay) = self.relays.get_mut(&index) {
            relay.handle_timeout(now);
        }
        self.connect_relays(now);
    }

    pub(super) fn settle_relay(&mut self, now: Instant, index: usize) {
        let mut changed = false;
        while let Some(event) = self.relays.get_mut(&index).and_then(Relay::poll_event) {
            changed = true;
            let report = match event {
                AllocationEvent::Allocated { relayed, .. } => {
                    ServerReport::Relayed { addresses: relayed.iter().collect() }
                }
                AllocationEvent::Lost(cause) => {
                    tracing::debug!(server = index, ?cause, "relay lost");
                    ServerReport::Lost
                }
                AllocationEvent::Refused { code } => ServerReport::Refused(code),
                AllocationEvent::PeerRefused { peer, code } => {
                    tracing::debug!(server = index, %peer, code, "a relay refuses a viewer");
                    continue;
                }
                AllocationEvent::Moved(address) => {
                    self.move_relay(now, index, address);
                    continue;
                }
                AllocationEvent::Silent => {
                    self.try_next_way(now, index);
                    self.events.push_back(GatherEvent::ResolveWanted { server: index });
                    ServerReport::Silent
                }
            };
            self.tell_of(index, Role::Relay, report);
        }
        if changed {
            self.update_servers();
            self.update_candidates();
        }
    }

    /// A server that sends us elsewhere: over UDP the allocation has gone there by itself.
    fn move_relay(&mut self, now: Instant, index: usize, address: SocketAddr) {
        let Some(relay) = self.relays.get_mut(&index) else { return };
        if let Some(stream) = relay.move_to(now, address) {
            self.events.push_back(GatherEvent::Disconnect { stream });
            self.connect_relays(now);
        }
    }

    fn try_next_way(&mut self, now: Instant, index: usize) {
        let Some(relay) = self.relays.get_mut(&index) else { return };
        if let Some(stream) = relay.try_next_way(now) {
            self.events.push_back(GatherEvent::Disconnect { stream });
        }
        self.connect_relays(now);
    }

    /// A connection that was wanted is up.
    pub(crate) fn stream_connected(&mut self, now: Instant, stream: StreamId) {
        let mut relays = self.relays.iter_mut().filter(|(_, relay)| relay.stream() == Some(stream));
        let Some((index, relay)) = relays.next() else { return };
        let index = *index;
        relay.connected(now, stream);
        self.settle(now, Machine::Relay(index));
    }

    /// A connection is gone, or could not be made. True: it was one of ours.
    pub(crate) fn stream_closed(&mut self, now: Instant, stream: StreamId) -> bool {
        let mut relays = self.relays.iter_mut().filter(|(_, relay)| relay.stream() == Some(stream));
        let Some((index, relay)) = relays.next() else { return false };
        let index = *index;
        let never_was = relay.disconnected(now);
        if never_was {
            self.tell_of(index, Role::Relay, ServerReport::Silent);
            self.events.push_back(GatherEvent::ResolveWanted { server: index });
        }
        self.update_servers();
        self.update_candidates();
        self.settle(now, Machine::Relay(index));
        true
    }
}
