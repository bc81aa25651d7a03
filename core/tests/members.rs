//! What is known of all viewers together, while each comes, breaks, comes back and goes.

#![allow(clippy::unwrap_used)]

mod support;

use std::cell::Cell;
use std::rc::Rc;

use pinhole_core::SessionState;
use support::{Fate, World};

/// Connecting, connected, interrupted: as counted, and as a walk over all finds them.
fn assert_counted(world: &World) {
    let stats = world.endpoint.stats();
    let sessions = world.endpoint.sessions();
    let found = |state| sessions.iter().filter(|session| session.state == state).count();
    assert_eq!(stats.connecting, found(SessionState::Connecting));
    assert_eq!(stats.connected, found(SessionState::Connected));
    assert_eq!(stats.interrupted, found(SessionState::Interrupted));
    assert_eq!(world.endpoint.is_idle(), sessions.is_empty());
}

fn run_counted(world: &mut World, ms: u64) {
    for _ in 0..ms / 10 {
        world.run_ms(10);
        assert_counted(world);
    }
}

#[test]
fn viewers_are_counted_where_they_stand() {
    let mut world = World::new();
    assert_counted(&world);
    let joined: Vec<_> =
        (10..16).map(|host| world.join(&format!("192.0.2.{host}:6000"), true)).collect();
    run_counted(&mut world, 500);
    assert_eq!(world.endpoint.stats().connected, joined.len());

    let lost = Rc::new(Cell::new(Some(0..3)));
    let shared = lost.clone();
    world.network = Box::new(move |_, viewer| {
        let lost = shared.take();
        let is_lost = lost.as_ref().is_some_and(|lost| lost.contains(&viewer));
        shared.set(lost);
        if is_lost { Fate::Lose } else { Fate::Pass }
    });
    run_counted(&mut world, 18_000);
    assert_eq!(world.endpoint.stats().interrupted, 3);
    // One comes back, two do not.
    lost.set(Some(1..3));
    run_counted(&mut world, 10_000);
    assert_eq!((world.endpoint.stats().connected, world.endpoint.stats().interrupted), (4, 0));

    for (viewer, session) in joined {
        world.endpoint.close(world.now, session);
        assert_counted(&world);
        world.settle();
        assert_counted(&world);
        assert!(viewer == 1 || viewer == 2 || world.viewers[viewer].closed);
    }
    assert!(world.endpoint.is_idle());
}

#[test]
fn an_encoder_that_forgot_is_reminded_while_somebody_has_no_picture() {
    let mut world = World::new();
    let (_, first) = world.join("192.0.2.7:6000", true);
    let (_, second) = world.join("192.0.2.8:6000", true);
    world.run_ms(500);
    assert_eq!(world.keyframes_wanted(), 1);
    world.run_ms(1_000);
    assert_eq!(world.keyframes_wanted(), 2, "reminded");

    world.endpoint.close(world.now, first);
    world.run_ms(1_000);
    assert_eq!(world.keyframes_wanted(), 3, "the other one still waits");
    world.endpoint.close(world.now, second);
    world.run_ms(3_000);
    assert_eq!(world.keyframes_wanted(), 3, "nobody is left");
}
