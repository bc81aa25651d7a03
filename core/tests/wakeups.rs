//! How often the shell is woken: each wake-up costs a turn of its loop.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::{World, config, start};

/// Deadlines that come due within a second in which no frame is sent, on a path without delay.
fn wakeups_in_an_idle_second(estimator: Option<u64>) -> usize {
    let now = start();
    let mut world = World::with(now, estimated(now, estimator));
    world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    for index in 0..30 {
        world.frame(index == 0, 12_500);
        world.run_ms(33);
    }
    let mut wakeups = 0;
    for _ in 0..1_000 {
        world.now += Duration::from_millis(1);
        while world.endpoint.poll_timeout().is_some_and(|(at, _)| at <= world.now) {
            wakeups += 1;
            assert!(wakeups < 10_000, "the deadline is always now: {:?}", world.endpoint.stats());
            world.endpoint.handle_timeout(world.now);
            world.settle();
        }
        let now = world.now;
        world.viewers.iter_mut().for_each(|viewer| viewer.timeout(now));
        world.settle();
    }
    wakeups
}

fn estimated(now: std::time::Instant, estimator: Option<u64>) -> pinhole_core::EndpointConfig {
    pinhole_core::EndpointConfig { estimator, ..config(now) }
}

#[test]
fn an_idle_viewer_wakes_nobody_often_whether_its_path_is_estimated_or_not() {
    for estimator in [None, Some(3_000_000)] {
        let wakeups = wakeups_in_an_idle_second(estimator);
        assert!(wakeups <= 150, "{wakeups} wake-ups a second with {estimator:?}");
    }
}
