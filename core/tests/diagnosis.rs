//! Sessions that fail or suffer, and the verdict that each of them gets.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use pinhole_core::diagnose::{BrowserReport, PortFacts, Proof, Severity, Verdict, Witness};
use pinhole_core::gather::Audience;
use pinhole_core::portmap::PortMap;
use pinhole_core::stun::{PROOF_BYTES_MAX, write_proof};
use pinhole_core::{CloseCause, Datagram, Event, Findings, SessionState, Transport};
use support::{Fate, World, address};

/// What was said of sessions, in order; `None`: it is over.
fn verdicts(world: &World) -> Vec<Option<Verdict>> {
    let said = |event: &Event| match event {
        Event::Diagnosed { diagnosis, .. } => Some(diagnosis.as_ref().map(|it| it.verdict)),
        _ => None,
    };
    world.events.iter().filter_map(said).collect()
}

/// A viewer that plays.
fn playing() -> World {
    let mut world = World::new();
    world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    play(&mut world, 1);
    world
}

/// Frames for so many seconds, a keyframe whenever one is wanted.
fn play(world: &mut World, seconds: u32) {
    let mut wanted = world.keyframes_wanted();
    for index in 0..seconds * 30 {
        let now = world.keyframes_wanted();
        world.frame(index == 0 || now > wanted, 6_000);
        wanted = now;
        world.run_ms(33);
    }
}

#[test]
fn a_viewer_that_plays_is_never_judged_ill() {
    let mut world = playing();

    play(&mut world, 20);

    assert_eq!(verdicts(&world), []);
    assert_eq!(world.endpoint.sessions()[0].verdict, None);
}

#[test]
fn a_viewer_that_is_not_reached_hears_why_while_it_waits_and_once_more_never() {
    let mut world = World::new();
    world.network = Box::new(|_, _| Fate::Lose);
    let (_, id) = world.join("192.0.2.7:6000", true);

    world.run_ms(5_900);
    assert_eq!(verdicts(&world), []);
    world.run_ms(200);
    let verdict = verdicts(&world)[0].unwrap();
    assert_eq!(world.endpoint.sessions()[0].verdict, Some(verdict));
    world.run(Duration::from_secs(60));

    assert_eq!(verdicts(&world), [Some(verdict)]);
    let closed = SessionState::Closed(CloseCause::NeverConnected);
    assert_eq!(world.events.last(), Some(&Event::Session { id, state: closed }));
    assert_eq!(world.endpoint.stats().verdicts_total[&verdict], 1);
}

#[test]
fn a_cause_that_goes_away_is_taken_back() {
    let mut world = World::new();
    // ICE would give up its pairs; DTLS asks again for long.
    world.lost_upward = Some(Box::new(|bytes| (20..64).contains(&bytes[0])));
    world.join("192.0.2.7:6000", true);
    world.run_ms(6_050);
    assert_eq!(verdicts(&world).len(), 1);

    world.lost_upward = None;
    world.run_ms(20_000);
    assert!(world.viewers[0].connected);
    play(&mut world, 4);

    assert_eq!(verdicts(&world).last(), Some(&None), "{:?}", verdicts(&world));
}

#[test]
fn a_path_that_carries_only_small_datagrams_is_a_black_hole() {
    let mut world = World::new();
    world.mtu = 400;
    world.join("192.0.2.7:6000", true);

    world.run_ms(10_000);

    assert_eq!(verdicts(&world), [Some(Verdict::MtuBlackHole)]);
}

#[test]
fn media_that_is_too_large_for_the_path_is_the_same_black_hole() {
    let mut world = World::new();
    world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    assert!(world.viewers[0].connected);
    world.mtu = 1_000;

    play(&mut world, 12);

    assert_eq!(verdicts(&world), [Some(Verdict::MtuBlackHole)]);
}

#[test]
fn an_encoder_that_stands_still_is_told_and_taken_back() {
    let mut world = playing();

    world.run_ms(20_000);
    assert_eq!(verdicts(&world), [Some(Verdict::EncoderStalled)]);
    play(&mut world, 5);

    assert_eq!(verdicts(&world), [Some(Verdict::EncoderStalled), None]);
}

