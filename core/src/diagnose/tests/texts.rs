//! What each verdict says: read as a whole, by people who have never heard of WebRTC.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::facts::{behind, forwarded, server, turn};
use crate::diagnose::{Answer, Cause, ClockOffset, Proof, Severity, Surroundings, Verdict, words};
use crate::gather::TurnTransport;

/// Surroundings that have something of all that a text may speak of.
fn surroundings(verdict: Verdict) -> Surroundings {
    let mut server = match verdict {
        Verdict::StunSilent => server("stun:stun.example.org:3478", None, Answer::Silent),
        Verdict::TurnUnreachable => {
            server("turns:turn.example.org:5349", Some(TurnTransport::Tls), Answer::Silent)
        }
        _ => turn(Answer::Refused(508)),
    };
    server.realm = Some("example.org".to_owned());
    server.former_realm = Some("old.example.org".to_owned());
    server.peers_refused = vec![("10.20.0.2".parse().unwrap(), 403)];
    let clock = ClockOffset { seconds: -200_000, whose: "the reflector".to_owned() };
    Surroundings {
        clock: Some(clock),
        servers: behind(&[server]).servers,
        ..forwarded(Proof::AtPort(5001))
    }
}

fn cause(verdict: Verdict) -> Cause {
    use Verdict::{
        ClockSkew, ForwardMissing, ForwardToAnotherHost, ForwardToAnotherPort, MapShifted,
        NameUnresolved, StunSilent,
    };
    match verdict {
        ForwardMissing | ForwardToAnotherHost | ForwardToAnotherPort | MapShifted => {
            Cause::port(verdict, 0)
        }
        StunSilent | NameUnresolved | ClockSkew => Cause::server(verdict, 0),
        _ if verdict.code().starts_with("turn-") => Cause::server(verdict, 0),
        _ => Cause::of(verdict),
    }
}

#[test]
fn each_verdict_says_what_is_wrong_and_what_to_do() {
    let (mut page, mut codes, mut sentences) = (String::new(), BTreeSet::new(), BTreeSet::new());
    for verdict in Verdict::ALL {
        let said = words::put(cause(*verdict), Severity::Failed, &surroundings(*verdict), None);
        let code = verdict.code();
        assert!(codes.insert(code), "{code} twice");
        assert!(sentences.insert(said.sentence.clone()), "{code} says what another says");
        assert!(said.sentence.ends_with('.') && said.fix.ends_with('.'), "{code}: {said:?}");
        for address in ["10.10.0.2", "192.0.2.1", "198.51.100.2"] {
            let told = format!("{} {}", said.sentence, said.advice);
            assert!(!told.contains(address), "{code} tells viewers an address: {told}");
        }
        _ = writeln!(page, "{code}\n  {}\n  fix: {}", said.sentence, said.fix);
        if !said.advice.is_empty() {
            _ = writeln!(page, "  viewer: {}", said.advice);
        }
    }
    assert_eq!(page, include_str!("texts.txt"), "{page}");
}

#[test]
fn an_unknown_cause_brings_all_facts() {
    let session = super::facts::session(crate::diagnose::Stage::Connecting);
    let unknown = Cause::of(Verdict::Unknown);
    let said =
        words::put(unknown, Severity::Failed, &surroundings(Verdict::Unknown), Some(&session));
    let evidence = said.evidence.join("\n");

    for fact in ["a hidden host", "12 sent", "192.0.2.10:30000", "turn:192.0.2.1", "-200000 s"] {
        assert!(evidence.contains(fact), "{fact} is missing in\n{evidence}");
    }
}
