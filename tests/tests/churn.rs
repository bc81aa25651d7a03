//! Viewers come and go, fall silent, or never arrive: nothing of them stays.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use pinhole_tests::server::Server;
use pinhole_tests::viewer::{Candidates, Viewer, ViewerConfig, ViewerPool};
use pinhole_tests::ws::WsClient;

const SESSIONS: &str = "pinhole_sessions";
/// Time for a picture on a busy machine.
const PICTURE: Duration = Duration::from_secs(20);
/// "At once", on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(2);
/// When viewers that vanish or never arrive must be gone.
const GONE: Duration = Duration::from_secs(30);

/// Rounds before memory is measured: allocators and caches fill.
const WARM_UP_ROUNDS: usize = 20;
const ROUNDS: usize = 200;
/// What 200 rounds may leave in resident memory: far less than 200 sessions (some 100 kB each) would.
const GROWTH_BYTES_MAX: u64 = 6 << 20;
/// A connection of HTTP may still be closing.
const FILES_GROWTH_MAX: usize = 2;

const OFFERS: usize = 500;

#[test]
fn two_hundred_rounds_leave_nothing_behind_on_mio() {
    two_hundred_rounds("mio");
}

#[test]
fn two_hundred_rounds_leave_nothing_behind_on_smol() {
    two_hundred_rounds("smol");
}

#[test]
fn viewers_that_vanish_are_gone_within_30_seconds_on_mio() {
    viewers_vanish("mio");
}

#[test]
fn viewers_that_vanish_are_gone_within_30_seconds_on_smol() {
    viewers_vanish("smol");
}

#[test]
fn offers_never_followed_by_a_packet_hurt_nobody_on_mio() {
    nobody_follows("mio");
}

#[test]
fn offers_never_followed_by_a_packet_hurt_nobody_on_smol() {
    nobody_follows("smol");
}

fn two_hundred_rounds(runtime: &str) {
    let server = Server::start(runtime, "--size 320x180").unwrap();
    let pool = ViewerPool::spawn().unwrap();
    for round in 0..WARM_UP_ROUNDS {
        come_and_go(&server, &pool, round);
    }
    server.wait_for_metric(SESSIONS, AT_ONCE, |sessions| sessions == 0.0).unwrap();
    let (files, memory) = (server.open_files().unwrap(), server.resident_bytes().unwrap());

    let begin = Instant::now();
    for round in 0..ROUNDS {
        come_and_go(&server, &pool, round);
    }
    let round_ms = begin.elapsed().as_millis() / ROUNDS as u128;

    server.wait_for_metric(SESSIONS, AT_ONCE, |sessions| sessions == 0.0).unwrap();
    let (files_after, memory_after) =
        (server.open_files().unwrap(), server.resident_bytes().unwrap());
    let growth = memory_after.saturating_sub(memory);
    println!(
        "{runtime}: {round_ms} ms a round, {files} then {files_after} files, {} kB more memory",
        growth / 1024
    );
    assert!(files_after <= files + FILES_GROWTH_MAX, "{runtime}: {files} → {files_after} files");
    assert!(growth <= GROWTH_BYTES_MAX, "{runtime}: {growth} bytes more after {ROUNDS} rounds");
    let total = server.metric("pinhole_sessions_total").unwrap();
    assert_eq!(total, (WARM_UP_ROUNDS + ROUNDS) as f64);
    server.stop().unwrap();
}

/// Connects, sees the first packets, and leaves: by DELETE, by close_notify, or by closing its WebSocket.
fn come_and_go(server: &Server, pool: &ViewerPool, round: usize) {
    let config = ViewerConfig::default();
    let seen = |viewer: &Viewer| {
        viewer.wait_until(PICTURE, "packet", |seen| seen.packets > 0).unwrap();
    };
    match round % 3 {
        0 => {
            let (viewer, location) = server.connect(pool, &config).unwrap();
            seen(&viewer);
            server.delete(&location).unwrap();
        }
        1 => {
            let (viewer, _) = server.connect(pool, &config).unwrap();
            seen(&viewer);
            viewer.close().unwrap();
            server.wait_for_metric(SESSIONS, AT_ONCE, |sessions| sessions == 0.0).unwrap();
        }
        _ => {
            let mut socket = WsClient::connect(server.http, &format!("round-{round}")).unwrap();
            let waiting = pool.offer(&config).unwrap();
            let answer = socket.offer("churn", waiting.offer()).unwrap();
            seen(&waiting.answer(&answer).unwrap());
            socket.close();
        }
    }
}

