//! A viewer whose address changes in mid-stream: its NAT forgot it, or the relay in front of us
//! made another socket for it.

#![allow(clippy::unwrap_used)]

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use pinhole_core::{Datagram, DropReason, SessionState, Transport};
use support::{World, address};

/// Sends a frame every 33 ms, and tells the longest gap between frames that arrived, in ms.
fn longest_gap(world: &mut World, viewer: usize, frames: usize) -> usize {
    longest_gaps(world, [viewer], frames)[0]
}

fn longest_gaps<const N: usize>(
    world: &mut World,
    viewers: [usize; N],
    frames: usize,
) -> [usize; N] {
    let (mut gaps, mut longest) = ([0; N], [0; N]);
    for _ in 0..frames {
        let before = viewers.map(|viewer| world.viewers[viewer].frames.len());
        let wanted = world.keyframes_wanted();
        world.frame(false, 3_000);
        world.run_ms(33);
        if world.keyframes_wanted() > wanted {
            world.frame(true, 10_000);
        }
        for place in 0..N {
            let arrived = world.viewers[viewers[place]].frames.len() > before[place];
            gaps[place] = if arrived { 0 } else { gaps[place] + 33 };
            longest[place] = longest[place].max(gaps[place]);
        }
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

/// The most that a change of address may cost: the silence that shows it, and a second until the
/// next report.
const GAP_MS_MAX: usize = 1_700;

#[test]
fn media_follows_a_viewer_to_its_new_address_with_its_next_report() {
    // Whatever stands between the change and the viewer's next check, and its next report.
    for waited in 0..8 {
        let (mut world, viewer) = watching("192.0.2.7:6000");
        longest_gap(&mut world, viewer, waited * 15);

        world.viewers[viewer].outside = address("192.0.2.7:6001");
        let gap = longest_gap(&mut world, viewer, 120);

        assert!(gap <= GAP_MS_MAX, "{gap} ms without a picture");
    }
}

#[test]
fn a_session_never_notices_that_its_viewer_moved() {
    let (mut world, viewer) = watching("192.0.2.7:6000");

    world.viewers[viewer].outside = address("192.0.2.7:6001");
    longest_gap(&mut world, viewer, 300);

    assert_eq!(world.states(), [SessionState::Connected], "the session never noticed");
    assert_eq!(world.endpoint.stats().roams_total, 1);
    let path = world.endpoint.sessions()[0].path.unwrap();
    assert_eq!(path.remote, address("192.0.2.7:6001"));
    // Nor do str0m's checks of the next minute break anything.
    let later = longest_gap(&mut world, viewer, 1_800);
    assert!(later < 100, "{later} ms without a picture");
    assert_eq!(world.endpoint.stats().roams_total, 1);
}

#[test]
fn where_reports_are_lost_media_follows_with_the_next_check() {
    let (mut world, viewer) = watching("192.0.2.7:6000");

    world.viewers[viewer].outside = address("192.0.2.7:6001");
    world.lost_upward = Some(Box::new(|bytes| bytes[0] >= 128));
    let gap = longest_gap(&mut world, viewer, 150);

    assert!((GAP_MS_MAX..4_000).contains(&gap), "{gap} ms without a picture");
}

#[test]
fn viewers_behind_one_address_are_told_apart_when_all_change_at_once() {
    let (mut world, one) = watching("192.0.2.7:6001");
    let (other, _) = world.join("192.0.2.7:6002", false);
    world.run_ms(400);
    world.frame(true, 10_000);
    longest_gap(&mut world, one, 60);

    world.viewers[one].outside = address("192.0.2.7:7001");
    world.viewers[other].outside = address("192.0.2.7:7002");
    let gaps = longest_gaps(&mut world, [one, other], 150);

    assert!(gaps.iter().all(|gap| *gap <= GAP_MS_MAX), "{gaps:?} ms without a picture");
    assert_eq!(world.endpoint.stats().roams_total, 2);
    let remotes: Vec<_> =
        world.endpoint.sessions().iter().map(|session| session.path.unwrap().remote).collect();
    assert_eq!(remotes, [address("192.0.2.7:7001"), address("192.0.2.7:7002")]);
}

const STRANGER: &str = "198.51.100.9:1";

fn from_stranger(payload: &[u8]) -> Datagram<'_> {
    let (local, remote) = (address(support::SERVER), address(STRANGER));
    Datagram { local, remote, transport: Transport::Udp, payload }
}

/// The reports that go up from now on, which are lost on their way or not.
fn overhear(world: &mut World, are_lost: bool) -> Rc<RefCell<Vec<Vec<u8>>>> {
    let overheard = Rc::new(RefCell::new(Vec::new()));
    let ear = Rc::clone(&overheard);
    world.lost_upward = Some(Box::new(move |bytes| {
        let is_report = bytes[0] >= 128 && (200..=207).contains(&bytes[1]);
        ear.borrow_mut().extend(is_report.then(|| bytes.to_vec()));
        are_lost
    }));
    overheard
}

#[test]
fn reports_from_elsewhere_are_no_reason_to_ask_while_the_path_is_alive() {
    let (mut world, _) = watching("192.0.2.7:6000");
    let overheard = overhear(&mut world, false);
    let mut copied = 0;
    for _ in 0..500 {
        world.frame(false, 3_000);
        world.run_ms(10);
        for mut report in overheard.take() {
            copied += 1;
            // As if it had overtaken the viewer's next.
            *report.last_mut().unwrap() += 1;
            world.endpoint.handle_datagram(world.now, from_stranger(&report));
        }
    }

    assert!(copied >= 3, "{copied} reports were copied");
    assert!(world.sent.iter().all(|(to, _)| to.remote != address(STRANGER)));
}

#[test]
fn a_stranger_that_copies_reports_gets_a_check_now_and_then_and_never_media() {
    let (mut world, _) = watching("192.0.2.7:6000");
    let stranger = address(STRANGER);
    let overheard = overhear(&mut world, true);
    world.sent.clear();

    let mut copied = Vec::new();
    for _ in 0..500 {
        copied.extend(overheard.take());
        // It sends each report a hundred times, and the viewer's own never arrive.
        if let Some(report) = copied.last() {
            world.endpoint.handle_datagram(world.now, from_stranger(report));
        }
        // It answers what it is asked, but has no password.
        let checks: Vec<_> =
            world.sent.iter().filter(|(to, _)| to.remote == stranger).map(|it| &it.1).collect();
        if let Some(check) = checks.last() {
            let mut answer = check[..20].to_vec();
            answer[..4].copy_from_slice(&[1, 1, 0, 24]);
            answer.extend([0, 8, 0, 20]);
            answer.extend([7; 20]);
            world.endpoint.handle_datagram(world.now, from_stranger(&answer));
        }
        world.frame(false, 3_000);
        world.run_ms(10);
    }

    assert!(copied.len() >= 3, "{} reports were copied", copied.len());
    let sent: Vec<_> = world.sent.iter().filter(|(to, _)| to.remote == stranger).collect();
    assert!((1..=5).contains(&sent.len()), "{} datagrams in five seconds", sent.len());
    assert!(sent.iter().all(|(_, bytes)| bytes[0] == 0 && bytes.len() < 128), "checks only");
    assert_eq!(world.endpoint.stats().roams_total, 0);
    assert!(world.endpoint.stats().dropped_total[&DropReason::BadIntegrity] > 0);
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
        assert!(gap <= GAP_MS_MAX, "{gap} ms without a picture at port {port}");
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

/// Found by the world, seed 34: the integrity of a check holds wherever it is sent from.
#[test]
fn a_check_that_is_repeated_from_elsewhere_moves_nothing_when_the_path_is_silent_either() {
    let (mut world, _) = watching("192.0.2.7:6000");
    let checks = Rc::new(RefCell::new(Vec::new()));
    let ear = Rc::clone(&checks);
    world.lost_upward = Some(Box::new(move |bytes| {
        ear.borrow_mut().extend((bytes[..2] == [0, 1]).then(|| bytes.to_vec()));
        false
    }));
    for _ in 0..60 {
        world.frame(false, 3_000);
        world.run_ms(100);
    }
    let overheard = checks.take();
    assert!(!overheard.is_empty(), "the viewer checks its path");
    world.sent.clear();

    // Nothing of the viewer's arrives any more; a stranger repeats what it once sent.
    world.lost_upward = Some(Box::new(|_| true));
    for round in 0..80 {
        let check = &overheard[round % overheard.len()];
        world.endpoint.handle_datagram(world.now, from_stranger(check));
        world.frame(false, 3_000);
        world.run_ms(100);
    }

    assert_eq!(world.endpoint.stats().roams_total, 0);
    let to_stranger = world.sent.iter().filter(|(to, _)| to.remote == address(STRANGER));
    let (mut checks, mut others) = (0, 0);
    to_stranger.for_each(|(_, bytes)| *if bytes[0] < 4 { &mut checks } else { &mut others } += 1);
    assert_eq!(others, 0, "nothing but checks goes to a stranger");
    assert!((1..=40).contains(&checks), "{checks} checks in eight seconds");
}
