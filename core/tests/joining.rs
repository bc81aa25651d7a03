//! How long joining takes when nothing but the protocols' own timers takes time.

#![allow(clippy::unwrap_used)]

mod support;

use support::World;

/// Milliseconds from the answer to the viewer's DTLS being through.
fn connect_ms(told: bool) -> u64 {
    let mut world = World::new();
    let (viewer, _) = world.join("192.0.2.7:6000", told);
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
fn checks_leave_before_the_viewer_is_heard() {
    let mut world = World::new();
    world.network = Box::new(|_, _| support::Fate::Lose);
    world.join("192.0.2.7:6000", true);

    world.run_ms(1_000);

    let at = support::address("192.0.2.7:6000");
    let checks = world.sent.iter().filter(|(out, _)| out.remote == at).count();
    assert!((3..=5).contains(&checks), "{checks} checks in the first second");
}
