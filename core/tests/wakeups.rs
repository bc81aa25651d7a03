//! How often the shell is woken: each wake-up costs a turn of its loop.

#![allow(clippy::unwrap_used)]
#![expect(clippy::disallowed_macros, reason = "prints its figures")]

mod support;

use std::time::Duration;

use support::World;

const SECONDS: usize = 10;

/// Deadlines that come due in a second in which no frame is sent, on a path without delay, and what leaves in it in
/// datagrams and bytes; means of ten seconds, which begin three after the last frame.
fn an_idle_second(estimator: Option<u64>) -> [usize; 3] {
    let mut world = World::estimated(estimator);
    world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    for index in 0..30 {
        world.frame(index == 0, 12_500);
        world.run_ms(33);
    }
    world.run_ms(3_000);
    world.sent.clear();
    let mut wakeups = 0;
    for _ in 0..SECONDS * 1_000 {
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
    let bytes: usize = world.sent.iter().map(|(transmit, _)| transmit.len).sum();
    let datagrams = world.sent.iter().map(|(it, _)| it.len.div_ceil(it.segment_size)).sum();
    [wakeups, datagrams, bytes].map(|sum: usize| sum / SECONDS)
}

#[test]
fn an_idle_viewer_costs_little_whether_its_path_is_estimated_or_not() {
    for (estimator, most) in [(None, [3, 3, 300]), (Some(3_000_000), [5, 3, 300])] {
        let second = an_idle_second(estimator);
        println!("{estimator:?}: {second:?} wake-ups, datagrams, bytes a second");
        let is_little = second.iter().zip(&most).all(|(is, most)| is <= most);
        assert!(is_little, "{second:?} with {estimator:?}, at most {most:?}");
    }
}
