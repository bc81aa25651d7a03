//! The real program with a real viewer and a real coturn: nothing secret stands in the file.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pinhole_core::trace::{Packet, Recording, What};
use pinhole_tests::http;
use pinhole_tests::server::{RUNTIMES, Server};
use pinhole_tests::viewer::{Candidates, Viewer, ViewerConfig, ViewerPool};

use crate::Scratch;
use crate::sniffer::Sniffer;
use crate::spellings::find;

pub(crate) const LIMIT: Duration = Duration::from_secs(15);
const USER: &str = "northern-user";
const PASSWORD: &str = "correct-horse-battery";
const REST_SECRET: &str = "shared-between-both";
const REALM: &str = "hidden-realm";
const TOKEN: &str = "bearer-of-the-viewers";

/// Attributes of STUN whose values must not be told.
const SECRET_ATTRIBUTES: [(u16, &str); 4] =
    [(0x0006, "USERNAME"), (0x0008, "MESSAGE-INTEGRITY"), (0x0014, "REALM"), (0x0015, "NONCE")];

/// Secrets with what they are called.
#[derive(Default)]
struct Secrets(Vec<(String, Vec<u8>)>);

impl Secrets {
    fn add(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= 4, "{name} is too short to be looked for");
        self.0.push((name.to_owned(), secret.to_vec()));
    }

    /// Those of an SDP: user fragments, passwords, fingerprints as text and as bytes.
    fn add_sdp(&mut self, whose: &str, sdp: &str) {
        let mut found = 0;
        for line in sdp.lines() {
            for name in ["ice-ufrag", "ice-pwd"] {
                if let Some(value) = line.strip_prefix(&format!("a={name}:")) {
                    self.add(&format!("{whose} {name}"), value.as_bytes());
                    found += 1;
                }
            }
            if let Some(print) = line.strip_prefix("a=fingerprint:sha-256 ") {
                self.add(&format!("{whose} fingerprint"), print.as_bytes());
                let bytes = print.split(':').map(|hex| u8::from_str_radix(hex, 16).unwrap());
                self.add(&format!("{whose} fingerprint's bytes"), &bytes.collect::<Vec<_>>());
                found += 1;
            }
        }
        assert!(found >= 3, "{whose} SDP has no credentials:\n{sdp}");
    }

    /// What passed between the program and a TURN server.
    fn add_sniffed(&mut self, sniffer: &Sniffer) {
        for (number, name) in SECRET_ATTRIBUTES {
            let values = sniffer.attributes(number);
            assert!(!values.is_empty(), "no {name} passed");
            for value in values {
                self.add(name, &value);
            }
        }
        // Bytes of DTLS and SRTP, and transaction ids.
        for datagram in sniffer.seen().iter().filter(|datagram| datagram.len() >= 20).take(500) {
            if datagram[0] <= 3 {
                self.add("a transaction id", &datagram[8..20]);
            }
            if datagram.len() >= 80 {
                self.add("bytes of a datagram", &datagram[64..80]);
            }
        }
    }

    fn assert_absent(&self, text: &str) {
        for (name, secret) in &self.0 {
            let found = find(text, secret);
            let line = found
                .as_ref()
                .and_then(|found| text.lines().find(|line| line.contains(found.as_str())));
            assert!(found.is_none(), "{name} stands in the recording as {found:?}: {line:?}");
        }
    }
}

/// A coturn on loopback; killed when dropped.
pub(crate) struct Coturn {
    child: Child,
    pub(crate) address: SocketAddr,
    database: std::path::PathBuf,
}

impl Coturn {
    pub(crate) fn start(options: &[String]) -> Coturn {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let name = format!("pinhole-recording-{}-{port}.sqlite", std::process::id());
        let database = std::env::temp_dir().join(name);
        let mut command = Command::new("turnserver");
        command.args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file=stdout"]);
        command.args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--pidfile=/dev/null"]);
        command.args(["--allow-loopback-peers", "--lt-cred-mech"]).args(options);
        command.arg(format!("--realm={REALM}")).arg(format!("--listening-port={port}"));
        command.arg("--userdb").arg(&database);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let coturn = Coturn { child, address, database };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < LIMIT, "coturn does not listen; is it installed?");
            std::thread::sleep(Duration::from_millis(20));
        }
        coturn
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // It may never have been written.
        let _ = std::fs::remove_file(&self.database);
    }
}

