use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// Longer than anything takes on a busy machine.
const LATE: Duration = Duration::from_secs(10);
const ONE: StreamId = StreamId(7);

/// Streams that a test looks at all the time instead of waiting, and what was told of them.
struct Bench {
    streams: Streams,
    stats: RuntimeStats,
    told: Vec<String>,
    bytes: Vec<u8>,
    /// Added to the clock.
    later: Duration,
}

impl Bench {
    fn new(tls: TlsClient) -> Bench {
        let (streams, stats) = (Streams::new(tls), RuntimeStats::default());
        Bench { streams, stats, told: Vec::new(), bytes: Vec::new(), later: Duration::ZERO }
    }

    fn plain() -> Bench {
        Bench::new(TlsClient::unused())
    }

    fn now(&self) -> Instant {
        Instant::now() + self.later
    }

    fn act(
        &mut self,
        action: impl FnOnce(&mut Streams, Instant, &mut RuntimeStats, &mut Tell<'_>),
    ) {
        let now = self.now();
        let Bench { streams, stats, told, bytes, .. } = self;
        action(streams, now, stats, &mut |id, news| {
            assert_eq!(id, ONE);
            match news {
                News::Data(data) => bytes.extend(data),
                other => told.push(format!("{other:?}")),
            }
        });
    }

    fn connect(&mut self, remote: SocketAddr, tls: Option<&str>) {
        self.act(|streams, now, _, tell| streams.connect(now, ONE, remote, tls, tell));
    }

    fn send(&mut self, bytes: &[u8]) {
        self.act(|streams, now, stats, tell| streams.send(now, ONE, bytes, stats, tell));
    }

    fn turn(&mut self) {
        self.streams.on_readable(ONE);
        self.streams.on_writable(ONE);
        self.act(|streams, now, stats, tell| {
            streams.fire(now, stats, tell);
            streams.run(now, stats, tell);
        });
    }

    fn turn_until(&mut self, mut done: impl FnMut(&Bench) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < LATE, "told: {:?}", self.told);
            self.turn();
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn connected(peer: &TcpListener) -> (Bench, TcpStream) {
        let mut bench = Bench::plain();
        bench.connect(peer.local_addr().unwrap(), None);
        bench.turn_until(|bench| bench.told == ["Connected"]);
        let (peer, _) = peer.accept().unwrap();
        peer.set_read_timeout(Some(LATE)).unwrap();
        (bench, peer)
    }
}

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

#[test]
fn a_peer_that_is_never_there_is_given_up_after_five_seconds() {
    // A listener whose queue is full answers nothing more to a SYN, as a dead address does.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let filling: Vec<_> =
        (0..4).map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(100))).collect();
    assert!(filling.iter().any(Result::is_err), "the queue is not full");
    let mut bench = Bench::plain();

    bench.connect(address, None);
    let due = bench.streams.deadline().unwrap() - Instant::now();
    bench.later = Duration::from_millis(4_900);
    bench.act(|streams, now, stats, tell| streams.fire(now, stats, tell));
    assert!(due > Duration::from_millis(4_900) && bench.told.is_empty());
    bench.later = Duration::from_millis(5_100);
    bench.act(|streams, now, stats, tell| streams.fire(now, stats, tell));

    assert_eq!(bench.told, ["Closed"]);
    assert_eq!(bench.stats.streams_failed, 1);
    assert!(bench.streams.is_empty() && bench.streams.deadline().is_none());
}

#[test]
fn an_address_that_cannot_be_reached_at_all_is_told_at_once() {
    let mut bench = Bench::plain();

    bench.connect("255.255.255.255:9".parse().unwrap(), None);

    assert_eq!(bench.told, ["Closed"]);
    assert!(bench.streams.is_empty());
}

#[test]
fn bytes_come_in_the_pieces_in_which_they_came_and_before_the_end() {
    let (mut bench, mut peer) = Bench::connected(&listener());

    for piece in [&b"\x00"[..], b"\x05he", b"llo\x00\x02h"] {
        let before = bench.bytes.len();
        peer.write_all(piece).unwrap();
        bench.turn_until(|bench| bench.bytes.len() == before + piece.len());
    }
    peer.write_all(b"i and goodbye").unwrap();
    drop(peer);
    bench.turn_until(|bench| bench.told.len() == 2);

    assert_eq!(bench.bytes, b"\x00\x05hello\x00\x02hi and goodbye");
    assert_eq!(bench.told, ["Connected", "Closed"]);
    assert_eq!(bench.stats.stream_bytes_received, bench.bytes.len() as u64);
}

