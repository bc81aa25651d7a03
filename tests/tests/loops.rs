//! Several event loops behind one handle: viewers are spread over them, and nobody can tell.
//!
//! The suite of `runtimes.rs` runs on three loops as well; here is what only several have.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pinhole_core::SessionId;
use pinhole_runtime::{HandleError, RuntimeConfig, ViewerEvent};
use pinhole_tests::runtime_suite::{LIMIT, Server, Spawn, eventually, on_loops, within};
use pinhole_tests::server::{RUNTIMES, Server as Program};
use pinhole_tests::viewer::{Candidates, Viewer, ViewerConfig, ViewerPool, ViewerState};

/// Time for a picture on a busy machine.
const PICTURE: Duration = Duration::from_secs(20);

type Accepted = pinhole_runtime::Viewer;

macro_rules! on_both_runtimes {
    ($($test:ident),* $(,)?) => {
        mod mio { $(#[test] fn $test() { super::$test(pinhole_mio::spawn); })* }
        mod smol { $(#[test] fn $test() { super::$test(pinhole_smol::spawn); })* }
    };
}

on_both_runtimes! {
    viewers_are_spread_and_each_gets_every_frame,
    a_command_reaches_the_loop_of_its_session,
    a_keyframe_is_asked_for_by_any_loop,
    a_snapshot_is_the_sum,
    places_are_those_of_all_loops_together,
    viewers_of_all_loops_hear_of_the_end,
    a_loop_that_fails_takes_the_others_along,
}

/// A server with as many loops, and viewers that play.
struct Stage {
    server: Server,
    viewers: Vec<(Viewer, Accepted)>,
}

impl Stage {
    fn set(spawn: Spawn, loops: usize, viewers: usize) -> Stage {
        let server = start(spawn, loops, 64);
        let pool = ViewerPool::spawn().unwrap();
        let viewers: Vec<_> = (0..viewers).map(|_| server.connect(&pool).unwrap()).collect();
        for (viewer, _) in &viewers {
            viewer.wait_for_picture(LIMIT).unwrap();
        }
        Stage { server, viewers }
    }

    /// How many viewers came to each of the server's ports.
    fn by_port(&self) -> BTreeMap<u16, usize> {
        let mut by_port = BTreeMap::new();
        for (viewer, _) in &self.viewers {
            *by_port.entry(port(viewer)).or_default() += 1;
        }
        by_port
    }
}

fn start(spawn: Spawn, loops: usize, places: usize) -> Server {
    let change = |config: &mut RuntimeConfig| {
        config.endpoint.limits.sessions = places;
        on_loops(config, loops);
    };
    Server::start_with(spawn, change).unwrap()
}

/// Where a viewer's packets come from.
fn port(viewer: &Viewer) -> u16 {
    viewer.stats().unwrap().remote.unwrap().port()
}

fn viewers_are_spread_and_each_gets_every_frame(spawn: Spawn) {
    for loops in [2, 3] {
        let stage = Stage::set(spawn, loops, 2 * loops);
        assert_eq!(stage.by_port().into_values().collect::<Vec<_>>(), vec![2; loops]);

        for (viewer, _) in &stage.viewers {
            viewer.wait_until(LIMIT, "100 frames", |seen| seen.frames >= 100).unwrap();
        }

        let made = stage.server.script.made();
        for (viewer, _) in &stage.viewers {
            let seen = viewer.stats().unwrap();
            assert_eq!((seen.gaps, seen.missing, seen.ssrcs), (0, 0, 1));
            let units = viewer.take_frames().unwrap();
            let first = made.iter().position(|data| *data == units[0].data).unwrap();
            assert!(units[0].keyframe && units.len() >= 100);
            for (unit, data) in units.iter().zip(&made[first..]) {
                assert!(unit.data == *data, "a frame differs, is missing, or out of order");
            }
        }
        stage.server.stop().unwrap();
    }
}

fn a_command_reaches_the_loop_of_its_session(spawn: Spawn) {
    let (server, pool) = (start(spawn, 3, 64), ViewerPool::spawn().unwrap());
    let config = ViewerConfig { candidates: Candidates::Trickled, ..ViewerConfig::default() };
    let offers: Vec<_> = (0..6).map(|_| pool.offer(&config).unwrap()).collect();
    let viewers: Vec<(Viewer, Accepted)> = offers
        .into_iter()
        .map(|waiting| {
            let accepted = within(server.handle.accept_offer(waiting.offer().to_owned())).unwrap();
            (waiting.answer(&accepted.answer).unwrap(), accepted)
        })
        .collect();
    let ids: BTreeSet<SessionId> = viewers.iter().map(|(_, accepted)| accepted.id).collect();
    assert_eq!(ids.len(), 6, "no id comes twice");

    for (viewer, accepted) in &viewers {
        let candidate = viewer.candidate().to_owned();
        within(server.handle.add_candidate(accepted.id, candidate)).unwrap();
        viewer.wait_for_picture(LIMIT).unwrap();
        let offer = viewer.restart_offer().unwrap();
        let answer = within(server.handle.renegotiate(accepted.id, offer)).unwrap();
        viewer.renegotiated(&answer).unwrap();
        viewer.wait_for_picture(LIMIT).unwrap();
    }
    for (place, (viewer, accepted)) in viewers.iter().enumerate() {
        assert!(within(server.handle.close(accepted.id)).unwrap());
        assert!(!within(server.handle.close(accepted.id)).unwrap());
        assert!(eventually(|| viewer.stats().unwrap().state == ViewerState::ClosedByServer));
        let left = within(server.handle.snapshot()).unwrap().sessions.len();
        assert_eq!(left, viewers.len() - place - 1, "the others stay");
    }
    server.stop().unwrap();
}

fn a_keyframe_is_asked_for_by_any_loop(spawn: Spawn) {
    let stage = Stage::set(spawn, 3, 3);
    for (viewer, _) in &stage.viewers {
        // One IDR in 250 ms is asked for, and the one of the last round is for everybody.
        std::thread::sleep(Duration::from_millis(400));
        let asked = stage.server.script.keyframes_asked();
        let keyframes = |(viewer, _): &(Viewer, Accepted)| viewer.stats().unwrap().keyframes;
        let before: Vec<u64> = stage.viewers.iter().map(keyframes).collect();

        viewer.request_keyframe().unwrap();

        for ((everybody, _), before) in stage.viewers.iter().zip(before) {
            everybody.wait_until(LIMIT, "keyframe", |seen| seen.keyframes > before).unwrap();
        }
        assert!(stage.server.script.keyframes_asked() > asked);
    }
    stage.server.stop().unwrap();
}

fn a_snapshot_is_the_sum(spawn: Spawn) {
    let stage = Stage::set(spawn, 2, 5);

    let snapshot = within(stage.server.handle.snapshot()).unwrap();

    assert_eq!((snapshot.endpoint.connected, snapshot.endpoint.sessions_total), (5, 5));
    let ids: Vec<_> = snapshot.sessions.iter().map(|session| session.id).collect();
    let mut accepted: Vec<_> = stage.viewers.iter().map(|(_, accepted)| accepted.id).collect();
    accepted.sort_unstable();
    assert_eq!(ids, accepted);
    let ports: BTreeSet<u16> = snapshot.candidates.iter().map(|it| it.base.port()).collect();
    assert_eq!(ports, stage.by_port().into_keys().collect(), "what viewers are told");
    let sent: u64 = stage.viewers.iter().map(|(viewer, _)| viewer.stats().unwrap().packets).sum();
    assert!(snapshot.endpoint.datagrams_sent_total >= sent / 2, "of both loops");
    // A frame is one frame, on however many loops.
    let made = stage.server.script.made().len() as u64;
    let frames = snapshot.endpoint.frames_total;
    assert!(frames <= made && frames > 0, "{frames} frames, of {made} made");
    stage.server.stop().unwrap();
}

fn places_are_those_of_all_loops_together(spawn: Spawn) {
    let (server, pool) = (start(spawn, 2, 3), ViewerPool::spawn().unwrap());
    let mut viewers: Vec<_> = (0..3).map(|_| server.connect(&pool).unwrap()).collect();
    let offer = pool.offer(&ViewerConfig::default()).unwrap().offer().to_owned();

    let refused = within(server.handle.accept_offer(offer)).unwrap_err();

    let text = HandleError::Refused(pinhole_core::OfferError::TooManyViewers(3));
    assert_eq!(refused, text);
    for place in 0..3 {
        let (_, accepted) = viewers.remove(0);
        assert!(within(server.handle.close(accepted.id)).unwrap());
        let next = server.connect(&pool);
        viewers.push(next.unwrap_or_else(|error| panic!("the place of {place} is free: {error}")));
    }
    server.stop().unwrap();
}

fn viewers_of_all_loops_hear_of_the_end(spawn: Spawn) {
    let Stage { server, viewers } = Stage::set(spawn, 3, 6);
    let handle = server.handle.clone();

    server.stop().unwrap();

    for (viewer, accepted) in &viewers {
        assert!(eventually(|| viewer.stats().unwrap().state == ViewerState::ClosedByServer));
        let mut last = None;
        while let Ok(event) = within(accepted.events.recv()) {
            last = Some(event);
        }
        assert!(matches!(last, Some(ViewerEvent::Closed(_))), "{last:?}");
    }
    assert_eq!(within(handle.snapshot()).unwrap_err(), HandleError::Gone);
}

fn a_loop_that_fails_takes_the_others_along(spawn: Spawn) {
    let Stage { server, viewers } = Stage::set(spawn, 3, 3);
    server.script.hold();
    std::thread::sleep(Duration::from_millis(50));

    server.script.release(true);

    // The program hears of it first, by the end of the stream's events.
    assert_eq!(within(server.handle.media_event()), None);
    let error = server.thread.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("as scripted"), "{error}");
    for (_, accepted) in &viewers {
        let closed = eventually(|| accepted.events.is_closed());
        assert!(closed, "a session is left without a loop");
    }
}

#[test]
fn the_program_shares_its_viewers_out_and_says_so() {
    for runtime in RUNTIMES {
        let server = Program::start(runtime, "--size 320x180 --threads 3").unwrap();
        let log = server.log();
        assert!(log.contains("threads  3 event loops, one for each UDP port"), "{log}");
        let pool = ViewerPool::spawn().unwrap();
        let connect = |_| server.connect(&pool, &ViewerConfig::default()).unwrap();
        let viewers: Vec<(Viewer, String)> = (0..6).map(connect).collect();
        for (viewer, _) in &viewers {
            viewer.wait_for_picture(PICTURE).unwrap();
        }
        let ports: BTreeSet<u16> = viewers.iter().map(|(viewer, _)| port(viewer)).collect();
        assert_eq!(ports.len(), 3, "{ports:?}");
        assert_eq!(server.metric("pinhole_sessions").unwrap(), 6.0);
        for (_, location) in &viewers {
            server.delete(location).unwrap();
        }
        server.wait_for_metric("pinhole_sessions", LIMIT, |sessions| sessions == 0.0).unwrap();
        server.stop().unwrap();
    }
}

#[test]
fn too_few_ports_are_told_and_the_program_runs() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server =
        Program::start("mio", &format!("--size 320x180 --threads 3 --udp-ports {free}")).unwrap();

    let log = server.log();

    assert!(log.contains("threads  1 event loop"), "{log}");
    assert!(log.contains("one event loop runs where 3 could: each needs a UDP port"), "{log}");
    server.stop().unwrap();
}
