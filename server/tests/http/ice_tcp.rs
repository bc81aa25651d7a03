//! Viewers over TCP (RFC 6544) on HTTP's port and on one of their own, and that HTTP does not mind.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use pinhole::settings::{Settings, TcpPort};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::server::{OFFER, Server, header, settings, start, start_with};

const LATE: Duration = Duration::from_secs(5);
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// A WHEP session's credentials: ours and the viewer's of [`OFFER`].
async fn session(server: &Server) -> (String, String, String) {
    let response = server.post_offer(OFFER).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let answer = response.text().await.unwrap();
    let value = |name: &str| {
        let line = answer.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {answer}")).to_string()
    };
    (value("a=ice-ufrag:"), value("a=ice-pwd:"), answer)
}

fn attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend(kind.to_be_bytes());
    bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// A check (RFC 8445 §7.1) in its frame (RFC 4571), with the integrity that `password` makes.
fn check(ufrag: &str, password: &str) -> Vec<u8> {
    let mut stun = vec![0, 1, 0, 0];
    stun.extend(MAGIC_COOKIE);
    stun.extend(b"transaction.");
    attribute(&mut stun, 0x0006, format!("{ufrag}:Vzq1").as_bytes());
    attribute(&mut stun, 0x0024, &1_u32.to_be_bytes());
    attribute(&mut stun, 0x802a, &[7; 8]);
    // RFC 8489 §14.5: the length counts the attribute that is being made.
    let length = u16::try_from(stun.len() - 20 + 24).unwrap();
    stun[2..4].copy_from_slice(&length.to_be_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let tag = hmac::sign(&key, &stun);
    attribute(&mut stun, 0x0008, tag.as_ref());
    let mut frame = u16::try_from(stun.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(stun);
    frame
}

/// The next framed message.
async fn message(stream: &mut TcpStream) -> Vec<u8> {
    let read = async {
        let mut bytes = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut bytes).await.unwrap();
        bytes
    };
    timeout(LATE, read).await.expect("an answer comes")
}

/// Whether the server ends a connection, for a bounded time, without a word.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    matches!(timeout(LATE, stream.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
}

/// Sends a check in these pieces and hears the success response to it.
async fn is_answered(address: SocketAddr, pieces: &[&[u8]]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        stream.write_all(piece).await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    loop {
        let heard = message(&mut stream).await;
        // The agent's own checks come on the same connection.
        if heard[..2] == [1, 1] {
            assert_eq!(&heard[8..20], b"transaction.");
            return;
        }
    }
}

#[tokio::test]
async fn a_viewer_without_udp_is_answered_on_the_http_port_also_in_pieces_and_pages_go_on() {
    for runtime in ["mio", "smol"] {
        let server = start(&format!("--runtime {runtime}")).await;
        let (ufrag, password, answer) = session(&server).await;
        let port = server.running.addr.port();
        assert!(
            answer.contains(&format!(" 127.0.0.1 {port} typ host tcptype passive")),
            "{answer}"
        );
        let check = check(&ufrag, &password);

        is_answered(server.running.addr, &[&check]).await;
        let (a, rest) = check.split_at(1);
        let (b, c) = rest.split_at(8);
        is_answered(server.running.addr, &[a, b, c]).await;

        assert_eq!(server.get("/healthz").await.status(), 200);
        assert!(server.metric("pinhole_tcp_received_bytes_total").await > 0.0);
        server.metric_becomes("pinhole_tcp_connections", 0.0).await;
    }
}

#[tokio::test]
async fn a_connection_comes_to_the_event_loop_of_its_session() {
    for runtime in ["mio", "smol"] {
        let server = start(&format!("--runtime {runtime} --threads 3")).await;
        for _ in 0..4 {
            let (ufrag, password, _) = session(&server).await;
            let check = check(&ufrag, &password);
            is_answered(server.running.addr, &[&check]).await;
            let (a, b) = check.split_at(40);
            is_answered(server.running.addr, &[a, b]).await;
        }
        assert_eq!(server.metric("pinhole_sessions").await, 4.0);
    }
}

#[tokio::test]
async fn a_port_of_its_own_answers_and_the_http_port_then_does_not() {
    let mut with_port = settings("--udp-bind 127.0.0.1");
    with_port.addresses.tcp_port = TcpPort::Own(0);
    let server = start_with(with_port).await;
    let (ufrag, password, answer) = session(&server).await;
    let line = answer.lines().find(|line| line.contains("tcptype")).unwrap();
    let port: u16 = line.split(' ').nth(5).unwrap().parse().unwrap();
    let check = check(&ufrag, &password);

    is_answered(SocketAddr::from(([127, 0, 0, 1], port)), &[&check]).await;

    assert_ne!(port, server.running.addr.port());
    let mut http = TcpStream::connect(server.running.addr).await.unwrap();
    http.write_all(&check).await.unwrap();
    let mut heard = Vec::new();
    let _ = timeout(LATE, http.read_to_end(&mut heard)).await.unwrap();
    assert!(heard.is_empty() || heard.starts_with(b"HTTP/1.1 400"), "{heard:?}");
    let mut page = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    page.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(is_closed(&mut page).await, "this port serves no pages");
}

