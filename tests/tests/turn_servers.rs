//! The allocation of the core against a real coturn, on loopback: a tiny blocking shell, real time.
#![allow(clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pinhole_core::turn::{
    Allocation, AllocationConfig, AllocationEvent, Credentials, Families, Leg, LossCause, Received,
    next_message,
};
use pinhole_core::{Seed, WallClock};

const PATIENCE: Duration = Duration::from_secs(8);

#[test]
fn data_goes_both_ways_over_udp_as_indication_and_by_channel() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));

    client.meet(&Peer::new("127.0.0.1:0"));

    assert_eq!(client.prefixes, [36, 4]);
    assert_eq!(client.events.len(), 1, "{:?}", client.events);
}

#[test]
fn data_goes_both_ways_over_tcp() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Stream, Families::V4, long_term("pass"));

    client.meet(&Peer::new("127.0.0.1:0"));

    assert_eq!(client.prefixes, [36, 4]);
}

#[test]
fn one_allocation_reaches_peers_of_both_families() {
    let server = Coturn::start(&["--listening-ip=::1", "--relay-ip=::1"]);
    let mut client = Client::new(&server, Leg::Datagram, Families::Both, long_term("pass"));

    client.meet(&Peer::new("127.0.0.1:0"));
    assert_eq!(client.allocation.relayed().count(), 2, "{:?}", client.events);
    client.meet(&Peer::new("[::1]:0"));

    assert!(client.prefixes.contains(&48), "{:?}", client.prefixes);
}

#[test]
fn minted_credentials_are_taken() {
    let server = Coturn::start(&["--use-auth-secret", "--static-auth-secret=north"]);
    let credentials = Credentials::Rest { secret: "north".into(), user: "viewer".into() };
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, credentials);

    client.meet(&Peer::new("127.0.0.1:0"));
}

#[test]
fn a_wrong_password_is_refused() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("wrong"));

    client.run_until("a refusal", |client| !client.events.is_empty());

    assert_eq!(client.events, [AllocationEvent::Refused { code: 401 }]);
}

#[test]
fn a_nonce_that_goes_stale_every_second_is_not_noticed() {
    let server = Coturn::start(&["--stale-nonce=1"]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));
    let peer = Peer::new("127.0.0.1:0");
    client.meet(&peer);

    for _ in 0..40 {
        client.send(peer.address(), b"media");
        client.run(Duration::from_millis(200));
    }
    client.meet(&Peer::new("127.0.0.1:0"));

    assert_eq!(client.events.len(), 1, "{:?}", client.events);
    assert!(peer.take().len() >= 39);
}

#[test]
fn a_server_that_is_killed_and_started_again_relays_again_within_five_seconds() {
    let server = Coturn::start(&[]);
    let port = server.address.port();
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));
    let peer = Peer::new("127.0.0.1:0");
    client.meet(&peer);
    client.run(Duration::from_secs(4));
    drop(server);
    let killed = Instant::now();
    let _server = Coturn::start_on(port, &[]);
    peer.take();

    let mut back = None;
    while back.is_none() && killed.elapsed() < PATIENCE {
        client.send(peer.address(), b"media");
        client.run(Duration::from_millis(50));
        back = (!peer.take().is_empty()).then(|| killed.elapsed());
    }

    let back = back.expect("media is back");
    assert!(back < Duration::from_secs(5), "back after {back:?}");
    assert!(
        client.events.contains(&AllocationEvent::Lost(LossCause::Mismatch)),
        "{:?}",
        client.events
    );
    eprintln!("coturn killed and started again: media back after {back:?}");
}

#[test]
fn an_address_that_changes_is_noticed_within_five_seconds() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));
    let peer = Peer::new("127.0.0.1:0");
    client.meet(&peer);
    client.run(Duration::from_secs(4));
    // What a NAT does that forgets: the server sees another port.
    client.wire = Wire::connect(Leg::Datagram, server.address);
    let changed = Instant::now();
    peer.take();

    let mut back = None;
    while back.is_none() && changed.elapsed() < PATIENCE {
        client.send(peer.address(), b"media");
        client.run(Duration::from_millis(50));
        back = (!peer.take().is_empty()).then(|| changed.elapsed());
    }

    let back = back.expect("media is back");
    assert!(back < Duration::from_secs(5), "back after {back:?}");
    eprintln!("another port: media back after {back:?}");
}

