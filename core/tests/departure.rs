//! How an endpoint ends, and what it is told late.

#![allow(clippy::unwrap_used)]

mod support;

use pinhole_core::gather::{Audience, LocalCandidate, ServerConfig, ServerKind, TurnTransport};
use pinhole_core::portmap::Protocol;
use pinhole_core::turn::Credentials;
use pinhole_core::{CloseCause, EndpointConfig, Event, SessionState};
use support::{World, address, config, start};

const TURN: &str = "203.0.113.2:3478";

fn with_turn_server() -> World {
    let now = start();
    let credentials = Credentials::LongTerm { username: "user".into(), password: "pass".into() };
    let server = ServerConfig {
        host: "turn.example".to_owned(),
        addresses: vec![address(TURN)],
        kind: ServerKind::Turn { transport: TurnTransport::Udp, credentials },
    };
    let EndpointConfig { mut gather, .. } = config(now);
    gather.audience = Audience::Both;
    gather.servers = vec![server];
    World::with(now, EndpointConfig { gather, ..config(now) })
}

#[test]
fn leaving_tells_every_viewer_and_then_there_is_nothing_left_to_do() {
    let mut world = World::new();
    let viewers = ["192.0.2.7:6000", "192.0.2.8:6000"].map(|at| world.join(at, true).0);
    world.run_ms(300);
    assert!(!world.endpoint.has_left());

    world.endpoint.leave(world.now);
    assert!(!world.endpoint.has_left(), "goodbyes are still to be sent");
    world.settle();

    assert!(viewers.iter().all(|viewer| world.viewers[*viewer].closed));
    let ended = SessionState::Closed(CloseCause::Local);
    assert_eq!(world.states().iter().filter(|state| **state == ended).count(), 2);
    assert!(world.endpoint.has_left());
}

#[test]
fn leaving_twice_is_leaving_once() {
    let mut world = World::new();
    world.join("192.0.2.7:6000", true);
    world.run_ms(300);

    world.endpoint.leave(world.now);
    world.settle();
    let sent = world.sent.len();
    world.endpoint.leave(world.now);
    world.settle();

    assert_eq!(world.sent.len(), sent);
    assert!(world.endpoint.has_left());
}

#[test]
fn a_server_that_never_answered_holds_nothing_to_give_back() {
    let mut world = with_turn_server();
    world.run_ms(2_000);

    world.endpoint.leave(world.now);
    world.settle();

    assert!(world.endpoint.has_left());
}

#[test]
fn a_name_that_leads_to_nobody_is_not_asked() {
    let mut world = with_turn_server();
    let asked =
        |world: &World, at: &str| world.sent.iter().any(|(out, _)| out.remote == address(at));
    world.run_ms(1_000);
    assert!(asked(&world, TURN));

    for nobody in ["255.255.255.255:3478", "224.0.0.1:3478", "0.0.0.0:3478", "203.0.113.9:0"] {
        world.endpoint.set_server_addresses(world.now, 0, vec![address(nobody)]);
        world.run_ms(1_000);
        assert!(!asked(&world, nobody), "{nobody}");
    }
    world.endpoint.set_server_addresses(world.now, 0, vec![address("203.0.113.9:3478")]);
    world.run_ms(1_000);
    assert!(asked(&world, "203.0.113.9:3478"));
}

#[test]
fn an_address_known_late_is_offered_once_and_serves() {
    let mut world = World::new();
    let (_, session) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    let late = LocalCandidate::host(Protocol::Udp, address("192.0.2.200:5000"));

    for _ in 0..2 {
        world.endpoint.add_local_candidate(world.now, late);
        world.settle();
    }

    let told = |event: &&Event| {
        matches!(event, Event::Candidate { id, candidate, .. }
            if *id == session && candidate.contains("192.0.2.200 5000 typ host"))
    };
    assert_eq!(world.events.iter().filter(told).count(), 1);
    assert!(world.endpoint.candidates().contains(&late));
    let (viewer, _) = world.join("192.0.2.9:6000", true);
    assert!(world.viewers[viewer].offer.contains("m=video"));
    world.run_ms(300);
    assert!(world.viewers[viewer].connected);
}
