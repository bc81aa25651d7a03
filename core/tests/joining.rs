//! How long joining takes when nothing but the protocols' own timers takes time.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use support::{Viewer, World};

/// Milliseconds from the answer to the viewer's DTLS being through.
fn connect_ms(told: bool) -> u64 {
    let mut world = World::new();
    let (viewer, _) = world.join("192.0.2.7:6000", told);
    connect(&mut world, viewer)
}

fn connect(world: &mut World, viewer: usize) -> u64 {
    for ms in 0..1_000 {
        if world.viewers[viewer].connected {
            return ms;
        }
        world.run_ms(1);
    }
    panic!("not connected after a second");
}

#[test]
fn no_timer_of_ours_stands_between_answer_and_connection() {
    let (told, hidden) = (connect_ms(true), connect_ms(false));
    assert!(told <= 10, "{told} ms");
    assert!(hidden <= 10, "{hidden} ms");
}

#[test]
fn who_only_connects_does_not_watch() {
    let mut world = World::new();
    let (viewer, session) = world.join("192.0.2.7:6000", true);
    assert!(world.endpoint.is_idle(), "a picture for nobody makes it wait for the next");

    connect(&mut world, viewer);
    assert!(!world.endpoint.is_idle());
    assert_eq!(world.keyframes_wanted(), 1);
    assert!(world.frame(true, 1_000).viewers == 1, "the first picture is its own");
    world.endpoint.close(world.now, session);
    assert!(world.endpoint.is_idle());
}

#[test]
fn a_check_of_ours_that_overtakes_the_answer_holds_nobody_up() {
    let mut world = World::new();
    let viewer = Viewer::new(world.now, "192.0.2.7:6000", true);
    let accepted = world.endpoint.accept_offer(world.now, &viewer.offer).unwrap();
    world.viewers.push(viewer);
    world.run_ms(10);

    world.viewers[0].accept(&accepted.answer);

    let ms = connect(&mut world, 0);
    assert!(ms <= 10, "{ms} ms after the answer");
    assert_eq!(world.endpoint.stats().dropped_total, BTreeMap::new());
}

#[test]
fn checks_leave_before_the_viewer_is_heard() {
    let mut world = World::new();
    world.network = Box::new(|_, _| support::Fate::Lose);
    world.join("192.0.2.7:6000", true);

    world.run_ms(1_000);

    let at = support::address("192.0.2.7:6000");
    let checks = world.sent.iter().filter(|(out, _)| out.remote == at).count();
    assert!((3..=5).contains(&checks), "{checks} checks in the first second");
}
