//! What a recording tells of a session, the same on both runtimes.

use std::net::UdpSocket;
use std::time::Duration;

use pinhole_core::CloseCause;
use pinhole_core::trace::{AddressPolicy, Integrity, Packet, Recording, What};
use pinhole_runtime::{RecordFile, ViewerEvent};
use pinhole_tests::runtime_suite::{LIMIT, Server, Spawn, eventually, within};
use pinhole_tests::viewer::{Candidates, ViewerConfig, ViewerPool};

use crate::Scratch;
use crate::again::assert_same;

const RUNTIMES: [Spawn; 2] = [pinhole_mio::spawn, pinhole_smol::spawn];

fn start(spawn: Spawn, scratch: &Scratch) -> Server {
    let record = RecordFile::create(&scratch.0, 1 << 20, AddressPolicy::Keep).unwrap();
    Server::start_with(spawn, |config| {
        config.record = Some(record);
        config.endpoint.limits.connect_timeout = Duration::from_secs(2);
    })
    .unwrap()
}

/// The kinds of a recording, each row of the same as one; sums aside, which hang on time.
fn kinds(recording: &Recording) -> Vec<String> {
    let told = recording.entries.iter().filter_map(|entry| {
        let line = serde_json::to_value(entry).unwrap();
        let kind = line["kind"].as_str().unwrap().to_owned();
        let packet = line["packet"]["stun"]["class"].as_str().unwrap_or_default();
        let hangs_on_time = matches!(entry.what, What::Timeouts { .. } | What::Frame { .. });
        (!hangs_on_time).then(|| format!("{kind} {packet}").trim_end().to_owned())
    });
    let mut kinds: Vec<String> = told.collect();
    kinds.dedup();
    kinds
}

/// An offer of a viewer that is never heard of, and a candidate at which nobody answers.
fn never_connects(spawn: Spawn) -> Recording {
    let scratch = Scratch::new();
    let server = start(spawn, &scratch);
    let pool = ViewerPool::spawn().unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let config = ViewerConfig { candidates: Candidates::Trickled, ..ViewerConfig::default() };
    let waiting = pool.offer(&config).unwrap();
    let accepted = within(server.handle.accept_offer(waiting.offer().to_owned())).unwrap();
    let candidate = format!("candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host");
    within(server.handle.add_candidate(accepted.id, candidate)).unwrap();
    let never = ViewerEvent::Closed(CloseCause::NeverConnected);
    while within(accepted.events.recv()).unwrap() != never {}
    server.stop().unwrap();
    scratch.read()
}

#[test]
fn a_session_that_never_connects_tells_its_whole_story_the_same_on_both_runtimes() {
    let recordings = RUNTIMES.map(never_connects);

    assert_eq!(kinds(&recordings[0]), kinds(&recordings[1]));
    for recording in &recordings {
        assert!(assert_same(recording) >= 2, "answer, end");
        let mut told = kinds(recording);
        // Tested where verdicts are.
        told.retain(|kind| kind != "diagnosis");
        let expected =
            ["offer", "answer", "candidate", "packet_out request", "session", "leave", "end"];
        assert_eq!(told, expected);
        let offer = &recording.entries[0].what;
        assert!(matches!(offer, What::Offer { sdp } if sdp.contains("H264")), "{offer:?}");
        let answer = &recording.entries[1].what;
        assert!(matches!(answer, What::Answer { session: 0, sdp } if sdp.contains("typ host")));
        let closed = recording.entries.iter().find_map(|entry| match &entry.what {
            What::Session { state, cause, .. } => Some((entry.at_us, state.clone(), cause.clone())),
            _ => None,
        });
        let (at_us, state, cause) = closed.unwrap();
        assert_eq!((state.as_str(), cause.as_deref()), ("closed", Some("never_connected")));
        let patience = at_us - recording.entries[0].at_us;
        assert!((2_000_000..3_000_000).contains(&patience), "closed after {patience} µs");
    }
}

#[test]
fn a_recorded_offer_can_be_offered_again() {
    let recording = never_connects(pinhole_mio::spawn);
    let What::Offer { sdp } = &recording.entries[0].what else { panic!("no offer") };
    let now = std::time::Instant::now();
    let limits = pinhole_core::Limits::default();
    let mut endpoint = pinhole_tests::endpoint::endpoint(now, "42e01f", limits);

    let accepted = endpoint.accept_offer(now, sdp).unwrap();

    let lines = |sdp: &str, name: &str| sdp.lines().filter(|l| l.contains(name)).count();
    let What::Answer { sdp: answer, .. } = &recording.entries[1].what else { panic!("no answer") };
    for name in ["a=rtpmap", "a=rtcp-fb", "a=ice-ufrag", "a=fingerprint", "a=mid", "m=video"] {
        assert_eq!(lines(&accepted.answer, name), lines(answer, name), "{name}");
    }
}

/// A viewer that connects, watches for a second and leaves.
fn connects(spawn: Spawn) -> Recording {
    let scratch = Scratch::new();
    let server = start(spawn, &scratch);
    let pool = ViewerPool::spawn().unwrap();
    let (viewer, accepted) = server.connect(&pool).unwrap();
    viewer.wait_until(LIMIT, "30 frames", |seen| seen.frames >= 30).unwrap();
    viewer.close().unwrap();
    let closed = ViewerEvent::Closed(CloseCause::Remote);
    while within(accepted.events.recv()).unwrap() != closed {}
    server.stop().unwrap();
    scratch.read()
}

#[test]
fn a_session_that_connects_tells_its_checks_its_handshake_its_path_and_its_sums() {
    for spawn in RUNTIMES {
        let recording = connects(spawn);
        assert!(assert_same(&recording) >= 4, "answer, connected, path, closed");

        let mut integrity = Vec::new();
        let (mut handshakes, mut packets) = (Vec::new(), 0);
        for entry in &recording.entries {
            match &entry.what {
                What::PacketIn { packet: Packet::Stun(stun), .. } => integrity.push(stun.integrity),
                What::PacketIn { packet: Packet::Dtls(records), .. } => {
                    handshakes.extend(records.iter().filter_map(|record| record.handshake));
                }
                What::Media(tally) => packets += tally.rtp.iter().map(|r| r.packets).sum::<u64>(),
                _ => {}
            }
        }
        assert!(integrity.len() >= 2 && integrity.iter().all(|held| *held == Integrity::Held));
        assert_eq!(handshakes.first(), Some(&1), "a ClientHello");
        assert!(packets >= 30, "{packets}");
        let decisions: Vec<String> = recording
            .entries
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Session { state, cause, .. } => {
                    Some(format!("{state} {}", cause.as_deref().unwrap_or("")))
                }
                What::Path { path, .. } => Some(path.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(decisions, ["connected ", "direct", "closed remote"]);
        let times: Vec<u64> = recording.entries.iter().map(|entry| entry.at_us).collect();
        assert!(times.is_sorted(), "time goes on");
    }
}

#[test]
fn nothing_is_lost_and_a_file_is_complete_while_the_program_runs() {
    let scratch = Scratch::new();
    let server = start(pinhole_mio::spawn, &scratch);
    let pool = ViewerPool::spawn().unwrap();
    let (viewer, _accepted) = server.connect(&pool).unwrap();
    viewer.wait_for_picture(LIMIT).unwrap();

    let path = || scratch.read().entries.iter().any(|e| matches!(e.what, What::Path { .. }));
    assert!(eventually(path), "what happened stands in the file before the end");

    server.stop().unwrap();
    let lost = scratch.read().entries.iter().any(|e| matches!(e.what, What::Lost { .. }));
    assert!(!lost);
}