fn viewers_vanish(runtime: &str) {
    let server = Server::start(runtime, "--size 320x180").unwrap();
    let pool = ViewerPool::spawn().unwrap();
    let viewers: Vec<Viewer> =
        (0..5).map(|_| server.connect(&pool, &ViewerConfig::default()).unwrap().0).collect();
    let stays = server.connect(&pool, &ViewerConfig::default()).unwrap().0;
    for viewer in viewers.iter().chain([&stays]) {
        viewer.wait_for_picture(PICTURE).unwrap();
    }
    assert_eq!(server.metric(SESSIONS).unwrap(), 6.0);

    let begin = Instant::now();
    for viewer in &viewers {
        viewer.vanish().unwrap();
    }
    server.wait_for_metric(SESSIONS, GONE, |sessions| sessions == 1.0).unwrap();

    println!("{runtime}: vanished viewers are gone after {:.1} s", begin.elapsed().as_secs_f64());
    let causes = server.metrics().unwrap();
    assert_eq!(causes["pinhole_sessions_closed_total{cause=\"vanished\"}"], 5.0);
    let seen = stays.wait_for_picture(PICTURE).unwrap();
    assert_eq!(seen.missing, 0, "{seen:?}");
    server.stop().unwrap();
}

fn nobody_follows(runtime: &str) {
    let server = Server::start(runtime, "--max-viewers 1000 --size 320x180").unwrap();
    let pool = ViewerPool::spawn().unwrap();
    let watcher = server.connect(&pool, &ViewerConfig::default()).unwrap().0;
    watcher.wait_for_picture(PICTURE).unwrap();
    let before = (Instant::now(), watcher.stats().unwrap());
    let browser = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("offers/firefox-video-recvonly.sdp"),
    )
    .unwrap();

    // Half have a candidate that the server sends checks to and nobody answers.
    let mut silent = Vec::new();
    for index in 0..OFFERS {
        if index % 2 == 0 {
            server.whep(&browser).unwrap();
        } else {
            let config =
                ViewerConfig { candidates: Candidates::InOffer, ..ViewerConfig::default() };
            let waiting = pool.offer(&config).unwrap();
            server.whep(waiting.offer()).unwrap();
            silent.push(waiting);
        }
    }
    let offered = before.0.elapsed();
    assert_eq!(server.metric("pinhole_sessions_total").unwrap(), 1.0 + OFFERS as f64);
    // The last offer came now, so all must be gone a limit from now.
    server.wait_for_metric(SESSIONS, GONE, |sessions| sessions == 1.0).unwrap();

    let gone = before.0.elapsed() - offered;
    let seen = watcher.stats().unwrap();
    let rate = (seen.frames - before.1.frames) as f64 / before.0.elapsed().as_secs_f64();
    println!("{runtime}: {OFFERS} offers in {offered:.1?}, gone {gone:.1?} later; {rate:.2} fps");
    let causes = server.metrics().unwrap();
    let never = causes["pinhole_sessions_closed_total{cause=\"never_connected\"}"];
    assert_eq!(never, OFFERS as f64);
    assert!(rate >= 29.0, "{runtime}: the viewer got {rate:.2} frames a second meanwhile");
    assert!(seen.gaps <= watcher.socket_drops().unwrap(), "{runtime}: {seen:?}");
    let late = server.connect(&pool, &ViewerConfig::default()).unwrap().0;
    late.wait_for_picture(PICTURE).unwrap();
    server.stop().unwrap();
}
