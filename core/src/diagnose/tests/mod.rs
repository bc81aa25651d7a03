//! Facts × verdict, and what each verdict says.

mod facts;
mod texts;

use std::fmt::Write as _;
use std::time::Duration;

use facts::{
    behind, behind_nat, forwarded, heard, open, port, server, session, stun, turn, viewer,
};

use super::{
    Answer, BrowserReport, Checks, ClockOffset, Dtls, IceError, Media, Proof, SessionFacts,
    Severity, Stage, Surroundings, diagnose, examine,
};
use crate::gather::{Paths, TurnTransport};
use crate::session::{CloseCause, PathKind};

/// One row: what is known, and the verdicts on the session and on the surroundings.
fn row(name: &str, surroundings: &Surroundings, session: &SessionFacts) -> String {
    let short = |severity| match severity {
        Severity::Degraded => "degraded",
        Severity::Failed => "failed",
    };
    let one = match diagnose(surroundings, session) {
        Some(it) => format!("{} {}", it.verdict.code(), short(it.severity)),
        None => "fine".to_owned(),
    };
    let mut all = String::new();
    for it in examine(surroundings) {
        _ = write!(all, " {} {}", it.verdict.code(), short(it.severity));
    }
    let all = if all.is_empty() { " fine" } else { &all };
    format!("{name}: {one} |{all}\n")
}

fn browser(change: impl FnOnce(&mut BrowserReport)) -> Option<BrowserReport> {
    let mut report = BrowserReport {
        ice: "checking".to_owned(),
        connection: "connecting".to_owned(),
        ..BrowserReport::default()
    };
    change(&mut report);
    Some(report)
}

/// Sessions to which nothing comes.
#[test]
fn what_keeps_a_viewer_from_connecting_has_one_name() {
    let mut table = String::new();
    let lost = session(Stage::Connecting);
    let mut add = |name: &str, around: &Surroundings, session: &SessionFacts| {
        table += &row(name, around, session);
    };
    add("lan only", &behind(&[]), &lost);
    add("lan only, same network", &behind(&[]), &viewer("10.10.0.9:5000", &lost));
    add("public host", &open(), &lost);
    add("forward untried", &forwarded(Proof::Untried), &lost);
    add("forward silent", &forwarded(Proof::Silent), &lost);
    add("forward at next port", &forwarded(Proof::AtPort(5001)), &lost);
    add("forward at far port", &forwarded(Proof::AtPort(6000)), &lost);
    add("forward at closed port", &forwarded(Proof::AtClosedPort), &lost);
    add("forward refused", &forwarded(Proof::Refused), &lost);
    add("forward to no host", &forwarded(Proof::NoHost), &lost);
    let proved = forwarded(Proof::Proved { seen_from: "192.0.2.1:9".parse().unwrap() });
    add("forward proved", &proved, &lost);
    let tunnel = forwarded(Proof::Proved { seen_from: "127.0.0.1:9".parse().unwrap() });
    add("forward proved from near", &tunnel, &lost);
    let mut shifted = forwarded(Proof::AtPort(5004));
    shifted.ports.push(port(30001, 5001, Proof::AtPort(5005)));
    add("range shifted by four", &shifted, &lost);
    assert_eq!(table, NOTHING_COMES, "{table}");
}

/// The same, with servers that do not help.
#[test]
fn a_server_that_does_not_help_is_named() {
    let mut table = String::new();
    let lost = session(Stage::Connecting);
    let mut add = |name: &str, around: &Surroundings, session: &SessionFacts| {
        table += &row(name, around, session);
    };
    add("stun silent", &behind(&[stun(Answer::Silent)]), &lost);
    add("stun pending", &behind(&[stun(Answer::Pending)]), &lost);
    let two = [stun(Answer::Silent), server("stun:192.0.2.2:3478", None, Answer::Silent)];
    add("two stun silent", &behind(&two), &lost);
    add("stun fine, punching fails", &behind_nat(&[]), &lost);
    add("turn silent", &behind(&[turn(Answer::Silent)]), &lost);
    let mut tcp = turn(Answer::Silent);
    tcp.opens_tcp = Some(true);
    add("turn silent, takes tcp", &behind(&[tcp]), &lost);
    add("turn and stun silent", &behind(&[stun(Answer::Silent), turn(Answer::Silent)]), &lost);
    add("turn name unresolved", &behind(&[turn(Answer::Unresolved)]), &lost);
    let tls = server("turns:192.0.2.1:443", Some(TurnTransport::Tls), {
        Answer::Unreachable("no TLS".to_owned())
    });
    add("turn over tls not reached", &behind(&[tls]), &lost);
    add("turn 401", &behind(&[turn(Answer::Refused(401))]), &lost);
    let mut over = turn(Answer::Refused(401));
    over.expires_unix = Some(1_000);
    add("turn 401, time over", &behind(&[over.clone()]), &lost);
    over.expires_unix = Some(9_000_000_000);
    add("turn 401, time left", &behind(&[over]), &lost);
    let mut minted = turn(Answer::Refused(401));
    minted.minted = true;
    let mut skewed = behind(&[minted]);
    add("turn 401, minted", &skewed, &lost);
    skewed.clock = Some(ClockOffset { seconds: -200_000, whose: "the reflector".to_owned() });
    add("turn 401, minted, clock off", &skewed, &lost);
    let mut realm = turn(Answer::Refused(401));
    (realm.realm, realm.former_realm) = (Some("new".to_owned()), Some("old".to_owned()));
    add("turn 401, other realm", &behind(&[realm]), &lost);
    add("turn 486", &behind(&[turn(Answer::Refused(486))]), &lost);
    add("turn 403", &behind(&[turn(Answer::Refused(403))]), &lost);
    assert_eq!(table, SERVERS, "{table}");
}

