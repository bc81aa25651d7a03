//! A socket without room to send: both runtimes behind a slow link, which a network namespace of the test's own gives.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::{Duration, Instant};

use pinhole_runtime::RuntimeStats;
use pinhole_tests::runtime_suite::{LIMIT, Server, Spawn, eventually, within};
use pinhole_tests::viewer::ViewerPool;

/// Set in the process that runs inside of the namespace.
const INSIDE: &str = "PINHOLE_TEST_INSIDE_NAMESPACE";

/// What the link carries. A queue that no burst here fills, so that nothing is lost on it.
const SLOW_LINK: &str =
    "ip link set lo up && tc qdisc add dev lo root tbf rate 40mbit burst 32kb limit 64mb";

#[test]
fn a_blocked_socket_recovers_on_mio() {
    behind_a_slow_link("a_blocked_socket_recovers_on_mio", pinhole_mio::spawn);
}

#[test]
fn a_blocked_socket_recovers_on_smol() {
    behind_a_slow_link("a_blocked_socket_recovers_on_smol", pinhole_smol::spawn);
}

fn a_blocked_socket_recovers(spawn: Spawn) {
    let (server, pool) = (Server::start(spawn).unwrap(), ViewerPool::spawn().unwrap());
    let counts = || within(server.handle.snapshot()).unwrap();
    let (viewer, _accepted) = server.connect(&pool).unwrap();
    viewer.wait_for_picture(LIMIT).unwrap();

    // Four times what the link carries.
    server.script.set_bytes(200_000);
    assert!(eventually(|| counts().runtime.sends_blocked > 10), "{:?}", counts().runtime);

    let (before, begin) = (counts().runtime, Instant::now());
    let mut slowest = Duration::ZERO;
    while begin.elapsed() < Duration::from_secs(1) {
        let asked = Instant::now();
        counts();
        slowest = slowest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }
    let (after, skipped) = (counts().runtime, counts().endpoint.frames_skipped_total);
    let turns = after.turns - before.turns;
    println!(
        "blocked: {turns} turns in 1 s, a command took {slowest:?} at most, {skipped} frames skipped"
    );
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert!(turns < 5_000, "{turns} turns a second while blocked");
    assert!(skipped > 0, "frames must be dropped whole while the socket is blocked");

    server.script.set_bytes(4_000);
    let seen = viewer.wait_for_picture(LIMIT).unwrap();
    assert_eq!((seen.gaps, seen.missing), (0, 0), "a FIFO link reorders nothing, nor may we");
    let skipped = |stats: &dyn Fn() -> u64| {
        let before = stats();
        std::thread::sleep(Duration::from_millis(500));
        stats() - before
    };
    assert!(eventually(|| skipped(&|| counts().endpoint.frames_skipped_total) == 0));
    let RuntimeStats { send_errors, receive_errors, rebinds, .. } = counts().runtime;
    assert_eq!((send_errors, receive_errors, rebinds), (0, 0, 0));
    server.stop().unwrap();
}

/// Runs the test of this name again in a namespace with a slow loopback, or this, once inside.
fn behind_a_slow_link(name: &str, spawn: Spawn) {
    if std::env::var_os(INSIDE).is_some() {
        return a_blocked_socket_recovers(spawn);
    }
    let allowed = Command::new("unshare").args(["-rn", "sh", "-c", SLOW_LINK]).output();
    if !allowed.as_ref().is_ok_and(|output| output.status.success()) {
        println!("skipped: no network namespace with a shaper can be made here: {allowed:?}");
        return;
    }
    let script = format!("{SLOW_LINK} && exec \"$0\" --exact {name} --nocapture");
    let program = std::env::current_exe().unwrap();
    let inside = Command::new("unshare")
        .args(["-rn", "sh", "-c", &script])
        .arg(program)
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&inside.stdout), String::from_utf8_lossy(&inside.stderr));
    println!("{out}");
    assert!(inside.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "the test did not run inside:\n{out}");
}
