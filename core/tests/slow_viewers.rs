//! The estimator: slow viewers lose whole frames, good paths lose nothing.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::{Link, World};

#[test]
fn a_slow_viewer_loses_whole_frames_and_gets_an_idr_and_the_others_lose_nothing() {
    let mut world = World::estimated(Some(3_000_000));
    let (slow, _) = world.join("192.0.2.7:6000", true);
    let (fast, _) = world.join("192.0.2.8:6000", true);
    world.run_ms(300);
    world.link = Some(Link::new(slow, 800_000, Duration::from_millis(300)));
    let (mut skipped, mut idrs, mut wanted) = (0, 0, true);

    // 3 Mbit/s at 30 fps for 30 s; an IDR whenever one is asked for.
    for _ in 0..900 {
        let report = world.frame(wanted, if wanted { 30_000 } else { 12_500 });
        idrs += usize::from(wanted);
        skipped += report.skipped;
        world.events.clear();
        world.run_ms(33);
        wanted = world.keyframes_wanted() > 0;
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
    let mut world = World::estimated(Some(3_000_000));
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

#[test]
fn a_viewer_that_asks_for_idrs_all_the_time_costs_the_others_few() {
    let mut world = World::new();
    let (needy, _) = world.join("192.0.2.7:6000", true);
    let (calm, _) = world.join("192.0.2.8:6000", true);
    world.run_ms(300);
    let (mut idrs, mut wanted) = (0, true);

    for _ in 0..600 {
        world.frame(wanted, 12_500);
        idrs += usize::from(wanted);
        world.events.clear();
        world.viewers[needy].ask_for_keyframe();
        world.run_ms(33);
        wanted = world.keyframes_wanted() > 0;
    }
    world.run_ms(300);

    assert!((9..=16).contains(&idrs), "{idrs} IDRs in 20 s");
    let calm = &world.viewers[calm].frames;
    assert_eq!(calm.len(), 600);
    assert!(calm.iter().all(|frame| frame.contiguous));
}