#[test]
fn one_that_was_killed_has_an_allocation_again_within_three_seconds() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));
    client.run_until("an allocation", |client| !client.events.is_empty());
    let before: Vec<_> = client.allocation.relayed().collect();

    // A program with a fixed port, killed and started again: its allocation lives on without it.
    let restarted = Instant::now();
    client.restart();
    client.run_until("an allocation", |client| !client.events.is_empty());
    let back = restarted.elapsed();

    assert!(matches!(client.events[0], AllocationEvent::Allocated { .. }), "{:?}", client.events);
    assert_ne!(client.allocation.relayed().collect::<Vec<_>>(), before);
    assert!(back < Duration::from_secs(3), "allocated after {back:?}");
    eprintln!("client killed and started again: allocated after {back:?}");
    client.events.clear();
    client.run(Duration::from_secs(3));
    assert_eq!(client.events, [], "it lasts");
}

#[test]
fn closing_frees_the_relayed_address() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));
    client.run_until("an allocation", |client| !client.events.is_empty());
    let relayed = client.allocation.relayed().next().unwrap();
    assert!(UdpSocket::bind(relayed).is_err(), "coturn has {relayed}");

    client.allocation.close(Instant::now());

    client.run_until("free port", |_| UdpSocket::bind(relayed).is_ok());
    assert_eq!(client.allocation.relayed().count(), 0);
}

fn long_term(password: &str) -> Credentials {
    Credentials::LongTerm { username: "user".into(), password: password.into() }
}

/// A coturn on loopback; killed when dropped.
struct Coturn {
    child: Child,
    address: SocketAddr,
    database: PathBuf,
}

impl Coturn {
    fn start(options: &[&str]) -> Coturn {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Coturn::start_on(port, options)
    }

    fn start_on(port: u16, options: &[&str]) -> Coturn {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = Command::new("turnserver");
        command.args([
            "-n",
            "--no-cli",
            "--no-tls",
            "--no-dtls",
            "--log-file=stdout",
            "--lt-cred-mech",
        ]);
        command.args([
            "--listening-ip=127.0.0.1",
            "--relay-ip=127.0.0.1",
            "--allow-loopback-peers",
        ]);
        command.args(["--realm=pinhole", "--user=user:pass", "--pidfile=/dev/null"]);
        command.arg(format!("--listening-port={port}")).args(options);
        // Without one of its own it looks for secrets in that of the machine.
        let name = format!("pinhole-coturn-{}-{port}.sqlite", std::process::id());
        let database = std::env::temp_dir().join(name);
        command.arg("--userdb").arg(&database);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let coturn = Coturn { child, address, database };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < PATIENCE, "coturn does not listen; is it installed?");
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

/// The socket to the server.
enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

impl Wire {
    fn connect(leg: Leg, server: SocketAddr) -> Wire {
        match leg {
            Leg::Datagram => {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.connect(server).unwrap();
                Wire::Udp(socket)
            }
            Leg::Stream => Wire::Tcp(TcpStream::connect(server).unwrap(), Vec::new()),
        }
    }

    /// What is sent while the server is down is lost.
    fn send(&mut self, bytes: &[u8]) {
        match self {
            Wire::Udp(socket) => drop(socket.send(bytes)),
            Wire::Tcp(stream, _) => stream.write_all(bytes).unwrap(),
        }
    }

