//! The candidates of one section: which stay, which come in their place, which go.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::candidate::{Candidate, Key, Kind, foundation, unique};
use super::destination::{Destination, Host};
use super::{Mdns, Rewriter};
use crate::portmap::{Audience, Protocol};

/// RTP, and RTCP where it has a port of its own.
pub(super) const RTP: u16 = 1;
pub(super) const RTCP: u16 = 2;

/// A candidate of the outcome, for the choice of a default.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) destination: Destination,
    pub(super) component: u16,
    protocol: Option<Protocol>,
    kind: Kind,
    active: bool,
}

/// What became of a section's candidates.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// For each candidate the lines that come in its place.
    pub(super) lines: Vec<Vec<String>>,
    pub(super) told: Vec<Told>,
    /// What is left out, for a text.
    pub(super) lost: Vec<String>,
}

impl Rewriter<'_> {
    /// The outside addresses of a local one, the best first. An address that the map itself names
    /// as an outside one has been mapped before, and is not mapped again.
    pub(super) fn outside_of(&self, protocol: Protocol, base: SocketAddr) -> Vec<SocketAddr> {
        let ip = base.ip();
        if ip.is_unspecified() || ip.is_multicast() || base.port() == 0 {
            return Vec::new();
        }
        let outside = self.map.external_over(protocol, base);
        let is_outside = self.map.internal_over(protocol, base).is_some();
        if is_outside && !outside.contains(&base) { Vec::new() } else { outside }
    }

    /// Rewrites the candidates of a section. `foundations` are those of the whole text.
    pub(super) fn section(
        &self,
        candidates: &[Candidate<'_>],
        foundations: &BTreeSet<&str>,
    ) -> Outcome {
        let staying = || candidates.iter().filter(|candidate| self.stays(candidate));
        let mut taken: BTreeSet<Key> = staying().map(Candidate::key).collect();
        let mut priorities: BTreeSet<(u16, u32)> =
            staying().map(|candidate| (candidate.component, candidate.priority)).collect();
        let mut seen = BTreeSet::new();
        let mut outcome = Outcome::default();
        for candidate in candidates {
            let stays = self.stays(candidate);
            let mut lines = Vec::new();
            let repeated = self.audience == Audience::Public && !seen.insert(candidate.key());
            if stays && !repeated {
                lines.push(self.staying_line(candidate));
                let at = Destination::new(candidate.host, candidate.port);
                outcome.told.push(Told::new(candidate, at, candidate.kind));
            }
            let outside = self.outside_of_candidate(candidate);
            if !stays && outside.is_empty() {
                outcome.lost.push(candidate.shown());
            }
            for (place, at) in outside.into_iter().enumerate() {
                // What another candidate says already, perhaps one found by STUN, is not repeated.
                if !taken.insert(candidate.key_at(at)) {
                    continue;
                }
                let is_taken = |one| priorities.contains(&(candidate.component, one));
                let priority = unique(candidate.priority_outside(place), is_taken);
                priorities.insert((candidate.component, priority));
                let protocol = candidate.protocol.unwrap_or(Protocol::Udp);
                let name = foundation(at.ip(), protocol, |name| foundations.contains(name));
                lines.push(candidate.outside(at, priority, &name));
                let at = Destination::new(Host::Ip(at.ip()), at.port());
                outcome.told.push(Told::new(candidate, at, Kind::Reflexive));
            }
            outcome.lines.push(lines);
        }
        outcome
    }

    /// The outside addresses of a host candidate; its own may be among them.
    fn outside_of_candidate(&self, candidate: &Candidate<'_>) -> Vec<SocketAddr> {
        let (Kind::Host, false) = (candidate.kind, candidate.active) else { return Vec::new() };
        let base = candidate.protocol.zip(candidate.address());
        base.map_or_else(Vec::new, |(protocol, base)| self.outside_of(protocol, base))
    }

    /// Whether a candidate is told as it is.
    fn stays(&self, candidate: &Candidate<'_>) -> bool {
        if matches!(candidate.host, Host::Mdns(_)) {
            return self.mdns() == Mdns::Keep;
        }
        if self.audience != Audience::Public {
            return true;
        }
        // With a private address in it (`10.0.0.5.nip.io`, `::fffd:10.0.0.5`) it would be masked into
        // another.
        let host = candidate.line.split(' ').nth(4).unwrap_or_default();
        if self.finished(host).as_deref() != Some(host) {
            return false;
        }
        let Some(base) = candidate.address() else { return true };
        if base.ip().is_unspecified() || self.privacy().hides(base.ip()) {
            return false;
        }
        // A public interface behind a map is told by its outside address, unless that is its own.
        let outside = self.outside_of_candidate(candidate);
        outside.is_empty() || outside.contains(&base)
    }

    fn staying_line(&self, candidate: &Candidate<'_>) -> String {
        let masked = match self.audience {
            Audience::Public => candidate.without_base(self.privacy()),
            Audience::Lan | Audience::Both => None,
        };
        masked.unwrap_or_else(|| candidate.line.to_owned())
    }
}

impl Told {
    fn new(candidate: &Candidate<'_>, destination: Destination, kind: Kind) -> Told {
        let &Candidate { component, protocol, active, .. } = candidate;
        Told { destination, component, protocol, kind, active }
    }
}

impl Outcome {
    /// Whether a candidate of the component is told at the destination.
    pub(super) fn tells(&self, component: u16, destination: &Destination) -> bool {
        let mut told = self.told.iter();
        told.any(|told| told.component == component && told.destination == *destination)
    }

    /// The candidate that most surely works for those who use no other: relayed, then reflexive,
    /// then host (RFC 8839 §4.2.1), over the transport of the section, on IPv4.
    pub(super) fn best(&self, component: u16, over: Protocol) -> Option<&Destination> {
        let mut best: Option<(&Told, _)> = None;
        for told in self.told.iter().filter(|told| told.component == component) {
            let kind = match told.kind {
                Kind::Relayed => 2,
                Kind::Reflexive => 1,
                Kind::Host => 0,
            };
            let is_ip = told.destination.host().ip().is_some();
            let fits = told.protocol == Some(over) && !told.active;
            let rank = (fits, is_ip, kind, !told.destination.is_v6());
            if best.is_none_or(|(_, highest)| rank > highest) {
                best = Some((told, rank));
            }
        }
        best.map(|(told, _)| &told.destination)
    }
}
