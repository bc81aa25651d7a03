//! Scenes that the real program records, each decided the same when it is run again: those of `tests/recordings/`
//! were recorded here. With `PINHOLE_RECORDINGS=FOLDER` the files stay there.

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use pinhole_core::trace::{Integrity, Packet, Recording, What};
use pinhole_tests::server::Server;
use pinhole_tests::viewer::{Candidates, ViewerConfig, ViewerPool};

use crate::Scratch;
use crate::again::assert_same;
use crate::secrets::{Coturn, LIMIT};

/// A server that records, told what to do, and what came of it.
fn scene(name: &str, flags: &str, watch: impl FnOnce(&Server, &Scratch)) -> Recording {
    let scratch = Scratch::new();
    let flags =
        format!("--record {} --record-addresses hide --fps 10 {flags}", scratch.0.display());
    let server = Server::start("mio", &flags).unwrap();
    watch(&server, &scratch);
    server.stop().unwrap();
    if let Some(folder) = std::env::var_os("PINHOLE_RECORDINGS") {
        std::fs::copy(&scratch.0, Path::new(&folder).join(format!("{name}.jsonl"))).unwrap();
    }
    let recording = scratch.read();
    assert_same(&recording);
    recording
}

fn told(recording: &Recording, wanted: impl Fn(&What) -> bool) -> bool {
    recording.entries.iter().any(|entry| wanted(&entry.what))
}

/// Waits until a line of the recording holds a text.
fn wait_for(scratch: &Scratch, text: &str, limit: Duration) {
    let start = Instant::now();
    while !scratch.text().contains(text) {
        assert!(start.elapsed() < limit, "no {text} in {}", scratch.text());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A viewer that watches for a while and leaves.
fn watch_and_leave(server: &Server) {
    let pool = ViewerPool::spawn().unwrap();
    let config = ViewerConfig { candidates: Candidates::InOffer, ..ViewerConfig::default() };
    let waiting = pool.offer(&config).unwrap();
    let session = server.whep(waiting.offer()).unwrap();
    let viewer = waiting.answer(&session.answer).unwrap();
    viewer.wait_until(LIMIT, "20 frames", |seen| seen.frames >= 20).unwrap();
    viewer.close().unwrap();
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn a_direct_viewer() {
    let recording = scene("direct", "", |server, _| watch_and_leave(server));

    assert!(told(&recording, |what| matches!(what, What::Path { path, .. } if path == "direct")));
}

#[test]
fn a_viewer_through_a_relay() {
    let coturn = Coturn::start(&["--user=northern-user:correct-horse".to_owned()]);
    let server = format!("turn:{},northern-user,correct-horse", coturn.address);
    let flags = format!("--ice-policy relay --advertise both --ice-server {server}");

    let recording = scene("relay", &flags, |server, scratch| {
        wait_for(scratch, "\"relayed\"", LIMIT);
        watch_and_leave(server);
    });

    assert!(told(&recording, |what| matches!(what, What::Path { path, .. } if path == "turn-udp")));
}

#[test]
fn a_viewer_that_is_never_heard_of() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();

    let recording = scene("never-connects", "", |server, scratch| {
        let pool = ViewerPool::spawn().unwrap();
        let config = ViewerConfig { candidates: Candidates::Trickled, ..ViewerConfig::default() };
        let waiting = pool.offer(&config).unwrap();
        let candidate = format!("a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\n");
        server.whep(&format!("{}{candidate}", waiting.offer())).unwrap();
        wait_for(scratch, "never_connected", Duration::from_secs(30));
    });

    assert!(told(&recording, |what| matches!(what, What::Diagnosis { verdict: Some(_), .. })));
}

#[test]
fn a_viewer_whose_password_was_changed_on_the_way() {
    let recording = scene("wrong-password", "", |server, scratch| {
        let pool = ViewerPool::spawn().unwrap();
        let waiting = pool.offer(&ViewerConfig::default()).unwrap();
        let answer = server.whep(waiting.offer()).unwrap().answer;
        let bent = answer.replace("a=ice-pwd:", "a=ice-pwd:changed");
        let _viewer = waiting.answer(&bent).unwrap();
        wait_for(scratch, "never_connected", Duration::from_secs(30));
    });

    let is_wrong = |what: &What| {
        matches!(what, What::PacketIn { packet: Packet::Stun(check), .. }
            if check.integrity == Integrity::Failed)
    };
    assert!(told(&recording, is_wrong));
    let dropped =
        |what: &What| matches!(what, What::Dropped { reason, .. } if reason == "bad_integrity");
    assert!(told(&recording, dropped));
}
