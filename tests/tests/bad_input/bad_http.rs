//! Bad requests.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use pinhole_tests::http::{self, Response};
use pinhole_tests::server::Server;

/// Heads and bodies that trickle are cut after 30 s; this is that and some more.
const SLOW_MAX: Duration = Duration::from_secs(40);
/// How long a refusal may take.
const REFUSAL_MAX: Duration = Duration::from_secs(10);
/// A text for people.
const TEXT_BYTES_MAX: usize = 600;

const SDP: &str = "Content-Type: application/sdp";
const FRAGMENT: &str = "Content-Type: application/trickle-ice-sdpfrag";

/// A case: its name, the request, the status that is due, and what the text must name.
type Case = (&'static str, Vec<u8>, &'static [u16], &'static str);

/// All quick cases; their number.
pub(crate) fn requests(server: &Server, session: &str) -> usize {
    let mut cases = offers();
    cases.extend(fragments(session));
    cases.extend(requests_of_no_use());
    cases.extend(malformed_http());
    let mut faults = Vec::new();
    for (name, request, statuses, text) in &cases {
        match http::exchange(server.http, request, REFUSAL_MAX) {
            Ok(response) if is_right(&response, statuses, text) => {}
            other => faults.push(format!("{name}: {other:?}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // Refused before a line of HTTP was understood, so there is nobody to answer in HTTP/0.9 or TLS.
    for (name, bytes) in [
        ("a TLS hello", &b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"[..]),
        ("noise", &[0xff, 0xfe, 0, 1, 2, 13, 10, 13, 10]),
    ] {
        let answer = http::exchange(server.http, bytes, REFUSAL_MAX);
        let refused = answer.as_ref().is_ok_and(|response| response.status == 400);
        assert!(refused || answer.is_err(), "{name}: {answer:?}");
    }
    cases.len() + 2
}

/// Whether a refusal has such a status and a short text that names the fault.
fn is_right(response: &Response, statuses: &[u16], text: &str) -> bool {
    let body = response.body.to_lowercase();
    statuses.contains(&response.status)
        && body.contains(&text.to_lowercase())
        && body.len() <= TEXT_BYTES_MAX
}

fn offers() -> Vec<Case> {
    let offer = offer("chromium-video-recvonly");
    let without = |beginning: &str| -> Vec<u8> {
        let lines = offer.split_inclusive('\n').filter(|line| !line.starts_with(beginning));
        post(&[SDP], lines.collect::<String>().as_bytes())
    };
    let file = |name: &str| post(&[SDP], self::offer(name).as_bytes());
    vec![
        ("an empty offer", post(&[SDP], b""), &[400], "SDP"),
        ("a text as offer", post(&[SDP], b"hello"), &[400], "SDP"),
        ("JSON as offer", post(&[SDP], br#"{"type":"offer","sdp":"v=0"}"#), &[400], "SDP"),
        ("noise as offer", post(&[SDP], &[0xff, 0, 0x80, 1].repeat(300)), &[400], "UTF-8"),
        ("zeros as offer", post(&[SDP], &[0; 512]), &[400], "SDP"),
        ("no type", post(&[], offer.as_bytes()), &[415], "application/sdp"),
        (
            "another type",
            post(&["Content-Type: application/json"], offer.as_bytes()),
            &[415],
            "application/sdp",
        ),
        ("no m-line", file("chromium-no-transceiver"), &[422], "addTransceiver"),
        ("audio only", file("firefox-audio-only"), &[422], "video"),
        ("data only", file("chromium-data-only"), &[422], "video"),
        ("no H.264", file("chromium-vp8-only"), &[422], "H.264"),
        ("inactive video", file("firefox-video-inactive"), &[422], "receives"),
        ("no ufrag", without("a=ice-ufrag"), &[400], "ice-ufrag"),
        ("no password", without("a=ice-pwd"), &[400], "ice-pwd"),
        ("no fingerprint", without("a=fingerprint"), &[400], "fingerprint"),
        ("no rtcp-mux", without("a=rtcp-mux"), &[400], "rtcp-mux"),
        ("200 m-lines", post(&[SDP], many_sections(&offer).as_bytes()), &[400, 422], "m-lines"),
        ("a body of 2 MB", post(&[SDP], &b"a=x\r\n".repeat(400_000)), &[413], "bytes"),
        ("chunks of 2 MB", chunked(&b"a=x\r\n".repeat(400_000)), &[413], "bytes"),
        ("a line of 300 kB", post(&[SDP], &long_line(&offer)), &[413], "bytes"),
    ]
}

fn fragments(session: &str) -> Vec<Case> {
    let patch = |headers: &[&str], path: &str, body: &[u8]| raw("PATCH", path, headers, body);
    let any = "If-Match: *";
    vec![
        ("a fragment for nobody", patch(&[FRAGMENT, any], "/whep/none", b""), &[404], "session"),
        ("DELETE of nobody", raw("DELETE", "/whep/none", &[], b""), &[404], "session"),
        ("a fragment of another type", patch(&[SDP, any], session, b"a=x"), &[415], "sdpfrag"),
        ("a fragment without If-Match", patch(&[FRAGMENT], session, b"a=x"), &[428], "If-Match"),
        (
            "a fragment for the past",
            patch(&[FRAGMENT, "If-Match: \"old\""], session, b"a=x"),
            &[412],
            "ETag",
        ),
        ("a fragment of noise", patch(&[FRAGMENT, any], session, &[0xff; 100]), &[400], "UTF-8"),
        ("a fragment of words", patch(&[FRAGMENT, any], session, b"hello"), &[400, 422], ""),
        (
            "half a restart",
            patch(&[FRAGMENT, any], session, b"a=ice-ufrag:abcd\r\n"),
            &[400, 422],
            "ice-pwd",
        ),
    ]
}

fn requests_of_no_use() -> Vec<Case> {
    let get = |path: &str, headers: &[&str]| raw("GET", path, headers, b"");
    let offer = offer("chromium-video-recvonly");
    let foreign = "Origin: http://evil.example";
    let upgrade = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let [to, connection, version] = upgrade;
    vec![
        ("GET of /whep", get("/whep", &[]), &[405], "method"),
        ("PUT of /whep", raw("PUT", "/whep", &[SDP], b"x"), &[405], "method"),
        ("an unknown page", get("/none/such", &[]), &[404], "nothing"),
        ("a path upwards", get("/../../etc/passwd", &[]), &[400, 404], ""),
        ("a path upwards, encoded", get("/..%2f..%2fetc%2fpasswd", &[]), &[400, 404], ""),
        ("a page of elsewhere", post(&[SDP, foreign], offer.as_bytes()), &[403], "origin"),
        ("a name bound anew", get("/", &["Host: evil.example"]), &[400, 403], ""),
        ("no upgrade", get("/ws/x", &[]), &[400, 426], "upgrade"),
        ("an upgrade without a key", get("/ws/x", &upgrade), &[400, 426], "key"),
        (
            "an upgrade to an old version",
            get("/ws/x", &[to, connection, key, "Sec-WebSocket-Version: 7"]),
            &[400, 426],
            "version",
        ),
        (
            "an upgrade from elsewhere",
            get("/ws/x", &[to, connection, version, key, foreign]),
            &[403],
            "origin",
        ),
    ]
}

fn malformed_http() -> Vec<Case> {
    let lines = |text: &str| text.as_bytes().to_vec();
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(900_000));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(2_000));
    let post = "POST /whep HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/sdp\r\n";
    vec![
        ("no request line", lines("hello\r\n\r\n"), &[400], ""),
        ("a header without a colon", lines("GET / HTTP/1.1\r\nHost\r\n\r\n"), &[400], ""),
        ("an unknown version", lines("GET / HTTP/7.0\r\n\r\n"), &[400, 505], ""),
        ("a zero in the path", lines("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"), &[400], ""),
        ("no Host", lines("GET / HTTP/1.1\r\n\r\n"), &[400], "Host"),
        ("a header of 900 kB", head.into_bytes(), &[400, 431], ""),
        ("2000 headers", many.into_bytes(), &[400, 431], ""),
        ("a negative length", lines(&format!("{post}Content-Length: -1\r\n\r\n")), &[400], ""),
        (
            "two lengths",
            lines(&format!("{post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")),
            &[400],
            "",
        ),
        (
            "a chunk of no size",
            lines(&format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n")),
            &[400],
            "",
        ),
        (
            "a length of 18 exabytes",
            lines(&format!("{post}Content-Length: 18446744073709551615\r\n\r\n")),
            &[400, 413, 431],
            "",
        ),
    ]
}

/// Requests that trickle: cut in time, whether with an answer or without. Their number.
pub(crate) fn slow_requests(to: SocketAddr) -> usize {
    let head = "POST /whep HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/sdp\r\n";
    let cases = [
        ("a slow head", "GET / HTTP/1.1\r\nX-Slow: ".to_owned()),
        ("a slow body", format!("{head}Content-Length: 1000\r\n\r\nv=0\r\n")),
        ("a slow chunk", format!("{head}Transfer-Encoding: chunked\r\n\r\n100\r\nv=0\r\n")),
        ("silence", String::new()),
    ];
    let threads: Vec<_> = cases
        .into_iter()
        .map(|(name, begin)| std::thread::spawn(move || trickle(to, name, &begin)))
        .collect();
    let cases = threads.len();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    cases
}

/// Sends a byte a second until the server has enough.
fn trickle(to: SocketAddr, name: &str, begin: &str) {
    let start = Instant::now();
    let mut stream = http::connect(to, Duration::from_secs(1)).unwrap();
    stream.write_all(begin.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        assert!(start.elapsed() < SLOW_MAX, "{name} is not cut after {SLOW_MAX:?}");
        // The read waits for a second at most.
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(_) if name == "silence" => {}
            Err(_) => drop(stream.write_all(b"x")),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{name}: {answer}");
    println!(
        "{name}: cut after {:.1} s: {:?}",
        start.elapsed().as_secs_f64(),
        answer.lines().next()
    );
}

fn post(headers: &[&str], body: &[u8]) -> Vec<u8> {
    raw("POST", "/whep", headers, body)
}

fn raw(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    let names = |name: &str| headers.iter().any(|header| header.starts_with(name));
    if !names("Host:") {
        head.push_str("Host: 127.0.0.1\r\n");
    }
    if !names("Connection:") {
        head.push_str("Connection: close\r\n");
    }
    for header in headers {
        head.push_str(&format!("{header}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "POST /whep HTTP/1.1\r\nHost: 127.0.0.1\r\n{SDP}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in body.chunks(32 * 1024) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn many_sections(offer: &str) -> String {
    let section = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n";
    format!("{offer}{}", section.repeat(200))
}

fn long_line(offer: &str) -> Vec<u8> {
    format!("{offer}a=x-long:{}\r\n", "y".repeat(300_000)).into_bytes()
}

fn offer(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("offers");
    std::fs::read_to_string(folder.join(format!("{name}.sdp"))).unwrap()
}
