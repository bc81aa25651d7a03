//! Packets that were lost are sent again, however long the way there and back, and the picture goes on whole.

#![allow(clippy::unwrap_used)]

mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use support::{Fate, Link, World};

/// Between two IDRs: in two seconds.
const FRAMES: usize = 60;

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

/// Lets the world have so many pictures between IDRs, each of four packets, thirty a second.
fn watch(world: &mut World, groups: usize) {
    for index in 0..groups * FRAMES {
        world.frame(index % FRAMES == 0, 4_500);
        world.run_ms(33);
    }
}

/// The same, while one datagram in twenty to the viewer is lost, so that some are a second time; then all
/// of it arrives. How many were lost.
fn watch_with_losses(world: &mut World) -> usize {
    let counts = Rc::new(Cell::new((0, 0)));
    let counted = Rc::clone(&counts);
    world.network = Box::new(move |is_down, _| {
        let (sent, lost) = counted.get();
        let loses = is_down && sent % 20 == 7;
        counted.set((sent + usize::from(is_down), lost + usize::from(loses)));
        if loses { Fate::Lose } else { Fate::Pass }
    });
    watch(world, 1);
    world.network = Box::new(|_, _| Fate::Pass);
    world.frame(false, 4_500);
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
        world.events.clear();

        let lost = watch_with_losses(&mut world);

        assert!(lost > 10, "{lost} were lost");
        assert_eq!(seen(&world), (FRAMES + 1, FRAMES + 1), "{delay:?} each way");
        assert_eq!(world.keyframes_wanted(), 0, "{delay:?} each way");
    }
}

#[test]
fn a_path_that_becomes_slower_has_its_packets_kept_for_longer() {
    let mut world = far(Duration::from_millis(5));
    watch(&mut world, 1);
    world.link.as_mut().unwrap().delay = Duration::from_millis(150);
    // Until a check has shown it.
    watch(&mut world, 10);
    world.events.clear();

    let lost = watch_with_losses(&mut world);

    assert!(lost > 10, "{lost} were lost");
    assert_eq!(seen(&world), (12 * FRAMES + 1, 12 * FRAMES + 1));
    assert_eq!(world.keyframes_wanted(), 0);
}

/// For this many frames nothing arrives, and then all of them are asked for. How many never came whole.
fn lost_in_gap(world: &mut World, gap: usize) -> usize {
    watch(world, 1);
    let (_, before) = seen(world);
    for index in 0..FRAMES {
        // Not the IDR itself.
        let is_lost = (1..=gap).contains(&index);
        world.network = Box::new(move |is_down, _| match is_down && is_lost {
            true => Fate::Lose,
            false => Fate::Pass,
        });
        world.frame(index == 0, 4_500);
        world.run_ms(33);
    }
    world.run_ms(2_000);
    before + FRAMES - seen(world).1
}

#[test]
fn who_has_lost_something_gets_all_of_a_long_gap_again() {
    let mut world = far(Duration::from_millis(2));
    assert!(lost_in_gap(&mut world, 18) > 3, "nobody could know");
    assert_eq!(lost_in_gap(&mut world, 18), 0, "600 ms");
}