/// Connects a viewer through the program's relay, watches, restarts ICE, and leaves. What was secret about it.
fn watch(server: &Server, secrets: &mut Secrets) {
    let pool = ViewerPool::spawn().unwrap();
    let config = ViewerConfig { candidates: Candidates::InOffer, ..ViewerConfig::default() };
    let waiting = pool.offer(&config).unwrap();
    let offer = waiting.offer().to_owned();
    let headers = ["Content-Type: application/sdp", &format!("Authorization: Bearer {TOKEN}")];
    let response = http::request(server.http, "POST", "/whep", &headers, offer.as_bytes());
    let answer = response.unwrap().expect(201).unwrap().body;
    secrets.add_sdp("the viewer's", &offer);
    secrets.add_sdp("the server's", &answer);
    let viewer: Viewer = waiting.answer(&answer).unwrap();
    viewer
        .wait_until(LIMIT, "30 frames", |seen| seen.frames >= 30)
        .unwrap_or_else(|error| panic!("{error:#}\n{}", server.log()));
    viewer.request_keyframe().unwrap();
    viewer.wait_until(LIMIT, "a second keyframe", |seen| seen.keyframes >= 2).unwrap();
    viewer.close().unwrap();
    std::thread::sleep(Duration::from_millis(300));
}

fn record(runtime: &str, coturn: &Coturn, credentials: &str, secrets: &mut Secrets) -> String {
    let scratch = Scratch::new();
    let sniffer = Sniffer::start(coturn.address);
    let flags = format!(
        "--record {} --token {TOKEN} --ice-policy relay --advertise both --ice-server \
         turn:{}{credentials}",
        scratch.0.display(),
        sniffer.address
    );
    let server = Server::start(runtime, &flags).unwrap();
    let start = Instant::now();
    while !scratch.text().contains("\"relayed\"") {
        assert!(start.elapsed() < LIMIT, "no relay:\n{}{}", server.log(), scratch.text());
        std::thread::sleep(Duration::from_millis(50));
    }
    watch(&server, secrets);
    server.stop().unwrap();
    secrets.add_sniffed(&sniffer);
    secrets.add("the token", TOKEN.as_bytes());
    let recording = scratch.read();
    assert_tells_enough(&recording);
    scratch.text()
}

/// A file that is empty keeps every secret.
fn assert_tells_enough(recording: &Recording) {
    let told = |wanted: &dyn Fn(&What) -> bool| recording.entries.iter().any(|e| wanted(&e.what));
    assert!(told(&|what| matches!(what, What::Session { state, .. } if state == "connected")));
    assert!(told(&|what| matches!(what, What::Path { path, .. } if path == "turn-udp")));
    let relayed =
        |what: &What| matches!(what, What::PacketIn { via: Some(_), packet: Packet::Stun(_), .. });
    assert!(told(&relayed), "checks come through the relay");
    assert!(told(&|what| matches!(what, What::Media(tally) if tally.via.is_some())));
}

#[test]
fn no_secret_of_a_session_through_a_turn_server_stands_in_the_file() {
    for runtime in RUNTIMES {
        let coturn = Coturn::start(&[format!("--user={USER}:{PASSWORD}")]);
        let mut secrets = Secrets::default();
        secrets.add("the TURN user", USER.as_bytes());
        secrets.add("the TURN password", PASSWORD.as_bytes());

        let text = record(runtime, &coturn, &format!(",{USER},{PASSWORD}"), &mut secrets);

        secrets.assert_absent(&text);
    }
}

#[test]
fn no_secret_of_rest_credentials_stands_in_the_file() {
    let secret = format!("--static-auth-secret={REST_SECRET}");
    let coturn = Coturn::start(&["--use-auth-secret".to_owned(), secret]);
    let mut secrets = Secrets::default();
    secrets.add("the REST secret", REST_SECRET.as_bytes());

    let text = record("mio", &coturn, &format!(" --turn-secret {REST_SECRET}"), &mut secrets);

    secrets.assert_absent(&text);
}
