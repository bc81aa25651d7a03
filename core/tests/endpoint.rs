//! The endpoint against str0m's other side, in memory and under a virtual clock.

#![allow(clippy::unwrap_used)]

mod support;

use pinhole_core::{CloseCause, Event, SessionState};
use std::time::Duration;

use pinhole_core::{CandidateError, Datagram, DropReason, Endpoint, OfferError, Transport};
use support::{Fate, World, address, config, frame_bytes, start};

fn states(world: &World) -> Vec<SessionState> {
    let state = |event: &Event| match event {
        Event::Session { state, .. } => Some(*state),
        Event::Candidate { .. } | Event::KeyframeWanted => None,
    };
    world.events.iter().filter_map(state).collect()
}

fn keyframes_wanted(world: &World) -> usize {
    world.events.iter().filter(|event| **event == Event::KeyframeWanted).count()
}

#[test]
fn a_viewer_connects_and_gets_every_frame_whole_and_in_order() {
    let mut world = World::new();
    let (viewer, _) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    assert!(world.viewers[viewer].connected);
    assert_eq!(states(&world), [SessionState::Connected]);
    assert_eq!(keyframes_wanted(&world), 1);

    for index in 0..30 {
        let report = world.frame(index == 0, 17_000);
        assert_eq!((report.viewers, report.skipped), (1, 0));
        world.run_ms(33);
    }
    world.run_ms(200);

    let frames = &world.viewers[viewer].frames;
    assert_eq!(frames.len(), 30);
    assert!(frames.iter().all(|frame| frame.contiguous));
    assert!(frames[0].keyframe && !frames[1].keyframe);
    let expected = support::frame_bytes(false, 17_000);
    assert_eq!(frames[1].data, expected);
    let step = frames[2].rtp_time - frames[1].rtp_time;
    assert!((2_969..=2_971).contains(&step), "33 ms at 90 kHz, got {step}");
}

#[test]
fn a_viewer_whose_candidates_are_hidden_is_found_by_its_checks() {
    let mut world = World::new();
    let (viewer, session) = world.join("198.51.100.7:6000", false);
    world.run_ms(300);

    assert!(world.viewers[viewer].connected);
    let stats = world.endpoint.sessions();
    assert_eq!((stats.len(), stats[0].id), (1, session));
    world.run_ms(1_500);
    assert_eq!(world.endpoint.sessions()[0].remote, Some(address("198.51.100.7:6000")));
}

#[test]
fn a_frame_leaves_as_one_run_of_equal_datagrams() {
    let mut world = World::new();
    world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    world.frame(true, 17_000);
    world.run_ms(100);
    world.sent.clear();

    let report = world.frame(false, 17_000);

    let runs: Vec<_> = world.sent.iter().map(|(transmit, _)| *transmit).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(runs[0].len.div_ceil(runs[0].segment_size), report.packets);
    assert!(runs[0].segment_size <= 1_200, "{runs:?}");
    assert!(runs[0].len % runs[0].segment_size == 0 || report.packets > 1);
}

#[test]
fn keyframe_requests_of_many_viewers_are_one_request() {
    let mut world = World::new();
    for index in 0..5 {
        world.join(&format!("192.0.2.7:{}", 6_000 + index), true);
    }
    world.run_ms(400);
    assert_eq!(keyframes_wanted(&world), 1, "all joined at once");
    world.frame(true, 2_000);
    world.run_ms(300);
    world.events.clear();

    for viewer in &mut world.viewers {
        viewer.ask_for_keyframe();
    }
    world.run_ms(100);
    assert_eq!(keyframes_wanted(&world), 1);
    world.frame(true, 2_000);
    for viewer in &mut world.viewers {
        viewer.ask_for_keyframe();
    }
    world.run_ms(100);
    assert_eq!(keyframes_wanted(&world), 1, "within 250 ms of the last");
    world.run_ms(200);
    assert_eq!(keyframes_wanted(&world), 2, "but not later");
}

#[test]
fn lost_packets_are_sent_again() {
    let mut world = World::new();
    let (viewer, _) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    world.frame(true, 5_000);
    world.run_ms(100);
    let mut count = 0;
    world.network = Box::new(move |down, _| {
        count += 1;
        if down && count % 10 == 0 { Fate::Lose } else { Fate::Pass }
    });

    for _ in 0..60 {
        world.frame(false, 12_000);
        world.run_ms(33);
    }
    world.network = Box::new(|_, _| Fate::Pass);
    world.run_ms(600);

    let frames = &world.viewers[viewer].frames;
    assert_eq!(frames.len(), 61);
    assert!(frames.iter().all(|frame| frame.contiguous));
}

