//! The list of candidates: what our sockets, the servers, the relays and the program give.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::relay::Relay;
use super::{GatherEvent, Gatherer};
use crate::gather::local::{is_public, without_repeats};
use crate::gather::{Audience, GatherConfig, LocalCandidate, Paths, local_candidates, priority};
use crate::portmap::Protocol;

impl Gatherer {
    /// Lists the candidates anew, and tells what changed.
    pub(super) fn update_candidates(&mut self) {
        let GatherConfig { audience, paths, .. } = self.config;
        self.predicts = !self.predicted(0).is_empty();
        let mut list = local_candidates(&self.config);
        list.extend(self.added.iter().copied());
        let seen = self.mappings_seen().filter(|(_, address)| self.tells_mapping(*address));
        list.extend(
            seen.map(|(base, address)| {
                LocalCandidate::server_reflexive(Protocol::Udp, base, address)
            }),
        );
        if paths != Paths::Direct && audience != Audience::Lan {
            list.extend(self.relays.values().flat_map(Relay::candidates));
        }
        // Stable: within a kind, in the order in which they stand.
        list.sort_by_key(|candidate| Reverse(priority(candidate.kind, candidate.protocol, 0)));
        let list = without_repeats(list);
        let missing_in = |others: &[LocalCandidate], list: &[LocalCandidate]| {
            list.iter().filter(|one| !others.contains(one)).copied().collect::<Vec<_>>()
        };
        let added = missing_in(&self.candidates, &list);
        let removed = missing_in(&list, &self.candidates);
        self.candidates = list;
        if !added.is_empty() || !removed.is_empty() {
            self.events.push_back(GatherEvent::Changed { added, removed });
        }
    }

    /// Whether viewers are told of this outside address of a socket. A server may say anything.
    pub(super) fn tells_mapping(&self, address: SocketAddr) -> bool {
        let is_for_them = match self.config.audience {
            Audience::Public => is_public(address.ip()),
            Audience::Lan => false,
            Audience::Both => true,
        };
        is_for_them && self.config.paths != Paths::Relay
    }

    /// What servers see of our sockets: each base with its first mapping, in the order of servers.
    fn mappings_seen(&self) -> impl Iterator<Item = (SocketAddr, SocketAddr)> {
        let mut seen = BTreeMap::new();
        for (key, mapping) in &self.mappings {
            if let Some(address) = mapping.binding.mapped() {
                seen.entry(key.base).or_insert(address);
            }
        }
        seen.into_iter()
    }
}
