//! Packets that were lost are sent again, however long the way there and back, and the picture goes on whole.

#![allow(clippy::unwrap_used)]

mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use support::{Fate, Link, World};

const FRAMES: usize = 90;

/// A viewer this far away, each way, whose packets are sent only once it is there.
fn far(delay: Duration) -> World {
    let mut world = World::new();
    let (viewer, _) = world.join("192.0.2.7:6000", true);
    let mut link = Link::new(viewer, 1_000_000_000, Duration::from_secs(1));
    link.delay = delay;
    world.link = Some(link);
    world.run(Duration::from_millis(500) + 20 * delay);
    assert!(world.viewers[viewer].connected);
    world
}

/// Lets the world have frames of four packets, thirty a second.
fn watch(world: &mut World, frames: usize) {
    for _ in 0..frames {
        world.frame(world.viewers[0].frames.is_empty(), 4_500);
        world.run_ms(33);
    }
}

/// The same, while one datagram in twenty to the viewer is lost, so that some are a second time; then all
/// of it arrives. How many were lost.
fn watch_with_losses(world: &mut World, frames: usize) -> usize {
    let counts = Rc::new(Cell::new((0, 0)));
    let counted = Rc::clone(&counts);
    world.network = Box::new(move |is_down, _| {
        let (sent, lost) = counted.get();
        let loses = is_down && sent % 20 == 7;
        counted.set((sent + usize::from(is_down), lost + usize::from(loses)));
        if loses { Fate::Lose } else { Fate::Pass }
    });
    watch(world, frames);
    world.network = Box::new(|_, _| Fate::Pass);
    watch(world, 1);
    world.run_ms(2_000);
    counts.get().1
}

/// Frames that came, and those of them that came whole behind the one before.
fn seen(world: &World) -> (usize, usize) {
    let frames = &world.viewers[0].frames;
    (frames.len(), frames.iter().filter(|frame| frame.contiguous).count())
}

#[test]
fn a_lost_packet_comes_again_however_far_the_viewer_is() {
    for delay in [0, 10, 50, 100, 200].map(Duration::from_millis) {
        let mut world = far(delay);
        world.frame(true, 4_500);
        world.run(Duration::from_millis(33) + 2 * delay);
        world.events.clear();

        let lost = watch_with_losses(&mut world, FRAMES);

        assert!(lost > 15, "{lost} were lost");
        assert_eq!(seen(&world), (FRAMES + 2, FRAMES + 2), "{delay:?} each way");
        assert_eq!(world.keyframes_wanted(), 0, "{delay:?} each way");
    }
}

#[test]
fn a_path_that_becomes_slower_has_its_packets_kept_for_longer() {
    let mut world = far(Duration::from_millis(5));
    watch(&mut world, FRAMES);
    world.link.as_mut().unwrap().delay = Duration::from_millis(150);
    // Until a check has shown it.
    watch(&mut world, 10 * FRAMES);
    world.events.clear();

    let lost = watch_with_losses(&mut world, FRAMES);

    assert!(lost > 15, "{lost} were lost");
    assert_eq!(seen(&world), (12 * FRAMES + 1, 12 * FRAMES + 1));
    assert_eq!(world.keyframes_wanted(), 0);
}