#[test]
fn a_shell_that_cannot_send_loses_whole_frames_and_then_asks_for_an_idr() {
    let mut world = World::new();
    let (viewer, _) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    world.frame(true, 5_000);
    world.run_ms(300);
    world.events.clear();

    world.writable = false;
    let mut skipped = 0;
    for _ in 0..30 {
        skipped += world.frame(false, 17_000).skipped;
        world.run_ms(33);
    }
    assert!((25..=28).contains(&skipped), "about 100 ms are kept, {skipped} of 30 were skipped");
    world.writable = true;
    world.run_ms(5);
    assert_eq!(world.frame(false, 5_000).skipped, 1, "its reference was lost");
    assert_eq!(keyframes_wanted(&world), 0, "an IDR into a clogged path would only clog it more");
    world.run_ms(600);
    assert_eq!(world.frame(false, 5_000).skipped, 1);
    assert_eq!(keyframes_wanted(&world), 1);
    assert_eq!(world.frame(true, 5_000).viewers, 1);
    world.run_ms(100);

    let frames = &world.viewers[viewer].frames;
    let last = frames.last().unwrap();
    assert!(last.keyframe);
    assert_eq!(last.data, frame_bytes(true, 5_000));
}

#[test]
fn closing_tells_the_viewer_at_once() {
    let mut world = World::new();
    let (viewer, session) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);

    assert!(world.endpoint.close(world.now, session));
    assert!(world.endpoint.is_idle(), "the gauge falls at once");
    world.settle();

    assert!(world.viewers[viewer].closed);
    assert_eq!(states(&world).last(), Some(&SessionState::Closed(CloseCause::Local)));
    assert!(!world.endpoint.close(world.now, session));
    let refused = world.endpoint.add_candidate(world.now, session, "");
    assert_eq!(refused, Err(CandidateError::NoSession));
}

#[test]
fn a_viewer_that_closes_is_gone() {
    let mut world = World::new();
    let (viewer, _) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);

    world.viewers[viewer].rtc.close().unwrap();
    world.viewers[viewer].ask_for_keyframe();
    world.run_ms(100);

    assert!(world.endpoint.is_idle());
    assert_eq!(states(&world).last(), Some(&SessionState::Closed(CloseCause::Remote)));
}

#[test]
fn a_viewer_that_vanishes_is_gone_within_30_s() {
    let mut world = World::new();
    world.join("192.0.2.7:6000", true);
    world.run_ms(2_000);
    world.network = Box::new(|_, _| Fate::Lose);

    world.run(Duration::from_secs(18));
    assert_eq!(states(&world).last(), Some(&SessionState::Interrupted));
    world.run(Duration::from_secs(10));

    assert_eq!(states(&world).last(), Some(&SessionState::Closed(CloseCause::Vanished)));
    assert!(world.endpoint.is_idle());
    assert_eq!(world.endpoint.poll_timeout(), None, "nothing is left behind");
}

#[test]
fn a_path_that_comes_back_in_time_plays_on_after_an_idr() {
    let mut world = World::new();
    let (viewer, _) = world.join("192.0.2.7:6000", true);
    world.run_ms(2_000);
    world.frame(true, 2_000);
    world.network = Box::new(|_, _| Fate::Lose);
    let lost_at = world.now;
    world.run(Duration::from_secs(18));
    assert_eq!(states(&world).last(), Some(&SessionState::Interrupted));
    world.events.clear();

    world.network = Box::new(|_, _| Fate::Pass);
    while states(&world).is_empty() && world.now < lost_at + Duration::from_secs(25) {
        world.run_ms(10);
    }

    assert_eq!(states(&world), [SessionState::Connected]);
    assert_eq!(keyframes_wanted(&world), 1);
    assert_eq!(world.frame(false, 3_000).skipped, 1, "what it would refer to may be lost");
    world.frame(true, 3_000);
    world.run_ms(200);
    assert_eq!(world.viewers[viewer].frames.last().unwrap().data, frame_bytes(true, 3_000));
}

#[test]
fn offers_that_are_never_followed_by_a_packet_are_gone_after_20_s() {
    let now = start();
    let mut config = config(now);
    config.limits.sessions = 600;
    let mut world = World::with(now, config);
    let offer = support::Viewer::new(now, "192.0.2.7:6000", true).offer;
    for _ in 0..500 {
        world.endpoint.accept_offer(world.now, &offer).unwrap();
    }
    let (viewer, _) = world.join("192.0.2.8:6000", false);
    world.run_ms(300);
    assert!(world.viewers[viewer].connected);

    world.run(Duration::from_secs(20));

    let stats = world.endpoint.stats();
    assert_eq!((stats.connecting, stats.connected), (0, 1));
    assert_eq!(stats.closed_total.get(&CloseCause::NeverConnected), Some(&500));
}

