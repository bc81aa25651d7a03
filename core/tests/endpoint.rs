//! The endpoint against str0m's other side, in memory and under a virtual clock.

#![allow(clippy::unwrap_used)]

mod support;

use pinhole_core::{CloseCause, Event, SessionState};
use support::World;

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
