//! The operator's log: one line for each verdict, of the real program.
#![allow(clippy::unwrap_used)]

use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use pinhole_tests::http;
use pinhole_tests::server::{RUNTIMES, Server};

const OFFER: &str = include_str!("../offers/chromium-not-gathered.sdp");
/// The first judgement comes six seconds after the offer.
const JUDGED_MAX: Duration = Duration::from_secs(20);
/// A server is silent after all retransmissions of RFC 8489 §6.2.1, and then TCP is tried.
const SILENT_MAX: Duration = Duration::from_secs(60);

#[test]
fn a_viewer_that_never_connects_has_one_line_with_sentence_and_fix_and_its_code_at_the_end() {
    for runtime in RUNTIMES {
        // Nothing is sent there: the offer has no candidate.
        let server = Server::start(runtime, "--public-ip 203.0.113.10 --tcp-port off").unwrap();
        let session = server.whep(OFFER).unwrap();

        let line = wait_for(&server, "[forward-missing]", JUDGED_MAX);
        http::request(server.http, "DELETE", &session.location, &[], b"")
            .unwrap()
            .expect(200)
            .unwrap();
        let end = wait_for(&server, "viewer 1 ended", JUDGED_MAX);

        assert!(line.contains("WARN") && line.contains("viewer 1: [forward-missing] "), "{line}");
        assert!(line.contains("203.0.113.10") && line.contains(" — "), "the fix is there: {line}");
        assert!(end.ends_with("[forward-missing]"), "{end}");
        let log = server.log();
        let lines = log.lines().filter(|line| line.contains(": [forward-missing] ")).count();
        assert_eq!(lines, 1, "{log}");
        assert!(!log.contains("checks of the viewer"), "evidence is for --log debug: {log}");
        server.stop().unwrap();
    }
}

#[test]
fn a_turn_server_that_is_silent_over_udp_and_takes_tcp_is_told_from_a_dead_one() {
    let (tcp_only, _listener) = silent_udp();
    let (dead, listener) = silent_udp();
    drop(listener);
    let turn = |socket: &UdpSocket| format!("turn:{},u,p", socket.local_addr().unwrap());
    let arguments = format!("--ice-server {} --ice-server {}", turn(&tcp_only), turn(&dead));
    let server = Server::start("mio", &arguments).unwrap();

    let told = wait_for(&server, "[turn-tcp-only]", SILENT_MAX);
    let other = wait_for(&server, "[turn-silent]", SILENT_MAX);

    assert!(told.contains(&tcp_only.local_addr().unwrap().to_string()), "{told}");
    assert!(other.contains(&dead.local_addr().unwrap().to_string()), "{other}");
    server.stop().unwrap();
}

/// A UDP socket that never answers, and a TCP listener at the same port.
fn silent_udp() -> (UdpSocket, TcpListener) {
    (0..20)
        .find_map(|_| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let udp = UdpSocket::bind(listener.local_addr().unwrap()).ok()?;
            Some((udp, listener))
        })
        .expect("a port that is free for both")
}

/// The first line of the log that holds `part`.
fn wait_for(server: &Server, part: &str, most: Duration) -> String {
    let begin = Instant::now();
    loop {
        let log = server.log();
        if let Some(line) = log.lines().find(|line| line.contains(part)) {
            return line.trim_end().to_owned();
        }
        assert!(begin.elapsed() < most, "no {part} within {most:?} in\n{log}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