/// The same, with relays that are there.
#[test]
fn a_relay_that_is_there_may_still_not_help() {
    let mut table = String::new();
    let lost = session(Stage::Connecting);
    let mut add = |name: &str, around: &Surroundings, session: &SessionFacts| {
        table += &row(name, around, session);
    };
    let relays = turn(Answer::Relayed(vec!["192.0.2.1:60000".parse().unwrap()]));
    add("relay works, nothing comes", &behind(std::slice::from_ref(&relays)), &lost);
    let mut dead = relays.clone();
    dead.echo = Some(false);
    add("relay without echo", &behind(&[dead]), &lost);
    let mut refusing = relays.clone();
    refusing.peers_refused = vec![("10.20.0.2".parse().unwrap(), 403)];
    let private = viewer("10.20.0.2:6000", &lost);
    add("relay refuses the peer", &behind(&[refusing.clone()]), &private);
    let both = viewer("192.0.2.20:6000", &private);
    add("relay refuses one of two peers", &behind(&[refusing]), &both);
    let relay_only = Surroundings { paths: Paths::Relay, ..behind(&[]) };
    add("relay only, no relay", &relay_only, &lost);
    let relay_only = Surroundings { paths: Paths::Relay, ..behind(&[turn(Answer::Refused(486))]) };
    add("relay only, quota", &relay_only, &lost);
    let tls = server("turns:192.0.2.1:443", Some(TurnTransport::Tls), {
        Answer::Relayed(vec!["192.0.2.1:60000".parse().unwrap()])
    });
    add("udp dead, relay over tls", &behind(&[stun(Answer::Silent), tls]), &heard(&lost));
    assert_eq!(table, RELAYS, "{table}");
}

/// Sessions that tell more of themselves.
#[test]
fn what_a_viewer_tells_decides_whose_side_it_is() {
    let mut table = String::new();
    let lost = session(Stage::Connecting);
    let mut add = |name: &str, around: &Surroundings, session: SessionFacts| {
        table += &row(name, around, &session);
    };
    let cut = browser(|report| {
        report.errors.push(IceError { url: "stun:x".to_owned(), code: 701, text: String::new() });
    });
    let seen = browser(|report| report.candidate_types.push("srflx".to_owned()));
    for (name, around) in [
        ("public host", open()),
        ("forward untried", forwarded(Proof::Untried)),
        ("forward silent", forwarded(Proof::Silent)),
        ("stun only", behind_nat(&[])),
    ] {
        let session = SessionFacts { browser: cut.clone(), ..lost.clone() };
        add(&format!("{name}, its servers are silent"), &around, session);
        let session = SessionFacts { browser: seen.clone(), ..lost.clone() };
        add(&format!("{name}, it sees its address"), &around, session);
    }
    let new = browser(|report| report.ice = "new".to_owned());
    add("ice never began", &open(), SessionFacts { browser: new, ..lost.clone() });
    let forged = Checks { forged: 3, ..Checks::default() };
    add("forged checks only", &open(), SessionFacts { checks: forged, ..lost.clone() });
    let forged = Checks { sent: 9, answered: 9, ..forged };
    add("answers, forged checks", &open(), SessionFacts { checks: forged, ..lost.clone() });
    let answers = Checks { sent: 9, answered: 9, ..Checks::default() };
    add("answers, checks nothing", &open(), SessionFacts { checks: answers, ..lost.clone() });
    let one_way = Checks { over_udp: 9, sent: 9, ..Checks::default() };
    add("nothing of ours is answered", &open(), SessionFacts { checks: one_way, ..lost.clone() });
    let path = Checks { over_udp: 9, sent: 9, answered: 9, ..Checks::default() };
    let path = SessionFacts { checks: path, ..lost.clone() };
    add("a path, no dtls", &open(), path.clone());
    let begun = Dtls::Begun { received: 2, sent: 6, largest_sent: 900 };
    add("a path, dtls begun", &open(), SessionFacts { dtls: begun, ..path.clone() });
    let failed = Stage::Ended(CloseCause::Failed);
    add("a path, dtls fails", &open(), SessionFacts { dtls: begun, stage: failed, ..path.clone() });
    let wrong = SessionFacts { dtls: Dtls::WrongCertificate, stage: failed, ..path.clone() };
    add("a path, wrong certificate", &open(), wrong);
    add("sdp altered", &open(), SessionFacts { sdp_altered: true, ..path });
    let early = Duration::from_secs(2);
    add("early", &behind(&[]), SessionFacts { age: early, ..lost.clone() });
    let stage = Stage::Ended(CloseCause::Local);
    add("left early", &behind(&[]), SessionFacts { age: early, stage, ..lost.clone() });
    add("left late", &behind(&[]), SessionFacts { stage, ..lost });
    assert_eq!(table, VIEWER_TELLS, "{table}");
}

