//! Bad input over HTTP, WebSocket and UDP: each case is refused by name or counted, and a new viewer plays afterwards.
#![allow(clippy::unwrap_used)]

mod bad_http;
mod bad_udp;
mod bad_ws;

use std::time::Duration;

use pinhole_tests::server::{RUNTIMES, Server};
use pinhole_tests::viewer::{ViewerConfig, ViewerPool};

const PICTURE: Duration = Duration::from_secs(20);

#[test]
fn bad_input_on_mio_is_named_or_counted_and_nobody_suffers() {
    everything_bad(RUNTIMES[0]);
}

#[test]
fn bad_input_on_smol_is_named_or_counted_and_nobody_suffers() {
    everything_bad(RUNTIMES[1]);
}

fn everything_bad(runtime: &str) {
    let mut server = Server::start(runtime, "--threads 1 --size 320x180").unwrap();
    let pool = ViewerPool::spawn().unwrap();
    let (watcher, location) = server.connect(&pool, &ViewerConfig::default()).unwrap();
    watcher.wait_for_picture(PICTURE).unwrap();

    // The slow ones take half a minute, so they run beside all others.
    let http = server.http;
    let slow = std::thread::spawn(move || bad_http::slow_requests(http));
    let mut cases = bad_http::requests(&server, &location);
    cases += bad_ws::messages(&server);
    cases += bad_udp::datagrams(&server, &pool, &watcher);
    cases += slow.join().unwrap();

    println!("{runtime}: {cases} cases");
    assert!(cases >= 40, "{cases} cases");
    assert!(server.runs().unwrap(), "{}", server.log());
    let (late, _) = server.connect(&pool, &ViewerConfig::default()).unwrap();
    late.wait_for_picture(PICTURE).unwrap();
    let seen = watcher.wait_for_picture(PICTURE).unwrap();
    assert!(seen.gaps <= watcher.socket_drops().unwrap(), "{seen:?}");
    assert_eq!(server.metric("pinhole_sessions").unwrap(), 2.0);
    let log = server.log();
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
    drop((watcher, late));
    server.stop().unwrap();
}