    fn receive(&mut self, wait: Duration) -> Option<Vec<u8>> {
        let mut buffer = [0; 2048];
        let wait = Some(wait.max(Duration::from_millis(1)));
        match self {
            Wire::Udp(socket) => {
                socket.set_read_timeout(wait).unwrap();
                let len = socket.recv(&mut buffer).ok()?;
                Some(buffer[..len].to_vec())
            }
            Wire::Tcp(stream, kept) => {
                if let Ok(Some(len)) = next_message(kept)
                    && kept.len() >= len
                {
                    return Some(kept.drain(..len).collect());
                }
                stream.set_read_timeout(wait).unwrap();
                match stream.read(&mut buffer) {
                    Ok(len) => kept.extend(&buffer[..len]),
                    Err(error) => {
                        let is_late =
                            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                        assert!(is_late, "{error}");
                    }
                }
                None
            }
        }
    }
}

fn allocation_config(
    seed: u8,
    now: Instant,
    leg: Leg,
    server: SocketAddr,
    families: Families,
    credentials: Credentials,
) -> AllocationConfig {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let wall_clock = WallClock { unix, at: now };
    let seed = Seed::new([seed; 32]);
    AllocationConfig::new(leg, server, families, credentials, wall_clock, &seed)
}

/// An allocation and its shell.
struct Client {
    allocation: Allocation,
    credentials: Credentials,
    wire: Wire,
    events: Vec<AllocationEvent>,
    received: Vec<(SocketAddr, Vec<u8>)>,
    /// Lengths of the prefixes that were used, each once, in order.
    prefixes: Vec<usize>,
}

impl Client {
    fn new(server: &Coturn, leg: Leg, families: Families, credentials: Credentials) -> Client {
        let now = Instant::now();
        let config = allocation_config(7, now, leg, server.address, families, credentials.clone());
        let allocation = Allocation::new(now, config);
        let wire = Wire::connect(leg, server.address);
        let (events, received, prefixes) = Default::default();
        Client { allocation, credentials, wire, events, received, prefixes }
    }

    /// Another client behind the same socket, that knows nothing of the first.
    fn restart(&mut self) {
        let (now, server) = (Instant::now(), self.allocation.server());
        let credentials = self.credentials.clone();
        let config = allocation_config(8, now, Leg::Datagram, server, Families::V4, credentials);
        self.allocation = Allocation::new(now, config);
        self.events.clear();
    }

    fn run(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn(end);
        }
    }

    fn run_until(&mut self, what: &str, is_done: impl Fn(&Client) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_done(self) {
            assert!(Instant::now() < end, "no {what}; events {:?}", self.events);
            self.turn(Instant::now() + Duration::from_millis(20));
        }
    }

    fn turn(&mut self, end: Instant) {
        let mut buffer = [0; 2048];
        while let Some(len) = self.allocation.poll_transmit(Instant::now(), &mut buffer) {
            self.wire.send(&buffer[..len]);
        }
        while let Some(event) = self.allocation.poll_event() {
            self.events.push(event);
        }
        let until = self.allocation.poll_timeout().map_or(end, |at| at.min(end));
        let wait = until.saturating_duration_since(Instant::now());
        if let Some(bytes) = self.wire.receive(wait)
            && let Ok(Received::Data { peer, payload, .. }) =
                self.allocation.handle_message(Instant::now(), &bytes)
        {
            self.received.push((peer, payload.to_vec()));
        }
        self.allocation.handle_timeout(Instant::now());
    }

    fn send(&mut self, peer: SocketAddr, payload: &[u8]) -> bool {
        let envelope = self.allocation.wrap(Instant::now(), peer, payload.len());
        let Some(envelope) = envelope else { return false };
        let bytes = [envelope.prefix(), payload, &[0; 3][..envelope.padding()]].concat();
        self.wire.send(&bytes);
        if self.prefixes.last() != Some(&envelope.prefix().len()) {
            self.prefixes.push(envelope.prefix().len());
        }
        true
    }

    /// Sends to a peer until it answers, by indication and by channel; checks what both get.
    fn meet(&mut self, peer: &Peer) {
        self.run_until("an allocation", |client| !client.events.is_empty());
        assert!(matches!(self.events[0], AllocationEvent::Allocated { .. }), "{:?}", self.events);
        self.allocation.add_peer(Instant::now(), peer.address());
        self.run(Duration::from_millis(100));
        for payload in [&b"by indication"[..], b"by channel"] {
            assert!(self.send(peer.address(), payload));
            self.run(Duration::from_millis(150));
            let (from, bytes) = peer.take().pop().expect("the peer receives");
            assert_eq!(bytes, payload);
            assert!(self.allocation.relayed().any(|relayed| relayed == from), "{from}");
            peer.0.send_to(b"answer", from).unwrap();
            self.received.clear();
            self.run_until("answer", |client| !client.received.is_empty());
            assert_eq!(self.received, [(peer.address(), b"answer".to_vec())]);
        }
    }
}

/// Somebody out there.
struct Peer(UdpSocket);

impl Peer {
    fn new(address: &str) -> Peer {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        Peer(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn take(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut buffer = [0; 2048];
        let receive =
            || self.0.recv_from(&mut buffer).ok().map(|(len, from)| (from, buffer[..len].to_vec()));
        std::iter::from_fn(receive).collect()
    }
}
