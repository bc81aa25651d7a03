//! The parts of a re-run. The whole of it is tested over recordings of the real program, in
//! `tests/recordings/`.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use super::asked::Asked;
use super::dtls::Guest;
use super::media::Losses;
use super::report::About;
use super::ways::{Way, Whose};
use super::*;
use crate::trace::entry::{Entry, What};
use crate::trace::header::{Bounds, Header};
use crate::trace::packet::{DtlsRecord, Integrity, Leg, Packet, StunAttribute, StunMessage};
use crate::trace::sight::dtls_records;

fn leg(port: u16) -> Leg {
    let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
    Leg::Udp { local: at(5_000), remote: at(port) }
}

fn recording(entries: Vec<(u64, What)>) -> Recording {
    let header = Header {
        pinhole_record: 1,
        minor: 1,
        program: "0.1.0".to_owned(),
        started_unix_ms: 1_800_000_000_000,
        addresses_hidden: false,
        bases: vec!["127.0.0.1:5000".parse().unwrap()],
        tcp_bases: Vec::new(),
        map: Vec::new(),
        audience: "lan".to_owned(),
        paths: "all".to_owned(),
        servers: Vec::new(),
        profile_level_id: "42e01f".to_owned(),
        limits: Bounds {
            sessions: 8,
            connect_timeout_ms: 2_000,
            recovery_timeout_ms: 2_000,
            sdp_bytes: 10_000,
        },
        estimator: None,
    };
    let entries = entries.into_iter().map(|(at_us, what)| Entry { at_us, what }).collect();
    Recording { header, entries, skipped: 0 }
}

fn stun(class: &str, transaction: u64, attributes: Vec<StunAttribute>) -> StunMessage {
    let (class, method) = (class.to_owned(), "binding".to_owned());
    let integrity = Integrity::Held;
    StunMessage { class, method, transaction, integrity, attributes, whole: true }
}

fn check(transaction: u64, username: &str) -> Packet {
    let attributes = vec![StunAttribute::Username(username.to_owned())];
    Packet::Stun(stun("request", transaction, attributes))
}

#[test]
fn an_answer_belongs_to_the_request_of_the_nearest_time_and_a_second_one_to_the_same() {
    let mut asked = Asked::default();
    let way = Way { leg: leg(1), peer: None };
    let other = Way { leg: leg(2), peer: None };
    for (number, at_us) in [(1, 1_000), (2, 51_000)] {
        asked.on_recorded(at_us, way, &stun("request", number, Vec::new()));
    }
    for (id, at_us, way) in [(7, 1_200, way), (8, 50_900, way), (9, 50_999, other)] {
        let sent = stun("request", id, Vec::new());
        asked.on_sent(at_us, way, &sent, [id as u8; 12], (None, None));
    }
    let mut id = |number| {
        let answer = stun("success", number, Vec::new());
        asked.answered(way, &answer).map(|sent| sent.id[0])
    };

    assert_eq!((id(2), id(1)), (Some(8), Some(7)));
    assert_eq!(
        (id(2), id(3)),
        (Some(8), None),
        "again the same; and no request is left for a third"
    );
}

#[test]
fn a_signed_request_is_not_answered_by_what_answered_one_without() {
    let mut asked = Asked::default();
    let way = Way { leg: leg(1), peer: None };
    let signed = vec![StunAttribute::MessageIntegrity];
    asked.on_recorded(5, way, &stun("request", 1, Vec::new()));
    asked.on_sent(5, way, &stun("request", 4, signed), [4; 12], (None, None));

    assert!(asked.answered(way, &stun("error", 1, Vec::new())).is_none());
}

#[test]
fn a_way_is_of_the_session_that_used_it_last() {
    let answer = |session: u64, ufrag: &str| What::Answer {
        session,
        sdp: format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:p{session:023}\r\n"),
    };
    let comes = |number, name: &str| What::PacketIn {
        leg: leg(1),
        via: None,
        len: 9,
        packet: check(number, name),
    };
    let recording = recording(vec![
        (1, answer(0, "u00001")),
        (2, comes(1, "u00001:u00009")),
        (3, answer(1, "u00002")),
        (4, comes(2, "u00002:u00008")),
    ]);

    let whose = Whose::of(&recording);

    let owner = |at_us| whose.session(at_us, leg(1), None);
    assert_eq!([0, 2, 3, 4, 9].map(owner), [Some(0), Some(0), Some(0), Some(1), Some(1)]);
    assert_eq!(whose.session(9, leg(2), None), None);
}

#[test]
fn a_loss_is_reported_in_the_second_before_it_is_known() {
    let heard = |lost, before_us| What::Heard { session: 0, lost, before_us };
    let recording =
        recording(vec![(3_000_000, heard(0, 500_000)), (5_000_000, heard(90, 1_000_000))]);

    let losses = Losses::of(&recording);

    let at = |at_us| losses.at(0, at_us);
    assert_eq!([0, 1_600_000, 2_900_000].map(at), [None, Some(0), Some(0)]);
    assert_eq!([3_100_000, 4_000_000, 9_000_000].map(at), [Some(90); 3]);
    assert_eq!(losses.at(1, 0), None);
}