#[test]
fn a_slow_reader_blocks_then_loses_whole_transmits_and_what_it_gets_is_never_cut() {
    const SIZE: usize = 10_000;
    let (mut bench, mut peer) = Bench::connected(&listener());

    // Far more than system and queue hold.
    for number in 0..2_000_u32 {
        let mut transmit = vec![0; SIZE];
        transmit[..4].copy_from_slice(&number.to_be_bytes());
        bench.send(&transmit);
        let queued = bench.streams.table[&ONE].queued();
        assert!(queued <= QUEUE_BYTES_MAX, "{queued} bytes are queued");
    }
    assert_eq!(bench.told, ["Connected", "Blocked(true)"]);
    let dropped = usize::try_from(bench.stats.stream_drops).unwrap();
    assert!(dropped > 0);
    let reader = thread::spawn(move || {
        let mut numbers = Vec::new();
        let mut transmit = vec![0; SIZE];
        while numbers.len() < 2_000 - dropped {
            peer.read_exact(&mut transmit).unwrap();
            assert!(transmit[4..].iter().all(|byte| *byte == 0), "a transmit was cut");
            numbers.push(u32::from_be_bytes(transmit[..4].try_into().unwrap()));
        }
        (numbers, peer)
    });
    bench.turn_until(|_| reader.is_finished());

    let (numbers, mut peer) = reader.join().unwrap();
    assert!(numbers.is_sorted(), "a transmit overtook another");
    assert_eq!(bench.told, ["Connected", "Blocked(true)", "Blocked(false)"]);
    assert_eq!(bench.streams.table[&ONE].queued(), 0);
    assert!(bench.streams.deadline().is_none());
    bench.send(b"after");
    bench.turn();
    let mut after = [0; 5];
    peer.read_exact(&mut after).unwrap();
    assert_eq!(&after, b"after");
}

#[test]
fn a_peer_that_takes_nothing_at_all_is_gone_after_ten_seconds_and_one_that_takes_a_little_is_not() {
    let (mut bench, mut peer) = Bench::connected(&listener());
    // More than the system takes at once when there is room again.
    bench.streams.limits.queue = 32 << 20;
    while bench.stats.stream_drops == 0 {
        bench.send(&[0; 60_000]);
    }
    bench.turn();

    bench.later = Duration::from_millis(9_000);
    let sent = bench.stats.stream_bytes_sent;
    let start = Instant::now();
    while bench.stats.stream_bytes_sent == sent {
        assert!(start.elapsed() < LATE, "nothing leaves though the peer reads");
        peer.read_exact(&mut [0; 16_384]).unwrap();
        thread::sleep(Duration::from_millis(1));
        bench.turn();
    }
    assert!(bench.streams.table[&ONE].queued() > 0, "it took a little, and not all");
    bench.later = Duration::from_millis(18_000);
    bench.turn();
    assert!(!bench.streams.is_empty(), "it took something nine seconds ago");
    bench.later = Duration::from_millis(40_000);
    bench.turn();

    assert_eq!(bench.told.last().unwrap(), "Closed");
    assert!(bench.streams.is_empty());
    assert_eq!(bench.stats.streams_failed, 0, "it was up");
}

#[test]
fn a_connection_that_is_told_off_says_what_it_had_to_say() {
    let (mut bench, mut peer) = Bench::connected(&listener());
    bench.send(b"goodbye");

    bench.streams.disconnect(ONE);
    bench.turn();

    // The shell holds the descriptor until it has looked.
    assert_eq!(bench.streams.take_changed(), [ONE, ONE]);
    let mut said = Vec::new();
    peer.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"goodbye");
    assert_eq!(bench.told, ["Connected"], "nothing is told of what was asked for");
    bench.send(b"too late");
    assert_eq!(bench.stats.stream_drops, 1);
}

