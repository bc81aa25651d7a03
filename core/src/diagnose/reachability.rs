//! Whether a viewer outside could reach us, and what stands in the way.

use std::collections::BTreeSet;

use super::{Cause, Proof, Severity, Surroundings, Verdict, ports, servers};
use crate::gather::{CandidateKind, LocalCandidate, Paths, is_public};
use crate::portmap::Protocol;
use crate::stun::MappingBehaviour;

/// Everything that is wrong around us, each once.
pub(super) fn causes(surroundings: &Surroundings) -> Vec<(Cause, Severity)> {
    let mut causes: Vec<Cause> = Vec::new();
    causes.extend(ports::judge(surroundings));
    let udp_blocked = servers::is_udp_blocked(surroundings);
    if udp_blocked {
        causes.push(Cause::of(Verdict::UdpBlockedHere));
    }
    let faults = (0..surroundings.servers.len()).filter_map(|at| servers::judge(surroundings, at));
    // What a firewall of ours silences is not the servers' fault.
    causes.extend(faults.filter(|cause| !udp_blocked || !is_silence(cause.verdict)));
    let reachable = is_reachable(surroundings);
    if !reachable && causes.is_empty() && surroundings.paths == Paths::Relay {
        causes.push(Cause::of(Verdict::NoRelay));
    } else if !reachable && causes.is_empty() {
        causes.extend(obstacle(surroundings).or(Some(Cause::of(Verdict::Unknown))));
    }
    let severity = if reachable { Severity::Degraded } else { Severity::Failed };
    let mut causes: Vec<_> = causes.into_iter().map(|cause| (cause, severity)).collect();
    if reachable && is_symmetric(surroundings) && !servers::has_relay(surroundings) {
        causes.push((Cause::of(Verdict::SymmetricNats), Severity::Degraded));
    }
    if let Some(port) = surroundings.ports.iter().position(is_tunnel) {
        causes.push((Cause::port(Verdict::Tunnel, port), Severity::Degraded));
    }
    causes
}

fn is_silence(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::StunSilent | Verdict::TurnSilent | Verdict::TurnTcpOnly)
}

/// What keeps viewers outside from us: the first thing to mend. `None`: nothing that is known.
pub(super) fn obstacle(surroundings: &Surroundings) -> Option<Cause> {
    if servers::has_relay(surroundings) || ports::any_proved(surroundings) {
        return None;
    }
    if servers::is_udp_blocked(surroundings) {
        return Some(Cause::of(Verdict::UdpBlockedHere));
    }
    let told = &surroundings.candidates;
    let udp = || told.iter().filter(|told| told.protocol == Protocol::Udp);
    let mapped = ports::judge(surroundings);
    let relay_fault = servers::fault(surroundings, true);
    let unproved = surroundings.ports.iter().position(|port| port.proof == Proof::Untried);
    let is_outside = |told: &LocalCandidate| is_public(told.address.ip());
    let reflexive = udp().any(|told| told.kind == CandidateKind::ServerReflexive);
    mapped
        .or(relay_fault)
        .or(unproved.map(|port| Cause::port(Verdict::ForwardMissing, port)))
        .or_else(|| match udp().any(is_outside) {
            true if reflexive => Some(Cause::of(Verdict::SymmetricNats)),
            true => Some(Cause::of(Verdict::UdpBlockedHere)),
            false => servers::fault(surroundings, false),
        })
        .or(Some(Cause::of(Verdict::PrivateCandidatesOnly)))
}

/// Whether a viewer outside would connect, as far as is known; hope counts where nobody tried.
fn is_reachable(surroundings: &Surroundings) -> bool {
    let relayed = servers::has_relay(surroundings);
    if relayed || surroundings.paths == Paths::Relay {
        return relayed;
    }
    if surroundings.ports.iter().any(|port| port.proof != Proof::Untried) {
        return ports::any_proved(surroundings);
    }
    if servers::is_udp_blocked(surroundings) {
        return false;
    }
    let outside = surroundings.candidates.iter().filter(|told| is_public(told.address.ip()));
    let mut udp = outside.filter(|told| told.protocol == Protocol::Udp);
    // Behind a NAT that gives each viewer another port, what a STUN server saw is of no use.
    let only_seen = surroundings.ports.is_empty() && is_symmetric(surroundings);
    udp.any(|told| !only_seen || told.kind == CandidateKind::Host)
}

/// Whether the NAT in front of us gives another port for each destination: by test, or else because
/// servers saw one socket at several addresses, none of them mapped by hand.
fn is_symmetric(surroundings: &Surroundings) -> bool {
    match surroundings.nat.as_ref().and_then(|nat| nat.mapping) {
        Some(mapping) => matches!(
            mapping,
            MappingBehaviour::AddressDependent | MappingBehaviour::AddressAndPortDependent
        ),
        None => surroundings.ports.is_empty() && sees_several(surroundings),
    }
}

fn sees_several(surroundings: &Surroundings) -> bool {
    let mut seen = surroundings.candidates.iter().filter(|told| {
        told.kind == CandidateKind::ServerReflexive && told.protocol == Protocol::Udp
    });
    let mut bases = BTreeSet::new();
    // A second address of the same socket and family.
    seen.any(|told| !bases.insert((told.base, told.address.is_ipv4())))
}

/// Whether what a witness sent seemed to come from somebody else: whoever carries it.
fn is_tunnel(port: &super::PortFacts) -> bool {
    match port.proof {
        Proof::Proved { seen_from } => {
            port.sent_from.is_some_and(|sent_from| sent_from != seen_from.ip().to_canonical())
        }
        _ => false,
    }
}
