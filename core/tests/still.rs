//! A picture that stands still: the viewer has it whole, and goes on where it was when it moves again.

#![allow(clippy::unwrap_used)]

mod support;

use pinhole_core::SessionId;
use support::{Fate, World, frame_bytes};

const ESTIMATORS: [Option<u64>; 2] = [None, Some(3_000_000)];

/// A viewer that has watched for a second.
fn watching(estimator: Option<u64>) -> (World, SessionId) {
    let mut world = World::estimated(estimator);
    let (_, session) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    for index in 0..30 {
        world.frame(index == 0, 5_000);
        world.run_ms(33);
    }
    world.events.clear();
    (world, session)
}

#[test]
fn a_viewer_that_lost_the_end_of_the_last_picture_gets_an_idr_of_it() {
    for estimator in ESTIMATORS {
        let (mut world, _) = watching(estimator);
        world.network = Box::new(|is_down, _| if is_down { Fate::Lose } else { Fate::Pass });
        world.frame(false, 5_000);
        world.run_ms(20);
        world.network = Box::new(|_, _| Fate::Pass);

        world.run_ms(2_500);
        assert_eq!(world.viewers[0].frames.len(), 30, "it never came");
        assert!(world.keyframes_wanted() > 0, "{estimator:?}");
        world.events.clear();
        world.frame(true, 20_000);
        world.run_ms(10_000);

        let frames = &world.viewers[0].frames;
        assert_eq!(frames.last().unwrap().data.len(), frame_bytes(true, 20_000).len());
        assert_eq!(world.keyframes_wanted(), 0, "{estimator:?}: it was whole");
    }
}

#[test]
fn a_viewer_that_has_all_of_it_is_left_alone() {
    for estimator in ESTIMATORS {
        let (mut world, _) = watching(estimator);
        world.run_ms(10_000);
        assert_eq!(world.keyframes_wanted(), 0, "{estimator:?}");
    }
}

#[test]
fn the_stream_goes_on_after_a_pause_and_an_ice_restart_in_it() {
    for estimator in ESTIMATORS {
        let (mut world, session) = watching(estimator);
        world.run_ms(5_000);
        world.frame(false, 5_000);
        world.run_ms(5_000);
        let offer = world.viewers[0].restart_offer();
        let answer = world.endpoint.renegotiate(world.now, session, &offer).unwrap();
        world.viewers[0].accept(&answer);
        world.run_ms(5_000);
        world.frame(true, 5_000);
        world.run_ms(100);

        let frames = &world.viewers[0].frames;
        assert_eq!(frames.len(), 32, "{estimator:?}");
        assert!(frames.iter().all(|frame| frame.contiguous), "{estimator:?}");
    }
}
