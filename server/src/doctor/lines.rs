//! What each check found, as one line for people. What it means for viewers is said by the verdicts.

use std::net::IpAddr;

use pinhole_core::diagnose::{Answer, ClockOffset, Proof, Witness};
use pinhole_core::gather::{CandidateKind, LocalCandidate, TurnTransport};
use pinhole_core::stun::{FilteringBehaviour, MappingBehaviour, NatReport};

use super::machine::Machine;
use super::ports::Port;
use super::report::{Check, Grade};
use super::servers::ServerCheck;

/// A clock that is off by more is worth a word: credentials of TURN servers end by the clock.
const CLOCK_SECONDS_MAX: u64 = 30;

/// The names in the map, and what the start would warn of.
pub(super) fn start(resolved: &[(String, IpAddr)], notes: Vec<String>) -> Vec<Check> {
    let named = |(name, address): &(String, IpAddr)| {
        Check::new("name", name, Grade::Good, format!("is {address} now"))
    };
    let noted = |note| Check::new("address", "", Grade::Note, note);
    resolved.iter().map(named).chain(notes.into_iter().map(noted)).collect()
}

/// The addresses that viewers are told.
pub(super) fn candidates(candidates: &[LocalCandidate]) -> Vec<Check> {
    let line = |candidate: &LocalCandidate| {
        let LocalCandidate { address, base, protocol, kind } = candidate;
        let text = match kind {
            CandidateKind::Host => "an address of this machine".to_string(),
            CandidateKind::ServerReflexive => format!("leads to {base}"),
            CandidateKind::Relayed(_) => "relayed by a TURN server".to_string(),
        };
        Check::new("address", &format!("{protocol} {address}"), Grade::Good, text)
    };
    match candidates {
        [] => vec![Check::new("address", "", Grade::Bad, "viewers are told none".to_string())],
        some => some.iter().map(line).collect(),
    }
}

/// What viewers have in place of an outside port that can be foreseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    /// It is not known yet.
    Unknown,
    /// A port is forwarded.
    Forward,
    /// A TURN server relays.
    Relay,
    /// There are TURN servers, and none relays.
    NoRelay,
    /// Nothing.
    Nothing,
}

/// The NAT in front of us and what it means, or why nothing is known of it.
pub(super) fn nat(report: &Result<NatReport, String>, instead: Instead) -> Check {
    let report = match report {
        Ok(report) => report,
        Err(why) => return Check::new("nat", "", Grade::Unknown, why.clone()),
    };
    let (grade, mapping) = match report.mapping {
        Some(MappingBehaviour::None) => {
            (Grade::Good, "no NAT: servers see this machine's own address")
        }
        Some(MappingBehaviour::EndpointIndependent) => {
            (Grade::Good, "one outside port for all destinations, so direct paths can be made")
        }
        Some(MappingBehaviour::AddressDependent) => {
            (Grade::Note, "another outside port for each destination address")
        }
        Some(MappingBehaviour::AddressAndPortDependent) => {
            (Grade::Note, "symmetric: another outside port for each destination")
        }
        None => (
            Grade::Unknown,
            "one server's view is not enough to tell; name a second STUN server at another address",
        ),
    };
    let filtering = match report.filtering {
        FilteringBehaviour::Unknown => "",
        FilteringBehaviour::EndpointIndependent => "; lets in whoever knows the port",
        FilteringBehaviour::AddressDependent => "; lets in addresses that were written to",
        FilteringBehaviour::AddressAndPortDependent => "; lets in only who was written to",
    };
    let hairpin = match report.hairpin {
        Some(true) => "; its outside address works from inside, too",
        Some(false) => "; its outside address does not work from inside",
        None => "",
    };
    let meaning = match (grade, instead) {
        (Grade::Note, Instead::Forward) => ". Viewers come through the forwarded port instead",
        (Grade::Note, Instead::Relay) => {
            ". Viewers whose own NAT is strict come through the TURN server"
        }
        (Grade::Note, Instead::NoRelay) => {
            ". Viewers whose own NAT is strict need a TURN server, and none works"
        }
        (Grade::Note, Instead::Nothing) => {
            ". Viewers whose own NAT is strict need a TURN server, and none is configured"
        }
        _ => "",
    };
    Check::new("nat", "", grade, format!("{mapping}{filtering}{hairpin}{meaning}"))
}

/// A STUN or TURN server.
pub(super) fn server(check: &ServerCheck) -> Check {
    let facts = &check.facts;
    let area = if facts.relay.is_some() { "turn" } else { "stun" };
    let (grade, said) = match &facts.answer {
        Answer::Pending => (Grade::Unknown, "not asked to the end: no time was left".to_string()),
        Answer::Unresolved => (Grade::Bad, "its name has no address".to_string()),
        Answer::Silent => (Grade::Bad, "does not answer".to_string()),
        Answer::Unreachable(why) => (Grade::Bad, why.clone()),
        Answer::Mapped(address) => (Grade::Good, format!("sees us at {address}")),
        Answer::Relayed(addresses) => {
            let at: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let grade = if facts.echo == Some(false) { Grade::Bad } else { Grade::Good };
            (grade, format!("relays for us at {}", at.join(" and ")))
        }
        Answer::Refused(code) => (Grade::Bad, format!("refuses: {}", refusal(*code))),
        Answer::Lost => (Grade::Bad, "forgot our allocation at once".to_string()),
    };
    let mut text = said;
    match (facts.echo, check.echo_round_trip) {
        (Some(true), Some(time)) => {
            let time = super::table::milliseconds(time);
            text += &format!("; a datagram came back through it in {time}");
        }
        (Some(true), None) => text += "; a datagram came back through it",
        (Some(false), _) => text += "; nothing sent through it arrives",
        (None, _) => {}
    }
    for (peer, code) in &facts.peers_refused {
        text += &format!("; does not relay to {peer} ({code})");
    }
    let is_udp = matches!(facts.relay, None | Some(TurnTransport::Udp));
    if is_udp && facts.answer == Answer::Silent && facts.opens_tcp == Some(true) {
        text += "; the same port takes TCP connections";
    }
    for note in &check.notes {
        text += &format!(" ({note})");
    }
    Check { round_trip: check.round_trip, ..Check::new(area, &facts.url, grade, text) }
}