/// A TLS server with a certificate of its own for `name`, which echoes once.
fn tls_server(name: &str) -> (SocketAddr, CertificateDer<'static>, JoinHandle<()>) {
    tls_server_that_is(name, rcgen::IsCa::NoCa)
}

/// The same; whether its certificate says that it is an authority's.
fn tls_server_that_is(
    name: &str,
    is_ca: rcgen::IsCa,
) -> (SocketAddr, CertificateDer<'static>, JoinHandle<()>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    parameters.is_ca = is_ca;
    let certificate = parameters.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let (config, listener) = (Arc::new(config), listener());
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LATE)).unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
        let mut bytes = vec![0; 100_000];
        // A client that refuses the certificate reads and writes nothing.
        if stream.read_exact(&mut bytes).is_ok() {
            stream.write_all(&bytes).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
    });
    (address, certificate, serving)
}

#[test]
fn tls_carries_bytes_both_ways_to_a_server_by_its_name_and_by_its_address() {
    for name in ["turn.example.org", "127.0.0.1"] {
        let (address, certificate, serving) = tls_server(name);
        let mut bench = Bench::new(TlsClient::trusting(&[], &[certificate]));

        bench.connect(address, Some(name));
        bench.turn_until(|bench| bench.told == ["Connected"]);
        let said: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
        bench.send(&said[..50_000]);
        bench.send(&said[50_000..]);
        bench.turn_until(|bench| bench.told.contains(&"Closed".to_owned()));

        assert!(bench.bytes == said, "{name}: {} bytes came back", bench.bytes.len());
        serving.join().unwrap();
    }
}

#[test]
fn the_certificate_that_was_given_is_believed_though_it_calls_itself_an_authoritys() {
    let authority = || rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let (_, stranger, _) = tls_server_that_is("turn.example.org", authority());
    for (name, given, told) in [
        ("turn.example.org", None, "Connected"),
        ("turn.example.com", None, "Closed"),
        ("turn.example.org", Some(stranger), "Closed"),
    ] {
        let (address, own, serving) = tls_server_that_is("turn.example.org", authority());
        let mut bench = Bench::new(TlsClient::trusting(&[], &[given.unwrap_or(own)]));

        bench.connect(address, Some(name));
        bench.turn_until(|bench| !bench.told.is_empty());

        assert_eq!(bench.told, [told], "{name}");
        drop(bench);
        serving.join().unwrap();
    }
}

#[test]
fn a_server_with_another_name_or_a_ca_that_nobody_trusts_is_refused() {
    let (_, stranger, _) = tls_server("turn.example.org");
    for (name, trusted) in [("turn.example.com", None), ("turn.example.org", Some(stranger))] {
        let (address, own, serving) = tls_server("turn.example.org");
        let roots = trusted.unwrap_or(own);
        let mut bench = Bench::new(TlsClient::trusting(&[], &[roots]));

        bench.connect(address, Some(name));
        bench.turn_until(|bench| !bench.told.is_empty());

        assert_eq!(bench.told, ["Closed"], "{name}");
        assert_eq!(bench.stats.streams_failed, 1);
        serving.join().unwrap();
    }
}

#[test]
fn a_server_that_says_nothing_after_tcp_is_given_up_too() {
    let listener = listener();
    let (_, certificate, _) = tls_server("turn.example.org");
    let mut bench = Bench::new(TlsClient::trusting(&[], &[certificate]));
    bench.connect(listener.local_addr().unwrap(), Some("turn.example.org"));
    let (_silent, _) = listener.accept().unwrap();
    for _ in 0..20 {
        bench.turn();
        thread::sleep(Duration::from_millis(1));
    }
    assert!(bench.told.is_empty());

    bench.later = Duration::from_millis(5_100);
    bench.turn();

    assert_eq!(bench.told, ["Closed"]);
}

#[test]
fn what_is_no_tls_is_refused() {
    let listener = listener();
    let (_, certificate, _) = tls_server("turn.example.org");
    let mut bench = Bench::new(TlsClient::trusting(&[], &[certificate]));
    bench.connect(listener.local_addr().unwrap(), Some("turn.example.org"));
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();

    bench.turn_until(|bench| !bench.told.is_empty());

    assert_eq!(bench.told, ["Closed"]);
}
