//! The report for programs. Names of fields are promised in docs/doctor.md; others may be added.

use pinhole_core::diagnose::{
    Answer, Diagnosis, Proof, ServerFacts, Severity, Surroundings, Witness,
};
use pinhole_core::gather::{Audience, CandidateKind, LocalCandidate, Paths, TurnTransport};
use pinhole_core::stun::{FilteringBehaviour, MappingBehaviour, NatReport};
use serde_json::{Value, json};

use super::ports::Port;
use super::report::{Check, Report};
use super::servers::ServerCheck;

/// Raised when a field goes or changes its meaning.
const VERSION: u32 = 1;

/// The whole report.
pub fn json(report: &Report) -> Value {
    json!({
        "version": VERSION,
        "pinhole": env!("CARGO_PKG_VERSION"),
        "ok": report.is_good(),
        "took_ms": report.took.as_millis() as u64,
        "verdicts": report.diagnoses.iter().map(verdict).collect::<Vec<_>>(),
        "checks": report.checks.iter().map(check).collect::<Vec<_>>(),
        "facts": facts(report),
    })
}

/// Where nothing could be examined.
pub fn failure(text: &str) -> Value {
    json!({
        "version": VERSION,
        "pinhole": env!("CARGO_PKG_VERSION"),
        "ok": false,
        "error": text,
    })
}

fn verdict(diagnosis: &Diagnosis) -> Value {
    json!({
        "code": diagnosis.verdict.code(),
        "severity": match diagnosis.severity {
            Severity::Degraded => "degraded",
            Severity::Failed => "failed",
        },
        "sentence": diagnosis.sentence,
        "fix": diagnosis.fix,
        "evidence": diagnosis.evidence,
    })
}

fn check(check: &Check) -> Value {
    json!({
        "area": check.area,
        "subject": check.subject,
        "grade": check.grade.name(),
        "text": check.text,
        "round_trip_ms": check.round_trip.map(milliseconds),
    })
}

fn facts(report: &Report) -> Value {
    let Surroundings { audience, paths, map, candidates, nat, clock, .. } = &report.surroundings;
    let machine = &report.machine;
    json!({
        "audience": match audience {
            Audience::Public => "public",
            Audience::Lan => "lan",
            Audience::Both => "both",
        },
        "paths": match paths {
            Paths::All => "all",
            Paths::Direct => "direct",
            Paths::Relay => "relay",
        },
        "map": map.entries().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "candidates": candidates.iter().map(candidate).collect::<Vec<_>>(),
        "servers": report.servers.iter().map(server).collect::<Vec<_>>(),
        "nat": nat.as_ref().map(nat_report),
        "ports": report.ports.iter().map(port).collect::<Vec<_>>(),
        "clock": clock.as_ref().map(|clock| json!({
            "offset_s": clock.seconds,
            "whose": clock.whose,
        })),
        "machine": {
            "udp_receive_bytes_max": machine.receive_max,
            "udp_send_bytes_max": machine.send_max,
            "gpus": machine.gpus,
            "encoder": machine.encoder.as_ref().unwrap_or_else(|why| why),
        },
    })
}

fn candidate(candidate: &LocalCandidate) -> Value {
    json!({
        "address": candidate.address,
        "base": candidate.base,
        "protocol": candidate.protocol.to_string(),
        "kind": match candidate.kind {
            CandidateKind::Host => "host",
            CandidateKind::ServerReflexive => "srflx",
            CandidateKind::Relayed(_) => "relay",
        },
    })
}

fn server(check: &ServerCheck) -> Value {
    let ServerFacts { url, relay, answer, minted, expires_unix, realm, .. } = &check.facts;
    let ServerFacts { opens_tcp, peers_refused, echo, .. } = &check.facts;
    let refused = peers_refused.iter().map(|(peer, code)| json!({ "peer": peer, "code": code }));
    json!({
        "url": url,
        "relay": relay.map(|relay| match relay {
            TurnTransport::Udp => "udp",
            TurnTransport::Tcp => "tcp",
            TurnTransport::Tls => "tls",
        }),
        "address": check.address,
        "answer": answer_of(answer),
        "minted": minted,
        "expires_unix": expires_unix,
        "realm": realm,
        "opens_tcp": opens_tcp,
        "peers_refused": refused.collect::<Vec<_>>(),
        "echo": echo,
        "round_trip_ms": check.round_trip.map(milliseconds),
        "echo_round_trip_ms": check.echo_round_trip.map(milliseconds),
        "seen_as": check.seen_as,
        "notes": check.notes,
    })
}

fn answer_of(answer: &Answer) -> Value {
    match answer {
        Answer::Pending => json!({ "kind": "pending" }),
        Answer::Unresolved => json!({ "kind": "unresolved" }),
        Answer::Silent => json!({ "kind": "silent" }),
        Answer::Unreachable(why) => json!({ "kind": "unreachable", "why": why }),
        Answer::Mapped(address) => json!({ "kind": "mapped", "address": address }),
        Answer::Relayed(addresses) => json!({ "kind": "relayed", "addresses": addresses }),
        Answer::Refused(code) => json!({ "kind": "refused", "code": code }),
        Answer::Lost => json!({ "kind": "lost" }),
    }
}

fn nat_report(report: &NatReport) -> Value {
    let mapping = |mapping| match mapping {
        MappingBehaviour::None => "none",
        MappingBehaviour::EndpointIndependent => "endpoint-independent",
        MappingBehaviour::AddressDependent => "address-dependent",
        MappingBehaviour::AddressAndPortDependent => "address-and-port-dependent",
    };
    json!({
        "mapping": report.mapping.map(mapping),
        "filtering": match report.filtering {
            FilteringBehaviour::Unknown => None,
            FilteringBehaviour::EndpointIndependent => Some("endpoint-independent"),
            FilteringBehaviour::AddressDependent => Some("address-dependent"),
            FilteringBehaviour::AddressAndPortDependent => Some("address-and-port-dependent"),
        },
        "hairpin": report.hairpin,
        "port_preserved": report.port_preserved,
        "port_step": report.port_step,
        "mapped": report.mapped.iter().map(|seen| json!({
            "destination": seen.destination,
            "address": seen.mapped,
        })).collect::<Vec<_>>(),
    })
}

fn port(port: &Port) -> Value {
    let proof = match port.facts.proof {
        Proof::Untried => json!({ "kind": "untried" }),
        Proof::Proved { seen_from } => json!({ "kind": "proved", "seen_from": seen_from }),
        Proof::AtPort(at) => json!({ "kind": "at-port", "port": at }),
        Proof::AtClosedPort => json!({ "kind": "at-closed-port" }),
        Proof::Refused => json!({ "kind": "refused" }),
        Proof::NoHost => json!({ "kind": "no-host" }),
        Proof::Silent => json!({ "kind": "silent" }),
    };
    json!({
        "external": port.facts.external,
        "internal": port.facts.internal,
        "proof": proof,
        "witness": match port.facts.witness {
            Witness::Reflector => Some("reflector"),
            Witness::Relay => Some("relay"),
            Witness::Viewer => Some("viewer"),
            Witness::None => None,
        },
        "passage": port.passage.map(|passage| json!({
            "sent": passage.sent,
            "arrived": passage.arrived,
            "out_of_order": passage.out_of_order,
            "together": passage.together,
            "gap_max_ms": passage.gap_max_ms,
        })),
        "note": port.note,
    })
}

/// With one digit behind the point.
fn milliseconds(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}
