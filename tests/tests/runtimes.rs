//! One suite for both runtimes: the same tests on mio and on smol, with one event loop and with three,
//! with a real viewer on loopback.
#![allow(clippy::unwrap_used)]

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pinhole_core::{CandidateError, CloseCause, SessionState};
use pinhole_encoder::MediaEvent;
use pinhole_runtime::{Handle, HandleError, RuntimeError, ViewerEvent};
use pinhole_tests::runtime_suite::{
    LIMIT, Server, Spawn, eventually, mio_on_three_loops, smol_on_three_loops, within,
};
use pinhole_tests::viewer::{ViewerConfig, ViewerPool, ViewerState};

macro_rules! on_both_runtimes {
    ($($test:ident),* $(,)?) => {
        mod mio { $(#[test] fn $test() { super::$test(pinhole_mio::spawn); })* }
        mod smol { $(#[test] fn $test() { super::$test(pinhole_smol::spawn); })* }
        mod mio_on_three_loops { $(#[test] fn $test() { super::$test(super::mio_on_three_loops); })* }
        mod smol_on_three_loops { $(#[test] fn $test() { super::$test(super::smol_on_three_loops); })* }
    };
}

on_both_runtimes! {
    a_viewer_receives_every_frame_whole_and_in_order,
    the_stream_runs_only_while_somebody_watches,
    commands_answer,
    a_trickled_candidate_and_an_ice_restart_are_taken,
    what_happens_to_the_stream_is_told,
    a_loop_that_stands_still_is_busy_and_then_answers,
    a_loop_that_panics_leaves_nobody_waiting,
    closing_a_session_tells_the_viewer_and_the_program,
    a_viewer_that_leaves_is_told_of,
    a_program_that_does_not_read_still_learns_the_end,
    an_offer_that_is_given_up_leaves_no_session,
    shutting_down_tells_viewers_and_ends_the_thread,
    dropping_every_handle_ends_the_thread,
    a_hundred_viewers_come_and_go_and_leave_nothing,
    an_idle_loop_sleeps,
    a_playing_loop_turns_no_more_than_it_must,
}

fn a_viewer_receives_every_frame_whole_and_in_order(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let (viewer, accepted) = server.connect(&pool).unwrap();

    let seen = viewer.wait_until(LIMIT, "100 frames", |seen| seen.frames >= 100).unwrap();

    assert_eq!((seen.gaps, seen.missing, seen.ssrcs), (0, 0, 1));
    let (units, made) = (viewer.take_frames().unwrap(), server.script.made());
    let first = made.iter().position(|data| *data == units[0].data).expect("the first frame");
    assert!(units[0].keyframe && units.len() >= 100);
    for (unit, data) in units.iter().zip(&made[first..]) {
        assert!(unit.data == *data, "a frame differs, is missing, or out of order");
    }
    assert_eq!(
        within(accepted.events.recv()).unwrap(),
        ViewerEvent::State(SessionState::Connected)
    );
    server.stop().unwrap();
}

fn the_stream_runs_only_while_somebody_watches(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    assert!(!server.script.is_active());

    let (viewer, accepted) = server.connect(&pool).unwrap();
    assert!(eventually(|| server.script.is_active()));
    viewer.wait_for_picture(LIMIT).unwrap();
    assert!(server.script.keyframes_asked() >= 1);
    within(server.handle.close(accepted.id)).unwrap();

    assert!(eventually(|| !server.script.is_active()));
    server.stop().unwrap();
}

fn commands_answer(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let (viewer, accepted) = server.connect(&pool).unwrap();
    viewer.wait_for_picture(LIMIT).unwrap();

    let snapshot = within(server.handle.snapshot()).unwrap();
    assert_eq!((snapshot.endpoint.connected, snapshot.endpoint.sessions_total), (1, 1));
    assert_eq!(snapshot.sessions.len(), 1);
    assert_eq!(snapshot.sessions[0].id, accepted.id);
    let counts = snapshot.runtime;
    assert!(counts.turns > 0 && counts.sends > 0 && counts.receives > 0, "{counts:?}");
    assert_eq!((counts.send_errors, counts.receive_errors, counts.rebinds), (0, 0, 0));

    let before = within(server.handle.rtp_clock()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let after = within(server.handle.rtp_clock()).unwrap();
    let ticks = f64::from(after.rtp_time.wrapping_sub(before.rtp_time));
    let expected = (after.at - before.at).as_secs_f64() * 90_000.0;
    assert!((ticks - expected).abs() <= 1.0, "{ticks} ticks, {expected} expected");

    let refused = within(server.handle.accept_offer("no offer".to_owned()));
    assert!(matches!(refused, Err(HandleError::Refused(_))), "{refused:?}");
    assert!(within(server.handle.close(accepted.id)).unwrap());
    assert!(!within(server.handle.close(accepted.id)).unwrap());
    let late = within(server.handle.add_candidate(accepted.id, String::new()));
    assert_eq!(late, Err(HandleError::Refused(CandidateError::NoSession)));
    server.stop().unwrap();
}

fn a_trickled_candidate_and_an_ice_restart_are_taken(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let (viewer, accepted) = server.connect(&pool).unwrap();
    let (id, candidate) = (accepted.id, viewer.candidate().to_owned());
    within(server.handle.add_candidate(id, candidate)).unwrap();
    viewer.wait_for_picture(LIMIT).unwrap();

    let offer = viewer.restart_offer().unwrap();
    let answer = within(server.handle.renegotiate(id, offer)).unwrap();
    viewer.renegotiated(&answer).unwrap();

    viewer.wait_for_picture(LIMIT).unwrap();
    server.stop().unwrap();
}

fn what_happens_to_the_stream_is_told(spawn: Spawn) {
    let server = Server::start(spawn).unwrap();

    server.script.happen(MediaEvent::Stalled(900));
    server.script.happen(MediaEvent::Recovered);

    assert_eq!(within(server.handle.media_event()), Some(MediaEvent::Stalled(900)));
    assert_eq!(within(server.handle.media_event()), Some(MediaEvent::Recovered));
    let handle = server.handle.clone();
    server.stop().unwrap();
    assert_eq!(within(handle.media_event()), None);
}

fn a_loop_that_stands_still_is_busy_and_then_answers(spawn: Spawn) {
    let server = Server::start(spawn).unwrap();
    within(server.handle.snapshot()).unwrap();
    server.script.hold();
    std::thread::sleep(Duration::from_millis(50));

    let handle = server.handle.clone();
    let (waiting, refused) = flood(&handle, 400);

    assert_eq!(waiting.len(), 256, "the limit of the queue");
    assert!(refused.iter().all(|error| *error == HandleError::Busy));
    server.script.release(false);
    for answer in waiting {
        within(answer).unwrap();
    }
    server.stop().unwrap();
}

fn a_loop_that_panics_leaves_nobody_waiting(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let (viewer, accepted) = server.connect(&pool).unwrap();
    viewer.wait_for_picture(LIMIT).unwrap();
    server.script.hold();
    std::thread::sleep(Duration::from_millis(50));
    let (waiting, _) = flood(&server.handle, 50);
    assert_eq!(waiting.len(), 50);

    server.script.release(true);

    for answer in waiting {
        assert_eq!(within(answer).unwrap_err(), HandleError::Gone);
    }
    let error = server.thread.join().unwrap().unwrap_err();
    assert!(matches!(&error, RuntimeError::Panicked(text) if text == "as scripted"), "{error}");
    assert_eq!(last_event(&accepted), Some(ViewerEvent::Closed(CloseCause::Failed)));
    assert_eq!(within(server.handle.shut_down()), Err(HandleError::Gone));
    assert_eq!(within(server.handle.media_event()), None);
}

fn closing_a_session_tells_the_viewer_and_the_program(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let (viewer, accepted) = server.connect(&pool).unwrap();
    viewer.wait_for_picture(LIMIT).unwrap();

    assert!(within(server.handle.close(accepted.id)).unwrap());

    assert!(eventually(|| viewer.stats().unwrap().state == ViewerState::ClosedByServer));
    assert_eq!(last_event(&accepted), Some(ViewerEvent::Closed(CloseCause::Local)));
    server.stop().unwrap();
}

fn a_viewer_that_leaves_is_told_of(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let (viewer, accepted) = server.connect(&pool).unwrap();
    viewer.wait_for_picture(LIMIT).unwrap();

    viewer.close().unwrap();

    assert_eq!(last_event(&accepted), Some(ViewerEvent::Closed(CloseCause::Remote)));
    assert!(within(server.handle.snapshot()).unwrap().sessions.is_empty());
    server.stop().unwrap();
}

fn a_program_that_does_not_read_still_learns_the_end(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let (viewer, accepted) = server.connect(&pool).unwrap();
    viewer.wait_for_picture(LIMIT).unwrap();
    // More states and late candidates than wait for one viewer.
    for round in 0..100_u16 {
        within(server.handle.add_local_candidate(late_candidate(10_000 + round))).unwrap();
    }
    assert_eq!(accepted.events.len(), 64, "the limit of waiting events");

    within(server.handle.close(accepted.id)).unwrap();

    assert_eq!(last_event(&accepted), Some(ViewerEvent::Closed(CloseCause::Local)));
    server.stop().unwrap();
}

fn an_offer_that_is_given_up_leaves_no_session(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let offer = pool.offer(&ViewerConfig::default()).unwrap().offer().to_owned();
    server.script.hold();
    std::thread::sleep(Duration::from_millis(50));
    let mut asked = Box::pin(server.handle.accept_offer(offer));
    assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());

    drop(asked);
    server.script.release(false);

    assert!(eventually(|| {
        let snapshot = within(server.handle.snapshot()).unwrap();
        snapshot.endpoint.sessions_total == 1 && snapshot.sessions.is_empty()
    }));
    server.stop().unwrap();
}

fn shutting_down_tells_viewers_and_ends_the_thread(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let connected: Vec<_> = (0..5).map(|_| server.connect(&pool).unwrap()).collect();
    for (viewer, _) in &connected {
        viewer.wait_for_picture(LIMIT).unwrap();
    }
    let (handle, script, begin) = (server.handle.clone(), server.script.clone(), Instant::now());

    server.stop().unwrap();

    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    for (viewer, accepted) in &connected {
        assert!(eventually(|| viewer.stats().unwrap().state == ViewerState::ClosedByServer));
        assert_eq!(last_event(accepted), Some(ViewerEvent::Closed(CloseCause::Local)));
    }
    assert_eq!(within(handle.snapshot()).unwrap_err(), HandleError::Gone);
    assert!(!script.is_active());
}

fn dropping_every_handle_ends_the_thread(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let (viewer, _accepted) = server.connect(&pool).unwrap();
    viewer.wait_for_picture(LIMIT).unwrap();

    drop(server.handle);

    assert!(eventually(|| server.thread.is_finished()));
    server.thread.join().unwrap().unwrap();
    assert!(eventually(|| viewer.stats().unwrap().state == ViewerState::ClosedByServer));
}

fn a_hundred_viewers_come_and_go_and_leave_nothing(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    for round in 0..100 {
        let (viewer, accepted) = server.connect(&pool).unwrap();
        viewer.wait_until(LIMIT, "first packet", |seen| seen.packets > 0).unwrap();
        // One says goodbye, the next is sent away.
        if round % 2 == 0 {
            viewer.close().unwrap();
        } else {
            assert!(within(server.handle.close(accepted.id)).unwrap());
        }
        assert!(matches!(last_event(&accepted), Some(ViewerEvent::Closed(_))));
    }

    assert!(eventually(|| {
        let snapshot = within(server.handle.snapshot()).unwrap();
        snapshot.sessions.is_empty() && snapshot.endpoint.closed_total.values().sum::<u64>() == 100
    }));
    server.stop().unwrap();
}

fn an_idle_loop_sleeps(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let alone = turns_per_second(&server.handle);
    let (viewer, _accepted) = server.connect(&pool).unwrap();
    viewer.wait_for_picture(LIMIT).unwrap();
    server.script.pause(true);
    std::thread::sleep(Duration::from_millis(500));

    let watched = turns_per_second(&server.handle);

    println!("turns a second: {alone:.1} without viewers, {watched:.1} with an idle one");
    assert!(alone < 5.0, "{alone} turns a second without viewers");
    assert!(watched < 50.0, "{watched} turns a second with an idle viewer");
    server.stop().unwrap();
}

fn a_playing_loop_turns_no_more_than_it_must(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let (viewer, _accepted) = server.connect(&pool).unwrap();
    viewer.wait_for_picture(LIMIT).unwrap();

    let turns = turns_per_second(&server.handle);

    println!("turns a second: {turns:.1} at 100 frames a second");
    assert!(turns < 180.0, "{turns} turns a second for 100 frames");
    server.stop().unwrap();
}

/// Turns of the loop over two seconds.
fn turns_per_second(handle: &Handle) -> f64 {
    let turns = || within(handle.snapshot()).unwrap().runtime.turns;
    let (before, begin) = (turns(), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let count = u32::try_from(turns() - before).unwrap();
    f64::from(count) / begin.elapsed().as_secs_f64()
}

type Asked<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + 'a>>;
type Answer = Result<pinhole_runtime::Snapshot, HandleError<pinhole_runtime::Never>>;

/// Asks many times without waiting; who waits, and who was refused.
fn flood(
    handle: &Handle,
    times: usize,
) -> (Vec<Asked<'_, Answer>>, Vec<HandleError<pinhole_runtime::Never>>) {
    let (mut waiting, mut refused): (Vec<Asked<'_, Answer>>, Vec<_>) = Default::default();
    for _ in 0..times {
        let mut asked: Asked<'_, Answer> = Box::pin(handle.snapshot());
        match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => waiting.push(asked),
            Poll::Ready(answer) => refused.push(answer.unwrap_err()),
        }
    }
    (waiting, refused)
}

/// The last event of a session that is over; the channel is closed after it.
fn last_event(accepted: &pinhole_runtime::Viewer) -> Option<ViewerEvent> {
    let mut last = None;
    while let Ok(event) = within(accepted.events.recv()) {
        last = Some(event);
    }
    last
}

fn late_candidate(port: u16) -> pinhole_core::gather::LocalCandidate {
    let (base, protocol) = (([127, 0, 0, 1], port).into(), pinhole_core::portmap::Protocol::Udp);
    let kind = pinhole_core::gather::CandidateKind::ServerReflexive;
    pinhole_core::gather::LocalCandidate { base, address: base, kind, protocol }
}