/// All records of a stand-in's next flight, as a recording would tell them.
fn told(guest: &mut Guest, kinds: &[(u8, u16, Option<u8>)]) -> Vec<u8> {
    let record = |&(content, epoch, handshake)| DtlsRecord { content, epoch, handshake, len: 1 };
    guest.take(&kinds.iter().map(record).collect::<Vec<_>>())
}

#[test]
fn records_leave_when_such_came_and_a_handshake_gives_keys_for_reports() {
    let (now, certificate) = (crate::test_clock(), Certificate::generate().unwrap());
    let mut client = Guest::new(now, &certificate, true).unwrap();
    let mut server = Guest::new(now, &certificate, false).unwrap();
    assert!(told(&mut client, &[(22, 0, Some(16))]).is_empty(), "not its turn");

    server.receive(&told(&mut client, &[(22, 0, Some(1))]));
    let flight = [2, 11, 12, 13, 14].map(|kind| (22, 0, Some(kind)));
    client.receive(&told(&mut server, &flight));
    let without_certificate = told(&mut client, &[(22, 0, Some(16))]);
    let kinds = dtls_records(&without_certificate);
    assert!(kinds.iter().all(|record| record.handshake == Some(16)), "only what came: {kinds:?}");
    server.receive(&told(&mut client, &[(22, 0, Some(11))]));
    server.receive(&without_certificate);
    server.receive(&told(&mut client, &[(22, 0, Some(15)), (20, 0, None), (22, 1, None)]));
    server.handle_timeout(now);

    let about = Some(About { ssrc: 5, lost: 9, sequence: 77 });
    let report = server.reporter().unwrap().write(about).unwrap();
    assert_eq!((report[1], report.len()), (201, 8 + 24 + 16 + 4));
    let next = server.reporter().unwrap().write(about).unwrap();
    assert_ne!(report, next, "its index goes on");
}

#[test]
fn decisions_are_compared_for_each_session_in_its_order_and_within_a_second() {
    let state =
        |session, state: &str| What::Session { session, state: state.to_owned(), cause: None };
    let then = recording(vec![(0, state(0, "connected")), (1, state(1, "connected"))]);
    let now = |entries: Vec<(u64, What)>| Replayed {
        decisions: recording(entries).entries,
        diagnoses: Vec::new(),
        entries: 2,
        until_us: 1,
        caveats: Vec::new(),
    };
    let compare = |entries| compare(&then, &now(entries));

    let other_order = compare(vec![(1, state(1, "connected")), (2, state(0, "connected"))]);
    assert_eq!((other_order.same, other_order.differences.len()), (2, 0));
    let late = compare(vec![(1, state(1, "connected")), (1_000_001, state(0, "connected"))]);
    assert_eq!((late.same, late.differences.len()), (1, 1));
    let fewer = compare(vec![(1, state(1, "connected"))]);
    assert_eq!((fewer.differences[0].replayed.is_none(), fewer.is_same()), (true, false));
    let more = compare(vec![
        (0, state(0, "connected")),
        (1, state(1, "connected")),
        (2, state(1, "interrupted")),
    ]);
    assert_eq!(more.differences[0].recorded, None);
}

#[test]
fn an_offer_that_was_refused_is_refused_again_for_the_same_reason() {
    let refused = |reason: &str| What::Refused { reason: reason.to_owned(), detail: None };
    let offer = || What::Offer { sdp: "v=0\r\n".to_owned() };
    let end = || What::End { reason: "stopped".to_owned() };
    let run = |recording: &Recording| {
        let certificate = Certificate::generate().unwrap();
        let replayed = replay(crate::test_clock(), recording, &certificate, STEPS_MAX).unwrap();
        (compare(recording, &replayed), replayed.caveats)
    };
    let same = recording(vec![(5, offer()), (5, refused("no_media")), (9, end())]);
    let otherwise = recording(vec![(5, offer()), (5, refused("no_video"))]);

    assert_eq!(run(&same), (Comparison { same: 1, differences: Vec::new() }, Vec::new()));
    let (comparison, caveats) = run(&otherwise);
    assert_eq!((comparison.same, comparison.differences.len()), (0, 1));
    assert_eq!(caveats, [Caveat::NoEnd]);
}

#[test]
fn a_recording_that_runs_away_is_ended() {
    let leave = || What::Leave;
    let certificate = Certificate::generate().unwrap();
    let run = |at_us, steps| {
        let recording = recording(vec![(1, leave()), (at_us, leave())]);
        replay(crate::test_clock(), &recording, &certificate, steps).unwrap()
    };

    assert_eq!(run(u64::MAX, 100).caveats, [Caveat::Time(1), Caveat::NoEnd]);
    assert_eq!(run(2, 1).caveats, [Caveat::Steps(1), Caveat::NoEnd]);
    assert_eq!(run(2, 100).entries, 2);
}
