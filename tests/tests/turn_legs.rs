//! The program with a real TURN server, coturn, by UDP, TCP and TLS: its name resolved, its certificate verified, its
//! credentials made from a secret; a viewer that may take only relays sees the picture.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pinhole_tests::http;
use pinhole_tests::server::{RUNTIMES, Server};
use pinhole_tests::viewer::{ViewerConfig, ViewerPool, ViewerState, ViewerStats};

/// From the start of a server to what it is to say.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_viewer_is_relayed_over_udp_tcp_and_tls_on_both_runtimes() {
    let coturn = Coturn::start();
    for runtime in RUNTIMES {
        for (url, path) in [
            (format!("turn:localhost:{}", coturn.plain), "relay_udp"),
            (format!("turn:localhost:{}?transport=tcp", coturn.plain), "relay_tcp"),
            (format!("turns:localhost:{}", coturn.tls), "relay_tls"),
        ] {
            let arguments = format!(
                "--threads 1 --ice-server {url} --turn-secret north --turn-ca {} --ice-policy relay \
                 --tcp-port off",
                coturn.folder.join("cert.pem").display()
            );
            let server = Server::start(runtime, &arguments).unwrap();
            wait_for(&server, "relayed by");
            let pool = ViewerPool::spawn().unwrap();

            let (viewer, _) = server.connect(&pool, &ViewerConfig::default()).unwrap();
            viewer.wait_for_picture(LIMIT).unwrap();

            let sessions = http::get(server.http, "/api/sessions").unwrap().expect(200).unwrap();
            assert!(sessions.body.contains(&format!("\"path\":\"{path}\"")), "{}", sessions.body);
            let over_tcp = f64::from(u8::from(path != "relay_udp"));
            assert_eq!(server.metric("pinhole_tcp_connections").unwrap(), over_tcp);
            assert_eq!(server.metric("pinhole_lookups_failed_total").unwrap(), 0.0);
            server.stop().unwrap();
        }
    }
}

#[test]
fn what_is_wrong_with_a_server_is_told_and_delays_nobody() {
    let coturn = Coturn::start();
    let (plain, tls) = (coturn.plain, coturn.tls);
    for (arguments, words) in [
        (
            format!("--ice-server turn:127.0.0.1:{plain} --turn-secret south"),
            "[turn-wrong-password] ",
        ),
        (
            format!("--ice-server turns:localhost:{tls} --turn-secret north"),
            "no TLS with the TURN server localhost",
        ),
        (
            "--ice-server stun:no-such-host.invalid".to_owned(),
            "the server name no-such-host.invalid cannot be resolved",
        ),
    ] {
        let begin = Instant::now();
        // Each loop asks servers for itself, and says what is wrong.
        let server = Server::start("mio", &format!("--threads 1 {arguments}")).unwrap();
        let pool = ViewerPool::spawn().unwrap();
        let (viewer, _) = server.connect(&pool, &ViewerConfig::default()).unwrap();
        viewer.wait_for_picture(LIMIT).unwrap();
        println!("picture {:?} after the start, with {arguments}", begin.elapsed());

        wait_for(&server, words);

        assert_eq!(server.log().matches(words).count(), 1, "{}", server.log());
        server.stop().unwrap();
    }
}

#[test]
fn a_program_that_ends_gives_its_relayed_address_back() {
    let coturn = Coturn::start();
    for runtime in RUNTIMES {
        let arguments = format!(
            "--ice-server turn:127.0.0.1:{} --turn-secret north --ice-policy relay --tcp-port off",
            coturn.plain
        );
        let server = Server::start(runtime, &arguments).unwrap();
        wait_for(&server, "(relayed by");
        let log = server.log();
        let before = log.split(" (relayed by").next().unwrap();
        let relayed: SocketAddr = before.split_whitespace().last().unwrap().parse().unwrap();
        let pool = ViewerPool::spawn().unwrap();
        let (viewer, _) = server.connect(&pool, &ViewerConfig::default()).unwrap();
        viewer.wait_for_picture(LIMIT).unwrap();
        assert!(UdpSocket::bind(relayed).is_err(), "coturn has {relayed}");

        let begin = Instant::now();
        server.stop().unwrap();
        let stopped = begin.elapsed();

        // The goodbye goes through the relay, so it must leave before the relay is given back.
        let is_told = |seen: &ViewerStats| seen.state == ViewerState::ClosedByServer;
        viewer.wait_until(Duration::from_secs(1), "goodbye", is_told).unwrap();
        while UdpSocket::bind(relayed).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(5), "coturn keeps {relayed}");
            std::thread::sleep(Duration::from_millis(10));
        }
        println!("{runtime}: stopped in {stopped:?}, given back after {:?}", begin.elapsed());
    }
}

fn wait_for(server: &Server, words: &str) {
    let begin = Instant::now();
    while !server.log().contains(words) {
        assert!(begin.elapsed() < LIMIT, "no {words:?} in\n{}", server.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

struct Coturn {
    child: Child,
    plain: u16,
    tls: u16,
    folder: PathBuf,
}

impl Coturn {
    fn start() -> Coturn {
        // Somebody may take a free port before the server does: once more then.
        for _ in 0..3 {
            let mut server = Coturn::spawn();
            if server.answers() {
                return server;
            }
        }
        panic!("coturn answers on none of three pairs of ports");
    }

    fn spawn() -> Coturn {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (one, other) = (free(), free());
        let [plain, tls] = [one, other].map(|free| free.local_addr().unwrap().port());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("coturn-legs-{plain}"));
        fs::create_dir_all(&folder).unwrap();
        make_certificate(&folder);
        let mut command = Command::new("turnserver");
        command.args(["-n", "--no-cli", "--no-dtls", "--log-file=stdout", "--realm=legs"]);
        command.args(["--use-auth-secret", "--static-auth-secret=north"]);
        command.args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"]);
        command.args(["--allow-loopback-peers", "--cert=cert.pem", "--pkey=key.pem"]);
        command.arg(format!("--listening-port={plain}"));
        command.arg(format!("--tls-listening-port={tls}"));
        command.arg(format!("--pidfile={}", folder.join("pid").display()));
        command.arg(format!("--userdb={}", folder.join("db").display()));
        command.current_dir(&folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => Coturn { child, plain, tls, folder },
            Err(error) => panic!(
                "coturn (turnserver) does not start: {error}; `cargo xtask test` installs it"
            ),
        }
    }

    /// Waits until both ports take connections; not if the server has ended.
    fn answers(&mut self) -> bool {
        let begin = Instant::now();
        let mut open = |port: u16| {
            while begin.elapsed() < LIMIT && self.child.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return true;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            false
        };
        open(self.plain) && open(self.tls)
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        // It may have ended by itself, and its files are in a folder of the build.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A certificate of its own for `localhost`, and no CA's.
fn make_certificate(folder: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]);
    openssl.args([
        "-subj",
        "/CN=localhost",
        "-days",
        "2",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
    ]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    let made = openssl.current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