/// Sessions that were connected.
#[test]
fn what_a_connected_viewer_suffers_from_has_one_name() {
    let mut table = String::new();
    let good = facts::connected();
    let mut add = |name: &str, session: SessionFacts| table += &row(name, &open(), &session);
    add("good", good.clone());
    let tcp = facts::over(PathKind::Tcp, &good);
    add("over tcp", tcp);
    add("relayed over udp", facts::over(PathKind::Relay(TurnTransport::Udp), &good));
    add("relayed over tls", facts::over(PathKind::Relay(TurnTransport::Tls), &good));
    add("tunnel", facts::over(PathKind::Tunnel, &good));
    add("roamed", SessionFacts { roams: 1, ..good.clone() });
    let with = |change: &dyn Fn(&mut SessionFacts)| {
        let mut session = good.clone();
        change(&mut session);
        session
    };
    add("4 % lost", with(&|it| it.media.loss = Some(0.04)));
    add("8 % lost", with(&|it| it.media.loss = Some(0.08)));
    add("empty reports", with(&|it| it.media.loss = None));
    add(
        "90 % lost, silent",
        with(&|it| {
            (it.media.loss, it.silent_for) = (Some(0.9), Some(Duration::from_secs(4)));
        }),
    );
    add("90 % lost", with(&|it| it.media.loss = Some(0.9)));
    let blind = browser(|report| report.connection = "connected".to_owned());
    add("no packet in the browser", with(&|it| it.browser = blind.clone()));
    let undecoded = browser(|report| report.packets_received = 900);
    add("packets, no picture", with(&|it| it.browser = undecoded.clone()));
    let plays = browser(|report| (report.packets_received, report.frames_decoded) = (900, 90));
    for (name, loss, seconds) in [
        ("90 % lost, pictures", 0.9, 0),
        ("90 % lost, pictures of late", 0.9, 3),
        ("90 % lost, frozen", 0.9, 7),
        ("frozen, nothing lost", 0.0, 7),
    ] {
        let frozen_for = Some(Duration::from_secs(seconds));
        let (browser, media) = (plays.clone(), Media { loss: Some(loss), ..good.media });
        add(name, SessionFacts { browser, media, frozen_for, ..good.clone() });
    }
    add(
        "encoder silent",
        with(&|it| {
            it.media.encoder_silent_for = Some(Duration::from_secs(20));
        }),
    );
    let silent = Some(Duration::from_secs(12));
    let gone = |stage, browser_silent_for, roams| {
        let silent_for = silent;
        SessionFacts { stage, browser_silent_for, silent_for, roams, ..good.clone() }
    };
    add("interrupted", gone(Stage::Interrupted, None, 0));
    let lately = Some(Duration::from_secs(2));
    add("interrupted, it signals", gone(Stage::Interrupted, lately, 0));
    add("interrupted, it signals, roamed", gone(Stage::Interrupted, lately, 3));
    add("vanished", gone(Stage::Ended(CloseCause::Vanished), silent, 0));
    let failed = browser(|report| report.connection = "failed".to_owned());
    let mut given_up = gone(Stage::Ended(CloseCause::Local), Some(Duration::ZERO), 0);
    given_up.browser = failed;
    add("given up by its browser", given_up);
    add("closed by the viewer", gone(Stage::Ended(CloseCause::Remote), None, 0));
    let stalled = Surroundings { encoder_stalled: silent, ..open() };
    table += &row("encoder stalled", &stalled, &good);
    assert_eq!(table, CONNECTED, "{table}");
}

const NOTHING_COMES: &str = include_str!("nothing_comes.txt");
const SERVERS: &str = include_str!("servers.txt");
const RELAYS: &str = include_str!("relays.txt");
const VIEWER_TELLS: &str = include_str!("viewer_tells.txt");
const CONNECTED: &str = include_str!("connected.txt");
