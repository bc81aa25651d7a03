//! Verdicts in words: what is wrong, and what to do about it.
//!
//! Written for people who have never heard of WebRTC. A sentence names no address of ours; what to
//! do names every flag, port and rule exactly.

mod network;
mod playing;
mod ports;
mod servers;
mod signalling;

use super::{Cause, Diagnosis, SessionFacts, Severity, Surroundings, Verdict, evidence};

/// What the viewer can do where the fault is none of its own.
const TELL: &str = "Tell whoever runs this server; its log has the details.";

/// What is wrong, what whoever runs the server can do, what the viewer can do.
struct Words {
    sentence: String,
    fix: String,
    advice: &'static str,
}

/// Puts a cause into words.
pub(super) fn put(
    cause: Cause,
    severity: Severity,
    surroundings: &Surroundings,
    session: Option<&SessionFacts>,
) -> Diagnosis {
    let Words { sentence, fix, advice } = match (cause.server, cause.port) {
        (Some(server), _) => servers::of_server(cause.verdict, surroundings.servers.get(server)),
        (_, port) if is_of_port(cause.verdict) => {
            let port = port.and_then(|port| surroundings.ports.get(port));
            ports::of_port(cause.verdict, port, surroundings)
        }
        _ => of_path(cause.verdict, surroundings),
    };
    Diagnosis {
        verdict: cause.verdict,
        severity,
        sentence,
        fix,
        advice: advice.to_owned(),
        evidence: evidence::lines(surroundings, session),
    }
}

fn is_of_port(verdict: Verdict) -> bool {
    use Verdict::{ForwardMissing, ForwardToAnotherHost, ForwardToAnotherPort, MapShifted};
    matches!(verdict, ForwardMissing | ForwardToAnotherHost | ForwardToAnotherPort | MapShifted)
}

fn of_path(verdict: Verdict, surroundings: &Surroundings) -> Words {
    let words = network::words(verdict, surroundings)
        .or_else(|| signalling::words(verdict))
        .or_else(|| playing::words(verdict));
    words.unwrap_or_else(|| Words {
        sentence: "It does not work, and nothing that is known explains it.".to_owned(),
        fix: "Run `pinhole doctor` with the same flags. If that shows nothing, start with --log pinhole=debug --record FILE \
              (--record-addresses hide leaves addresses out), let the viewer try again, and report it with both."
            .to_owned(),
        advice: TELL,
    })
}