fn refusal(code: u16) -> String {
    let words = match code {
        300 => "it sends us to another server",
        400 => "it does not understand the request",
        401 => "user name or password is wrong",
        403 => "it is forbidden",
        437 => "it has an allocation of ours already",
        438 => "it says for ever that its nonce is stale",
        440 => "it has no address of this family",
        441 => "the credentials are not those of the allocation",
        442 => "it does not relay UDP",
        486 => "this user has too many allocations",
        508 => "it has no room",
        500..=599 => "it has an error of its own",
        _ => "for a reason of its own",
    };
    format!("{words} ({code})")
}

/// A mapped port.
pub(super) fn port(port: &Port) -> Check {
    let facts = &port.facts;
    let by = match facts.witness {
        Witness::Reflector => "the reflector",
        Witness::Relay => "the TURN server's relay",
        Witness::Viewer => "a viewer",
        Witness::None => "nobody",
    };
    let internal = facts.internal;
    let (grade, text) = match facts.proof {
        Proof::Untried if port.note.is_none() => (
            Grade::Unknown,
            format!("not proved to lead to {internal}; --reflector HOST:PORT or a TURN server can"),
        ),
        Proof::Untried => (Grade::Unknown, format!("not proved to lead to {internal}")),
        Proof::Proved { seen_from } if port.sent_from.is_some_and(|it| it != seen_from.ip()) => (
            Grade::Note,
            format!("what {by} sent came to {internal} from {seen_from}, through a tunnel"),
        ),
        Proof::Proved { .. } => (Grade::Good, format!("what {by} sent came to {internal}")),
        Proof::AtPort(at) => {
            (Grade::Bad, format!("what {by} sent came to port {at} instead of {}", internal.port()))
        }
        Proof::AtClosedPort => (
            Grade::Bad,
            format!("what {by} sent came to this machine, at a port where nothing listens"),
        ),
        Proof::Refused => {
            (Grade::Bad, format!("what {by} sent was refused by another machine or the router"))
        }
        Proof::NoHost => {
            (Grade::Bad, format!("what {by} sent was forwarded to a machine that does not exist"))
        }
        Proof::Silent => (Grade::Bad, format!("what {by} sent did not arrive")),
    };
    let figure = port
        .passage
        .map(|passage| format!("{} of {}", passage.arrived, passage.sent))
        .unwrap_or_default();
    let note = port.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    let text = format!("{text}{note}");
    Check { figure, ..Check::new("port", &format!("udp {}", facts.external), grade, text) }
}

/// Our clock, as a reflector sees it.
pub(super) fn clock(clock: &ClockOffset) -> Check {
    let seconds = clock.seconds;
    let text = match seconds {
        0 => format!("agrees with that of {}", clock.whose),
        1.. => format!("{seconds} s ahead of that of {}", clock.whose),
        _ => format!("{} s behind that of {}", seconds.unsigned_abs(), clock.whose),
    };
    let is_off = seconds.unsigned_abs() > CLOCK_SECONDS_MAX;
    let figure = format!("{seconds:+} s");
    Check { figure, ..Check::new("clock", "", if is_off { Grade::Bad } else { Grade::Good }, text) }
}

/// Buffers, GPUs, encoder.
pub(super) fn machine(machine: &Machine) -> Vec<Check> {
    let kilobytes = |bytes: Option<u64>| {
        bytes.map_or_else(|| "unknown".to_string(), |bytes| format!("{} kB", bytes / 1024))
    };
    let (receive, send) = (kilobytes(machine.receive_max), kilobytes(machine.send_max));
    let sysctls = machine.sysctls();
    let said = format!("at most {receive} in, {send} out");
    let buffers = match sysctls.is_empty() {
        true => Check::new("buffers", "", Grade::Good, said),
        false => {
            let text = format!("{said}: bursts may be lost; raise with: {}", sysctls.join(" && "));
            Check::new("buffers", "", Grade::Note, text)
        }
    };
    let gpus = match machine.gpus.as_slice() {
        [] => "none found".to_string(),
        some => some.join(", "),
    };
    let encoder = match &machine.encoder {
        Ok(text) if machine.is_fast => Check::new("encoder", "", Grade::Good, text.clone()),
        Ok(text) => Check::new("encoder", "", Grade::Note, text.clone()),
        Err(why) => Check::new("encoder", "", Grade::Bad, why.clone()),
    };
    vec![buffers, Check::new("gpu", "", Grade::Good, gpus), encoder]
}
