//! What STUN servers see of our sockets, and which port a NAT that counts will give next.

use std::net::SocketAddr;
use std::time::Instant;

use super::facts::Role;
use super::{GatherEvent, Gatherer, Machine, STAGGER};
use crate::gather::{LocalCandidate, Paths, ServerKind, ServerReport, TurnTransport};
use crate::portmap::Protocol;
use crate::stun::{Binding, BindingEvent, port_step};

/// Destinations asked from each socket, where servers have as many: with three a NAT that counts
/// shows its step.
const DESTINATIONS: usize = 3;
/// Ports offered ahead of the last one seen, as many as prediction was measured with.
const PREDICTED: i32 = 8;

/// Which socket is seen by which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::gather) struct MappingKey {
    pub(super) server: usize,
    pub(super) base: SocketAddr,
    pub(super) address: SocketAddr,
}

/// One socket as one server sees it.
pub(super) struct Mapping {
    pub(super) binding: Binding,
    /// Whether the server named this address itself (OTHER-ADDRESS).
    is_other: bool,
}

impl Gatherer {
    /// Asks each server from each socket that can reach it.
    pub(super) fn ask_for_mappings(&mut self, now: Instant) {
        let wanted = self.wanted_mappings();
        let sockets = &self.config.bases;
        self.mappings.retain(|key, mapping| {
            wanted.contains(key) || (mapping.is_other && sockets.contains(&key.base))
        });
        for key in wanted {
            self.ask_mapping(now, key, false);
        }
        self.update_servers();
        self.update_candidates();
    }

    fn wanted_mappings(&self) -> Vec<MappingKey> {
        if self.config.paths == Paths::Relay {
            return Vec::new();
        }
        let mut wanted = Vec::new();
        for (server, config) in self.config.servers.iter().enumerate() {
            // A TURN server over UDP is a STUN server too.
            let asks = match &config.kind {
                ServerKind::Stun => true,
                ServerKind::Turn { transport, .. } => *transport == TurnTransport::Udp,
            };
            for &base in self.config.bases.iter().filter(|_| asks) {
                let mut addresses = config.addresses.iter();
                let first = addresses.find(|address| reaches(base, **address));
                wanted.extend(first.map(|&address| MappingKey { server, base, address }));
            }
        }
        wanted
    }

    fn ask_mapping(&mut self, now: Instant, key: MappingKey, is_other: bool) {
        if self.mappings.contains_key(&key) {
            return;
        }
        let place = u32::try_from(self.mappings.len()).unwrap_or(u32::MAX);
        let binding = Binding::new(now + STAGGER * place, self.rng.child());
        self.mappings.insert(key, Mapping { binding, is_other });
        self.servers.insert(key.address);
        self.touch(Machine::Mapping(key));
    }

    pub(super) fn settle_mapping(&mut self, now: Instant, key: MappingKey) {
        let mut changed = false;
        while let Some(event) = self.mappings.get_mut(&key).and_then(|m| m.binding.poll_event()) {
            let report = match event {
                BindingEvent::Mapped(address) => {
                    self.ask_others(now, key);
                    ServerReport::Mapped { base: key.base, address }
                }
                BindingEvent::Silent => {
                    self.events.push_back(GatherEvent::ResolveWanted { server: key.server });
                    ServerReport::Silent
                }
                BindingEvent::Refused(code) => ServerReport::Refused(code),
            };
            changed = true;
            let is_other = self.mappings.get(&key).is_some_and(|mapping| mapping.is_other);
            if !is_other {
                self.tell_of(key.server, Role::Mirror, report);
            }
        }
        if changed {
            self.update_candidates();
        }
    }

    /// Asks a server's other address too, where there are too few servers to see a NAT count.
    fn ask_others(&mut self, now: Instant, key: MappingKey) {
        let Some(mapping) = self.mappings.get(&key).filter(|mapping| !mapping.is_other) else {
            return;
        };
        let from_here = self.mappings.keys().filter(|other| other.base == key.base).count();
        let Some(other) = mapping.binding.other_address() else { return };
        // In the order of the keys, which is then the order of their ports.
        let mut alternates = [other, SocketAddr::new(other.ip(), key.address.port())];
        alternates.sort();
        for address in alternates.into_iter().take(DESTINATIONS.saturating_sub(from_here)) {
            if reaches(key.base, address) && address != key.address {
                self.ask_mapping(now, MappingKey { address, ..key }, true);
            }
        }
    }

    /// The ports that a NAT which counts will give next, as candidates; `destinations` counts the
    /// addresses that we sent to since the servers saw us. Only where they saw different ports, one
    /// constant step apart.
    pub(crate) fn predicted(&self, destinations: u16) -> Vec<LocalCandidate> {
        let mut predicted = Vec::new();
        for &base in &self.config.bases {
            // In the order in which they were asked: keys are ordered otherwise only for addresses
            // that the server named, which come after its own.
            let (own, others): (Vec<_>, Vec<_>) = self
                .mappings
                .iter()
                .filter(|(key, _)| key.base == base)
                .partition(|(_, mapping)| !mapping.is_other);
            let seen: Vec<SocketAddr> =
                own.into_iter().chain(others).filter_map(|(_, m)| m.binding.mapped()).collect();
            let ports: Vec<u16> = seen.iter().map(SocketAddr::port).collect();
            let (Some(step), Some(last)) = (port_step(&ports), seen.last()) else { continue };
            if !self.tells_mapping(*last) {
                continue;
            }
            for ahead in 1..=PREDICTED {
                let ahead = ahead + i32::from(destinations);
                let port = i32::from(last.port()) + step * ahead;
                let Some(port) = u16::try_from(port).ok().filter(|port| *port > 0) else { break };
                let address = SocketAddr::new(last.ip(), port);
                predicted.push(LocalCandidate::server_reflexive(Protocol::Udp, base, address));
            }
        }
        predicted
    }
}

/// Whether a datagram from `base` can get to `server`.
pub(super) fn reaches(base: SocketAddr, server: SocketAddr) -> bool {
    let link_local = match base {
        SocketAddr::V4(v4) => v4.ip().is_link_local(),
        SocketAddr::V6(v6) => v6.ip().is_unicast_link_local(),
    };
    base.is_ipv4() == server.is_ipv4()
        && base.ip().is_loopback() == server.ip().is_loopback()
        && !link_local
}
