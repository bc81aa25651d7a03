//! How sessions begin, break, restart and end.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use pinhole_core::{CandidateError, CloseCause, OfferError, SessionState};
use support::{Fate, World, config, frame_bytes, start};

#[test]
fn closing_tells_the_viewer_at_once() {
    let mut world = World::new();
    let (viewer, session) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);

    assert!(world.endpoint.close(world.now, session));
    assert!(world.endpoint.is_idle(), "the gauge falls at once");
    world.settle();

    assert!(world.viewers[viewer].closed);
    assert_eq!(world.states().last(), Some(&SessionState::Closed(CloseCause::Local)));
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
    assert_eq!(world.states().last(), Some(&SessionState::Closed(CloseCause::Remote)));
}

#[test]
fn a_viewer_that_vanishes_is_gone_within_30_s() {
    let mut world = World::new();
    world.join("192.0.2.7:6000", true);
    world.run_ms(2_000);
    world.network = Box::new(|_, _| Fate::Lose);

    world.run(Duration::from_secs(18));
    assert_eq!(world.states().last(), Some(&SessionState::Interrupted));
    world.run(Duration::from_secs(10));

    assert_eq!(world.states().last(), Some(&SessionState::Closed(CloseCause::Vanished)));
    assert!(world.endpoint.is_idle());
    assert_eq!(world.endpoint.poll_timeout(), None, "nothing is left behind");
}

/// World 30708: of a viewer that tells no address, as a browser does, str0m waits for checks without end.
#[test]
fn a_viewer_that_vanishes_while_it_restarts_is_gone_within_30_s() {
    let mut world = World::new();
    let (viewer, session) = world.join("192.0.2.7:6000", true);
    world.run_ms(2_000);
    world.network = Box::new(|_, _| Fate::Lose);

    let offer = world.viewers[viewer].restart_offer();
    let silent: Vec<_> = offer.lines().filter(|line| !line.starts_with("a=candidate")).collect();
    let offer = silent.join("\r\n") + "\r\n";
    world.endpoint.renegotiate(world.now, session, &offer).unwrap();
    world.run(Duration::from_secs(30));

    assert_eq!(world.states().last(), Some(&SessionState::Closed(CloseCause::Vanished)));
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
    assert_eq!(world.states().last(), Some(&SessionState::Interrupted));
    world.events.clear();

    world.network = Box::new(|_, _| Fate::Pass);
    while world.states().is_empty() && world.now < lost_at + Duration::from_secs(25) {
        world.run_ms(10);
    }

    assert_eq!(world.states(), [SessionState::Connected]);
    assert_eq!(world.keyframes_wanted(), 1);
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
    world.run(Duration::from_secs(25));

    assert_eq!(world.states(), [SessionState::Connected], "nobody noticed");
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