#[test]
fn whether_a_viewer_is_gone_or_cut_off_is_told_by_its_signalling() {
    for signals in [false, true] {
        let mut world = playing();
        world.network = Box::new(|_, _| Fate::Lose);
        let id = world.endpoint.sessions()[0].id;

        for _ in 0..20 {
            if signals {
                let report = BrowserReport { frames_decoded: 9, ..BrowserReport::default() };
                world.endpoint.report_browser(world.now, id, report);
            }
            play(&mut world, 1);
        }

        let expected = if signals { Verdict::PathCut } else { Verdict::ViewerGone };
        assert_eq!(verdicts(&world).first(), Some(&Some(expected)), "{signals}");
    }
}

#[test]
fn altered_sdp_is_told_by_the_fingerprint_that_the_browser_holds() {
    let mut world = World::new();
    // What comes with a wrong certificate: checks pass, and DTLS does not.
    world.lost_upward = Some(Box::new(|bytes| (20..64).contains(&bytes[0])));
    let (_, id) = world.join("192.0.2.7:6000", true);
    world.run_ms(1_000);
    let report = BrowserReport {
        our_fingerprint: Some("sha-256 00:11:22".to_owned()),
        ..BrowserReport::default()
    };
    assert!(world.endpoint.report_browser(world.now, id, report));

    world.run_ms(10_000);

    assert_eq!(verdicts(&world), [Some(Verdict::CertificateMismatch)]);
}

#[test]
fn every_session_that_fails_has_a_verdict_before_its_end() {
    for (name, fate) in [("all is lost", Fate::Lose), ("dtls is lost", Fate::Pass)] {
        let mut world = World::new();
        world.network = Box::new(move |_, _| fate);
        world.lost_upward = Some(Box::new(|bytes| (20..64).contains(&bytes[0])));
        world.join("192.0.2.7:6000", true);

        world.run(Duration::from_secs(60));

        let end = world.events.iter().position(|event| {
            matches!(event, Event::Session { state: SessionState::Closed(_), .. })
        });
        let told = world.events.iter().rposition(|event| match event {
            Event::Diagnosed { diagnosis: Some(it), .. } => it.severity == Severity::Failed,
            _ => false,
        });
        assert!(told.unwrap() < end.unwrap(), "{name}: {:?}", verdicts(&world));
    }
}

#[test]
fn only_probes_that_are_expected_are_told() {
    let mut world = World::new();
    let mut probe = [0; PROOF_BYTES_MAX];
    let (ours, theirs) = (address("198.51.100.1:10111"), address("203.0.113.9:4000"));
    let mut send = |world: &mut World, token: &str| {
        let length = write_proof(&mut probe, token, 3).unwrap();
        let payload = &probe[..length];
        let datagram = Datagram { local: ours, remote: theirs, transport: Transport::Udp, payload };
        world.endpoint.handle_datagram(world.now, datagram);
        world.settle();
    };

    send(&mut world, "expected0001");
    assert_eq!(world.events, []);
    world.endpoint.expect_probes(vec!["expected0001".to_owned()]);
    send(&mut world, "forged000002");
    assert_eq!(world.events, []);
    send(&mut world, "expected0001");

    let token = "expected0001".to_owned();
    let probed = Event::Probed { local: ours, remote: theirs, token, sequence: 3 };
    assert_eq!(world.events, [probed]);
}

#[test]
fn a_viewer_that_comes_unasked_proves_the_port_and_one_that_was_sent_to_does_not() {
    for (told, proved) in [(false, true), (true, false)] {
        let now = support::start();
        let mut config = support::config(now);
        let internal = config.gather.bases[0];
        let map = format!("{}/udp=203.0.113.10:30111", internal.port());
        config.gather.map = PortMap::parse([map.as_str()]).unwrap();
        config.gather.audience = Audience::Both;
        let mut world = World::with(now, config);
        // What we send first to a viewer whose address is told is lost; its own checks come later.
        let mut lost = 0;
        world.lost_upward = Some(Box::new(move |_| {
            lost += 1;
            lost <= 1
        }));
        let external = address("203.0.113.10:30111");
        let findings = Findings {
            ports: vec![PortFacts {
                external,
                internal,
                proof: Proof::Silent,
                witness: Witness::Reflector,
                sent_from: None,
            }],
            ..Findings::default()
        };
        world.endpoint.set_findings(findings);
        assert_eq!(world.endpoint.surroundings(world.now).ports[0].proof, Proof::Silent);

        world.join("198.51.100.7:6000", told);
        world.run_ms(500);

        let ports = world.endpoint.surroundings(world.now).ports;
        let seen_from = address("198.51.100.7:6000");
        let expected = if proved { Proof::Proved { seen_from } } else { Proof::Silent };
        assert_eq!(ports[0].proof, expected, "told: {told}");
    }
}
