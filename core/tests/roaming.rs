//! A viewer whose address changes in mid-stream: its NAT forgot it, or the relay in front of us
//! made another socket for it.

#![allow(clippy::unwrap_used)]

mod support;

use pinhole_core::SessionState;
use support::{World, address};

/// Sends a frame every 33 ms, and tells the longest gap between frames that arrived, in ms.
fn longest_gap(world: &mut World, viewer: usize, frames: usize) -> usize {
    let (mut gap, mut longest) = (0, 0);
    for _ in 0..frames {
        let before = world.viewers[viewer].frames.len();
        let wanted = world.keyframes_wanted();
        world.frame(false, 3_000);
        world.run_ms(33);
        if world.keyframes_wanted() > wanted {
            world.frame(true, 10_000);
        }
        gap = if world.viewers[viewer].frames.len() > before { 0 } else { gap + 33 };
        longest = longest.max(gap);
    }
    longest
}

fn watching(at: &str) -> (World, usize) {
    let mut world = World::new();
    let (viewer, _) = world.join(at, false);
    world.run_ms(400);
    world.frame(true, 10_000);
    assert!(longest_gap(&mut world, viewer, 30) < 100);
    (world, viewer)
}

#[test]
fn media_follows_a_viewer_to_its_new_address_with_its_next_check() {
    let (mut world, viewer) = watching("192.0.2.7:6000");

    world.viewers[viewer].outside = address("192.0.2.7:6001");
    let gap = longest_gap(&mut world, viewer, 300);

    // str0m as a viewer checks every 3 s or so; without the alias this is 15 s and more.
    assert!(gap < 4_000, "{gap} ms without a picture");
    assert_eq!(world.states(), [SessionState::Connected], "the session never noticed");
    assert_eq!(world.endpoint.stats().roams_total, 1);
    let path = world.endpoint.sessions()[0].path.unwrap();
    assert_eq!(path.remote, address("192.0.2.7:6001"));
}

#[test]
fn a_viewer_that_moved_is_sent_a_picture_that_needs_no_other_before_it_asks() {
    let (mut world, viewer) = watching("192.0.2.7:6000");
    let asked = world.endpoint.stats().keyframe_requests_total;
    let wanted = world.keyframes_wanted();

    world.viewers[viewer].outside = address("192.0.2.7:6001");
    for _ in 0..200 {
        world.frame(false, 3_000);
        world.run_ms(33);
        if world.endpoint.stats().roams_total == 1 {
            break;
        }
    }

    assert_eq!(world.endpoint.stats().roams_total, 1);
    assert_eq!(world.endpoint.stats().keyframe_requests_total, asked);
    assert_eq!(world.keyframes_wanted(), wanted + 1);
}

#[test]
fn it_may_roam_again_and_come_home() {
    let (mut world, viewer) = watching("192.0.2.7:6000");

    for port in [6001, 6002, 6000, 6003] {
        world.viewers[viewer].outside = address(&format!("192.0.2.7:{port}"));
        let gap = longest_gap(&mut world, viewer, 300);
        assert!(gap < 4_000, "{gap} ms without a picture at port {port}");
    }
    assert_eq!(world.states(), [SessionState::Connected]);
}

#[test]
fn a_check_from_elsewhere_moves_nothing_while_the_path_is_alive() {
    let (mut world, viewer) = watching("192.0.2.7:6000");
    let other = address("198.51.100.9:1");
    // Replays what the viewer sends from another address too, as an interface that it also has would.
    let server = address(support::SERVER);
    for _ in 0..60 {
        world.frame(false, 3_000);
        for (_, bytes) in world.overheard(viewer) {
            let copy = pinhole_core::Datagram {
                local: server,
                remote: other,
                transport: pinhole_core::Transport::Udp,
                payload: &bytes,
            };
            world.endpoint.handle_datagram(world.now, copy);
        }
        world.run_ms(100);
    }

    assert_eq!(world.endpoint.stats().roams_total, 0);
    assert_eq!(world.endpoint.sessions()[0].path.unwrap().remote, address("192.0.2.7:6000"));
}