#[tokio::test]
async fn without_a_tcp_port_none_is_told() {
    let server = start("--tcp-port off").await;
    let (_, _, answer) = session(&server).await;
    assert!(!answer.contains("tcptype"), "{answer}");
}

fn short() -> Settings {
    let mut settings = settings("");
    settings.http.head_time = Duration::from_millis(300);
    settings
}

#[tokio::test]
async fn what_only_looks_like_a_check_is_closed_and_what_stops_half_way_too() {
    let server = start_with(short()).await;
    let (ufrag, password, _) = session(&server).await;
    let good = check(&ufrag, &password);
    let mut no_cookie = good.clone();
    no_cookie[7] ^= 1;
    for bytes in [&no_cookie[..], b"\x00\x00\x00\x00", b"\x05", &good[..9]] {
        let mut stream = TcpStream::connect(server.running.addr).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let began = Instant::now();
        assert!(is_closed(&mut stream).await, "{bytes:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{bytes:?}");
    }
    assert_eq!(server.metric("pinhole_tcp_connections").await, 0.0);

    // A check that nobody made for us is the endpoint's to judge; it closes what never proves itself.
    let mut forged = TcpStream::connect(server.running.addr).await.unwrap();
    forged.write_all(&check(&ufrag, "another password, as long")).await.unwrap();
    server.metric_becomes("pinhole_tcp_connections", 1.0).await;
}

#[tokio::test]
async fn a_first_byte_that_waits_and_a_head_that_waits_share_one_limit() {
    let server = start_with(short()).await;
    let mut stream = TcpStream::connect(server.running.addr).await.unwrap();
    let began = Instant::now();
    sleep(Duration::from_millis(200)).await;
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();

    assert!(is_closed(&mut stream).await);

    assert!(began.elapsed() < Duration::from_millis(450), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_viewers_connection_gives_its_place_among_the_http_connections_back() {
    let mut small = settings("");
    small.http.connections = 2;
    let server = start_with(small).await;
    let (ufrag, password, _) = session(&server).await;
    let check = check(&ufrag, &password);
    let mut viewers = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(server.running.addr).await.unwrap();
        stream.write_all(&check).await.unwrap();
        message(&mut stream).await;
        viewers.push(stream);
    }

    let response = server.request("GET", "/healthz").send().await.unwrap();

    assert_eq!(response.status(), 200);
    assert_eq!(server.metric("pinhole_tcp_connections").await, 8.0);
}

#[tokio::test]
async fn a_flood_of_checks_is_bounded_and_the_rest_is_closed() {
    let server = start("").await;
    let (ufrag, _, _) = session(&server).await;
    let forged = check(&ufrag, "no password of any session");
    let mut flood = Vec::new();
    for _ in 0..400 {
        let mut stream = TcpStream::connect(server.running.addr).await.unwrap();
        stream.write_all(&forged).await.unwrap();
        flood.push(stream);
    }
    sleep(Duration::from_millis(200)).await;

    let open = server.metric("pinhole_tcp_connections").await;

    println!("{open} of 400 connections are kept");
    assert!((1.0..=100.0).contains(&open), "{open}");
    assert_eq!(server.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn requests_in_one_breath_are_answered_in_order() {
    let server = start("").await;
    let mut stream = TcpStream::connect(server.running.addr).await.unwrap();
    let one = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{one}{one}{last}").as_bytes()).await.unwrap();
    let mut heard = String::new();
    timeout(LATE, stream.read_to_string(&mut heard)).await.unwrap().unwrap();

    let statuses: Vec<&str> =
        heard.match_indices("HTTP/1.1 ").map(|(at, _)| &heard[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "200", "404"]);
}

#[tokio::test]
async fn the_start_report_says_who_is_asked_and_what_is_missing() {
    let line = "--udp-bind 127.0.0.1 --ice-server stun:127.0.0.1:9 --public-ip 203.0.113.1";
    let report = start(line).await.running.report.join("\n");
    assert!(report.contains("and what stun:127.0.0.1:9 finds"), "{report}");
    assert!(report.contains("public: only outside addresses"), "{report}");
    assert!(!report.contains("no TCP address outside"), "{report}");

    let server = start("--udp-bind 127.0.0.1 --map 5000/udp=203.0.113.1:5000").await;
    let report = server.running.report.join("\n");
    assert!(report.contains("/tcp=HOST:PORT"), "{report}");
    let response = server.post_offer(OFFER).send().await.unwrap();
    assert!(header(&response, "location").starts_with("/whep/"));

    let report = start("--ice-server stun:127.0.0.1:9").await.running.report.join("\n");
    assert!(report.contains("both: "), "{report}");
    let report = start("--ice-server stun:127.0.0.1:9 --ice-for browsers").await.running.report;
    assert!(report.iter().any(|line| line.contains("lan: ")), "{report:?}");
}
