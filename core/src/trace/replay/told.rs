//! What the program told the recorded endpoint, as it is told to the one of the re-run.

use std::net::SocketAddr;
use std::time::Duration;

use crate::diagnose::{BrowserReport, ClockOffset, IceError, PortFacts, Proof, Witness};
use crate::endpoint::Findings;
use crate::gather::{CandidateKind, LocalCandidate, TurnTransport};
use crate::portmap::Protocol;
use crate::stun::{FilteringBehaviour, MappingBehaviour, NatReport, Observation};
use crate::trace::told::{BrowserTold, FindingsTold, NatTold, PortTold};

/// Bounds as whoever tells an endpoint keeps them.
const LIST_MAX: usize = 1_024;

/// A browser's report; `ours` and `its` are the fingerprints that stand for those of the recording.
pub(super) fn browser(told: &BrowserTold, fingerprint: impl Fn(&str) -> String) -> BrowserReport {
    let error = |it: &crate::trace::told::BrowserError| IceError {
        url: it.url.clone(),
        code: it.code,
        text: it.text.clone(),
    };
    BrowserReport {
        ice: told.ice.clone(),
        connection: told.connection.clone(),
        errors: told.errors.iter().take(LIST_MAX).map(error).collect(),
        candidate_types: told.candidate_types.iter().take(LIST_MAX).cloned().collect(),
        pair: told.pair.clone(),
        bytes_received: told.bytes_received,
        packets_received: told.packets_received,
        frames_decoded: told.frames_decoded,
        unix_seconds: told.unix_seconds,
        our_fingerprint: told.our_fingerprint.as_deref().map(&fingerprint),
        its_fingerprint: told.its_fingerprint.as_deref().map(&fingerprint),
    }
}

pub(super) fn findings(told: &FindingsTold) -> Findings {
    let whose = || told.clock_of.clone().unwrap_or_default();
    Findings {
        nat: told.nat.as_ref().map(nat),
        ports: told.ports.iter().take(LIST_MAX).map(port).collect(),
        clock: told.clock_seconds.map(|seconds| ClockOffset { seconds, whose: whose() }),
        encoder_stalled: told.encoder_stalled_ms.map(Duration::from_millis),
        opens_tcp: told.opens_tcp.iter().take(LIST_MAX).copied().collect(),
    }
}

fn nat(told: &NatTold) -> NatReport {
    let mapping = match told.mapping.as_deref() {
        Some("none") => Some(MappingBehaviour::None),
        Some("endpoint_independent") => Some(MappingBehaviour::EndpointIndependent),
        Some("address_dependent") => Some(MappingBehaviour::AddressDependent),
        Some("address_and_port_dependent") => Some(MappingBehaviour::AddressAndPortDependent),
        _ => None,
    };
    let filtering = match told.filtering.as_str() {
        "endpoint_independent" => FilteringBehaviour::EndpointIndependent,
        "address_dependent" => FilteringBehaviour::AddressDependent,
        "address_and_port_dependent" => FilteringBehaviour::AddressAndPortDependent,
        _ => FilteringBehaviour::Unknown,
    };
    let seen = |&(destination, mapped): &(SocketAddr, SocketAddr)| Observation {
        destination,
        mapped,
        origin: None,
    };
    NatReport {
        mapping,
        filtering,
        hairpin: told.hairpin,
        port_preserved: told.port_preserved,
        port_step: told.port_step,
        mapped: told.mapped.iter().take(LIST_MAX).map(seen).collect(),
        unanswered: Vec::new(),
    }
}

fn port(told: &PortTold) -> PortFacts {
    let proof = match (told.proof.as_str(), told.seen_from, told.at_port) {
        ("proved", Some(seen_from), _) => Proof::Proved { seen_from },
        ("at_port", _, Some(at)) => Proof::AtPort(at),
        ("at_closed_port", ..) => Proof::AtClosedPort,
        ("refused", ..) => Proof::Refused,
        ("no_host", ..) => Proof::NoHost,
        ("silent", ..) => Proof::Silent,
        _ => Proof::Untried,
    };
    let witness = match told.witness.as_str() {
        "reflector" => Witness::Reflector,
        "relay" => Witness::Relay,
        "viewer" => Witness::Viewer,
        _ => Witness::None,
    };
    let (external, internal) = (told.external, told.internal);
    PortFacts { external, internal, proof, witness, sent_from: None }
}

/// A candidate line of ours as [`candidate_line`](crate::gather::candidate_line) writes it.
pub(super) fn local_candidate(base: SocketAddr, line: &str) -> Option<LocalCandidate> {
    let fields: Vec<&str> = line.split_once("candidate:")?.1.split_whitespace().collect();
    let [_, _, protocol, _, ip, port, _, kind, ..] = fields.as_slice() else { return None };
    let protocol = match *protocol {
        "udp" => Protocol::Udp,
        "tcp" => Protocol::Tcp,
        _ => return None,
    };
    let kind = match *kind {
        "host" => CandidateKind::Host,
        "srflx" => CandidateKind::ServerReflexive,
        "relay" => CandidateKind::Relayed(TurnTransport::Udp),
        _ => return None,
    };
    let address = SocketAddr::new(ip.parse().ok()?, port.parse().ok()?);
    Some(LocalCandidate { base, address, kind, protocol })
}