#[test]
fn an_ice_restart_moves_the_session_to_new_credentials() {
    let mut world = World::new();
    let (viewer, session) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    world.frame(true, 2_000);
    world.run_ms(100);
    let line =
        |sdp: &str, name: &str| sdp.lines().find(|line| line.starts_with(name)).unwrap().to_owned();

    let first = world.viewers[viewer].offer.clone();
    let offer = world.viewers[viewer].restart_offer();
    let answer = world.endpoint.renegotiate(world.now, session, &offer).unwrap();
    world.viewers[viewer].accept(&answer);
    assert_ne!(line(&first, "a=ice-ufrag"), line(&offer, "a=ice-ufrag"));
    world.run_ms(500);
    assert_eq!(world.frame(false, 2_000).viewers, 1);
    world.run(Duration::from_secs(15));

    assert_eq!(states(&world), [SessionState::Connected], "nobody noticed");
    assert_eq!(world.viewers[viewer].frames.len(), 2);
}

#[test]
fn a_fragment_with_new_credentials_restarts_ice_and_one_with_candidates_does_not() {
    let mut world = World::new();
    let (_, session) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    let trickle = "a=candidate:1 1 udp 5 192.0.2.9 5 typ host\r\n";
    let restart = format!("a=ice-ufrag:abcd\r\na=ice-pwd:{}\r\n{trickle}", "p".repeat(24));

    let endpoint = &mut world.endpoint;
    assert_eq!(endpoint.handle_fragment(world.now, session, trickle), Ok(None));
    let ours = endpoint.handle_fragment(world.now, session, &restart).unwrap().unwrap();
    let again = endpoint.handle_fragment(world.now, session, &restart);

    assert!(ours.contains("a=ice-ufrag:") && ours.contains("a=candidate:"), "{ours}");
    assert_eq!(again, Ok(None), "the same credentials are no restart");
    let refused = endpoint.handle_fragment(world.now, session, "hello");
    assert!(matches!(refused, Err(OfferError::NotSdp(_))));
}

#[test]
fn a_reply_leaves_from_the_address_that_was_hit_though_it_is_not_offered() {
    let mut world = World::new();
    world.hit = Some(address("127.0.0.1:5000"));
    let (viewer, _) = world.join("192.0.2.7:6000", false);
    world.run_ms(400);
    assert!(world.viewers[viewer].connected);

    world.frame(true, 20_000);
    world.run_ms(100);

    assert_eq!(world.viewers[viewer].frames.len(), 1);
}

#[test]
fn only_an_authentic_check_opens_a_route() {
    let mut world = World::new();
    world.join("192.0.2.7:6000", true);
    let local = address(support::SERVER);
    let remote = address("203.0.113.9:1");
    let dtls = Datagram { local, remote, transport: Transport::Udp, payload: &[22, 1, 2, 3] };

    world.endpoint.handle_datagram(world.now, dtls);
    world.run_ms(300);
    let ufrag = world.viewers[0].server_ufrag();
    let forged = forged_check(&ufrag);
    world.endpoint.handle_datagram(world.now, Datagram { payload: &forged, ..dtls });
    let unknown = forged_check("nobody");
    world.endpoint.handle_datagram(world.now, Datagram { payload: &unknown, ..dtls });
    world.endpoint.handle_datagram(world.now, dtls);

    let dropped = world.endpoint.stats().dropped_total;
    let expected =
        [(DropReason::NoSession, 1), (DropReason::BadIntegrity, 1), (DropReason::NoRoute, 2)];
    assert_eq!(dropped, expected.into());
}

/// A check for `ufrag` by somebody who does not know its password.
fn forged_check(ufrag: &str) -> Vec<u8> {
    use stun_types::attribute::Username;
    use stun_types::message::{
        BINDING, IntegrityAlgorithm, Message, MessageClass, MessageType, MessageWrite,
        MessageWriteExt, MessageWriteVec, ShortTermCredentials, TransactionId,
    };
    let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
    let id = TransactionId::from(7u128);
    let mut message = Message::builder(kind, id, MessageWriteVec::new());
    message.add_attribute(&Username::new(&format!("{ufrag}:theirs")).unwrap()).unwrap();
    let credentials = ShortTermCredentials::new("wrong".to_owned()).into();
    message.add_message_integrity(&credentials, IntegrityAlgorithm::Sha1).unwrap();
    message.add_fingerprint().unwrap();
    message.finish()
}

#[test]
fn hostile_datagrams_are_counted_and_change_nothing() {
    let mut world = World::new();
    let (viewer, _) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    let local = address(support::SERVER);
    let known = address("192.0.2.7:6000");
    for remote in [known, address("203.0.113.9:1")] {
        for first in 0..=255u8 {
            for length in [1, 2, 12, 20, 21, 64, 1_200] {
                let payload = vec![first; length];
                let datagram =
                    Datagram { local, remote, transport: Transport::Udp, payload: &payload };
                world.endpoint.handle_datagram(world.now, datagram);
                world.settle();
            }
        }
    }
    world.run_ms(50);

    assert_eq!(world.frame(true, 5_000).viewers, 1, "{:?}", states(&world));
    world.run_ms(100);
    assert_eq!(world.viewers[viewer].frames.len(), 1);
    let dropped: u64 = world.endpoint.stats().dropped_total.values().sum();
    assert!(dropped > 2_000, "{dropped}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the viewer draws from the ambient generator")]
fn the_same_seed_and_inputs_give_the_same_schedule() {
    let run = || {
        let mut world = World::new();
        world.join("192.0.2.7:6000", true);
        world.run_ms(300);
        for index in 0..20 {
            world.frame(index == 0, 9_000);
            world.run_ms(33);
        }
        let first = world.now;
        let dtls = |bytes: &[u8]| (20..64).contains(&bytes[0]);
        let schedule: Vec<_> = world
            .sent
            .iter()
            .filter(|(_, bytes)| !dtls(bytes))
            .map(|(transmit, _)| *transmit)
            .collect();
        assert!(first > start() - Duration::from_secs(3_600));
        schedule
    };

    fastrand::seed(1);
    let first = run();
    fastrand::seed(1);
    let second = run();
    assert_eq!(first, second);
    assert!(first.len() > 20);
}

#[test]
fn places_are_limited_and_the_refusal_says_so() {
    let mut world = World::new();
    for index in 0..8 {
        world.join(&format!("192.0.2.7:{}", 6_000 + index), true);
    }
    let offer = support::Viewer::new(world.now, "192.0.2.7:7000", true).offer;

    let refused = world.endpoint.accept_offer(world.now, &offer);

    assert_eq!(refused, Err(OfferError::TooManyViewers(8)));
    let long = "v=0\r\n".repeat(60_000);
    let refused = world.endpoint.accept_offer(world.now, &long);
    assert_eq!(refused, Err(OfferError::TooLong(300_000, 262_144)));
    assert!(
        Endpoint::new(
            world.now,
            pinhole_core::EndpointConfig { bases: vec![], ..config(world.now) }
        )
        .is_err()
    );
}

#[test]
fn a_slow_viewer_loses_whole_frames_and_gets_an_idr_and_the_others_lose_nothing() {
    let now = start();
    let mut config = config(now);
    config.estimator = Some(3_000_000);
    let mut world = World::with(now, config);
    let (slow, _) = world.join("192.0.2.7:6000", true);
    let (fast, _) = world.join("192.0.2.8:6000", true);
    world.run_ms(300);
    world.slow_link = Some((slow, 800_000, Duration::from_millis(300)));
    let (mut skipped, mut idrs, mut wanted) = (0, 0, true);

    // 3 Mbit/s at 30 fps for 30 s; an IDR whenever one is asked for.
    for _ in 0..900 {
        let report = world.frame(wanted, if wanted { 30_000 } else { 12_500 });
        idrs += usize::from(wanted);
        skipped += report.skipped;
        world.events.clear();
        world.run_ms(33);
        wanted = keyframes_wanted(&world) > 0;
    }
    world.run_ms(500);

    let (slow, fast) = (&world.viewers[slow].frames, &world.viewers[fast].frames);
    assert_eq!(fast.len(), 900, "the fast viewer gets every frame");
    assert!(fast.iter().all(|frame| frame.contiguous));
    let late = slow.iter().rev().take(slow.len() / 2).filter(|frame| frame.keyframe).count();
    assert!(idrs < 30, "{idrs} IDRs for everybody because one viewer is slow");
    assert!(skipped > 300, "{skipped} frames skipped");
    assert!(late > 2, "{late} IDRs in the second half");
}

#[test]
fn a_good_path_loses_nothing_to_the_estimator() {
    let now = start();
    let mut config = config(now);
    config.estimator = Some(3_000_000);
    let mut world = World::with(now, config);
    let (viewer, _) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);

    for index in 0..300 {
        world.frame(index == 0, if index == 0 { 60_000 } else { 12_500 });
        world.run_ms(33);
    }
    world.run_ms(300);

    assert_eq!(world.viewers[viewer].frames.len(), 300);
    let wakes = world.sent.len();
    assert!(wakes < 300 * 6, "{wakes} sends for 300 frames of 11 packets");
}
