//! How a shell waits: one suite, which both include, because they must behave the same.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use pinhole_core::StreamId;
use pinhole_runtime::{News, Next, RuntimeStats, Socket, Sockets, Streams};

use super::{Readiness, wait};

/// Longer than any wait here takes on a busy machine; a wait that hangs ends then.
const LATE: Duration = Duration::from_secs(10);

fn socket() -> (Vec<Socket>, SocketAddr) {
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let sockets = Sockets::bind(Some(localhost), None).unwrap();
    let address = SocketAddr::new(localhost, sockets.port());
    (sockets.into_sockets(), address)
}

#[test]
fn deadlines_are_met_within_a_fraction_of_a_millisecond() {
    let mut readiness = Readiness::new().unwrap();
    let ahead = Duration::from_micros(300);

    let mut late: Vec<Duration> = (0..200)
        .map(|_| {
            let deadline = Instant::now() + ahead;
            while Instant::now() < deadline {
                wait(&mut readiness, &mut [], &mut Streams::default(), Next::At(deadline));
            }
            deadline.elapsed()
        })
        .collect();

    late.sort();
    let (median, p90, worst) = (late[100], late[180], late[199]);
    println!(
        "200 deadlines {ahead:?} ahead: late by {median:?} median, {p90:?} p90, {worst:?} at most"
    );
    assert!(median < Duration::from_micros(300), "{median:?}");
}

#[test]
fn a_wait_for_a_deadline_wakes_once() {
    let mut readiness = Readiness::new().unwrap();
    let deadline = Instant::now() + Duration::from_millis(50);

    let mut wakes = 0;
    while Instant::now() < deadline {
        wait(&mut readiness, &mut [], &mut Streams::default(), Next::At(deadline));
        wakes += 1;
    }

    assert!(wakes <= 3, "{wakes} wakes for one deadline");
}

#[test]
fn a_deadline_that_has_passed_does_not_wait() {
    let mut readiness = Readiness::new().unwrap();
    let start = Instant::now();

    wait(&mut readiness, &mut [], &mut Streams::default(), Next::At(start));
    wait(&mut readiness, &mut [], &mut Streams::default(), Next::AtOnce);

    assert!(start.elapsed() < LATE);
}

#[test]
fn a_later_deadline_replaces_an_earlier_one() {
    let mut readiness = Readiness::new().unwrap();
    let start = Instant::now();
    let (near, far) = (start + Duration::from_millis(5), start + Duration::from_millis(40));
    wait(&mut readiness, &mut [], &mut Streams::default(), Next::At(near));

    wait(&mut readiness, &mut [], &mut Streams::default(), Next::At(far));

    assert!(start.elapsed() >= Duration::from_millis(35), "{:?}", start.elapsed());
}

#[test]
fn the_bell_ends_a_wait() {
    let mut readiness = Readiness::new().unwrap();
    let bell = readiness.doorbell();
    let start = Instant::now();
    let ringer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        bell.ring();
    });

    wait(&mut readiness, &mut [], &mut Streams::default(), Next::At(start + LATE));

    assert!(start.elapsed() < LATE / 2, "{:?}", start.elapsed());
    ringer.join().unwrap();
}

#[test]
fn a_datagram_ends_a_wait() {
    let mut readiness = Readiness::new().unwrap();
    let (mut sockets, address) = socket();
    wait(&mut readiness, &mut sockets, &mut Streams::default(), Next::AtOnce);
    let start = Instant::now();
    let sender = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"hello", address).unwrap();
    });

    wait(&mut readiness, &mut sockets, &mut Streams::default(), Next::At(start + LATE));

    assert!(start.elapsed() < LATE / 2, "{:?}", start.elapsed());
    assert!(sockets[0].is_readable());
    sender.join().unwrap();
}

#[test]
fn a_loop_with_work_enough_still_hears_datagrams() {
    let mut readiness = Readiness::new().unwrap();
    let (mut sockets, address) = socket();
    sockets[0].on_read_dry();
    readiness.doorbell().ring();
    wait(&mut readiness, &mut sockets, &mut Streams::default(), Next::AtOnce);
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"hello", address).unwrap();

    let start = Instant::now();
    while !sockets[0].is_readable() && start.elapsed() < LATE {
        wait(&mut readiness, &mut sockets, &mut Streams::default(), Next::AtOnce);
    }

    assert!(sockets[0].is_readable());
}

#[test]
fn a_broken_socket_is_bound_anew_to_its_port() {
    let mut readiness = Readiness::new().unwrap();
    let (mut sockets, address) = socket();
    wait(&mut readiness, &mut sockets, &mut Streams::default(), Next::AtOnce);
    sockets[0].on_broken();

    wait(&mut readiness, &mut sockets, &mut Streams::default(), Next::AtOnce);

    assert!(!sockets[0].is_broken());
    sockets[0].on_read_dry();
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"hello", address).unwrap();
    let start = Instant::now();
    while !sockets[0].is_readable() && start.elapsed() < LATE {
        wait(&mut readiness, &mut sockets, &mut Streams::default(), Next::At(start + LATE));
    }
    assert!(sockets[0].is_readable());
}

/// Connections as a turn drives them, and what was told of them.
struct Loop {
    readiness: Readiness,
    streams: Streams,
    told: Vec<(StreamId, String)>,
    turns: usize,
    /// Longest wait of one turn: so long that a test fails where nothing ends it.
    longest: Duration,
}

impl Loop {
    fn new() -> Loop {
        let readiness = Readiness::new().unwrap();
        Loop { readiness, streams: Streams::default(), told: Vec::new(), turns: 0, longest: LATE }
    }

    /// Turns until `done`, which is asked after each turn.
    fn turn_until(&mut self, what: &str, mut done: impl FnMut(&mut Loop) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < LATE, "{what}: not in {LATE:?}; told: {:?}", self.told);
            let next = match self.streams.deadline() {
                _ if self.streams.is_ready() => Next::AtOnce,
                Some(at) => Next::At(at.min(Instant::now() + self.longest)),
                None => Next::At(Instant::now() + self.longest),
            };
            wait(&mut self.readiness, &mut [], &mut self.streams, next);
            self.readiness.doorbell().answer();
            let told = &mut self.told;
            let mut tell = |id, news: News<'_>| {
                told.push((
                    id,
                    match news {
                        News::Data(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                        other => format!("{other:?}"),
                    },
                ));
            };
            self.streams.run(Instant::now(), &mut RuntimeStats::default(), &mut tell);
            self.turns += 1;
        }
    }

    fn heard(&self, id: StreamId, what: &str) -> bool {
        self.told.iter().any(|(of, told)| *of == id && told == what)
    }

    fn connect(&mut self, id: StreamId, remote: SocketAddr) {
        let told = &mut self.told;
        let mut tell = |id, news: News<'_>| told.push((id, format!("{news:?}")));
        self.streams.connect(Instant::now(), id, remote, None, &mut tell);
    }

    fn send(&mut self, id: StreamId, bytes: &[u8]) {
        let told = &mut self.told;
        let mut tell = |id, news: News<'_>| told.push((id, format!("{news:?}")));
        let stats = &mut RuntimeStats::default();
        self.streams.send(Instant::now(), id, bytes, stats, &mut tell);
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

const ONE: StreamId = StreamId(0);

#[test]
fn a_connection_is_made_speaks_and_ends() {
    let (listener, address) = listener();
    let mut turning = Loop::new();
    turning.connect(ONE, address);
    turning.turn_until("up", |turning| turning.heard(ONE, "Connected"));
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(LATE)).unwrap();

    let speaker = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        peer.write_all(b"hello").unwrap();
        peer
    });
    turning.turn_until("hello", |turning| turning.heard(ONE, "hello"));
    let mut peer = speaker.join().unwrap();
    turning.send(ONE, b"good day");
    turning.turn_until("sent", |_| {
        let mut bytes = [0; 8];
        // Sent with the next turn, for which there is no other reason.
        peer.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        peer.read_exact(&mut bytes).is_ok_and(|()| &bytes == b"good day")
    });
    drop(peer);

    turning.turn_until("the end", |turning| turning.heard(ONE, "Closed"));
    assert!(turning.streams.is_empty());
    assert!(turning.turns < 100, "{} turns for four things that happened", turning.turns);
}

#[test]
fn a_connection_that_is_refused_is_told() {
    let (listener, address) = listener();
    drop(listener);
    let mut turning = Loop::new();

    turning.connect(ONE, address);

    turning.turn_until("refused", |turning| turning.heard(ONE, "Closed"));
    assert!(!turning.heard(ONE, "Connected"));
}

#[test]
fn room_to_write_ends_a_wait() {
    let (listener, address) = listener();
    let mut turning = Loop::new();
    turning.connect(ONE, address);
    turning.turn_until("up", |turning| turning.heard(ONE, "Connected"));
    let (mut peer, _) = listener.accept().unwrap();
    let mut sent = 0;
    while !turning.heard(ONE, "Blocked(true)") {
        turning.send(ONE, &[b'x'; 60_000]);
        sent += 60_000;
        assert!(sent < 100_000_000, "a peer that does not read takes all");
    }
    // A moment without news: the loop sleeps while it is blocked.
    let (start, before) = (Instant::now(), turning.turns);
    turning.turn_until("the pause", |turning| {
        turning.longest = Duration::from_millis(200);
        start.elapsed() > Duration::from_millis(200)
    });
    turning.longest = LATE;
    assert!(turning.turns - before < 10, "{} turns while blocked", turning.turns - before);

    let reader = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        let (mut bytes, mut all) = (vec![0; 65_536], 0);
        while all < sent {
            all += peer.read(&mut bytes).unwrap();
        }
        peer
    });

    turning.turn_until("room", |turning| turning.heard(ONE, "Blocked(false)"));
    turning.longest = Duration::from_millis(10);
    turning.turn_until("all", |_| reader.is_finished());
    reader.join().unwrap();
}

#[test]
fn many_connections_are_heard_each_and_leave_nothing() {
    const MANY: u64 = 200;
    let (listener, address) = listener();
    let mut turning = Loop::new();
    let mut peers: Vec<TcpStream> = (0..MANY)
        .map(|number| {
            let peer = TcpStream::connect(address).unwrap();
            turning.streams.adopt(StreamId(number), listener.accept().unwrap().0).unwrap();
            peer
        })
        .collect();
    for (number, peer) in peers.iter_mut().enumerate() {
        peer.write_all(format!("number {number}").as_bytes()).unwrap();
    }

    turning.turn_until("all spoke", |turning| turning.told.len() == MANY as usize);

    for number in 0..MANY {
        assert!(turning.heard(StreamId(number), &format!("number {number}")), "{number}");
    }
    let quiet = turning.turns;
    peers.truncate(MANY as usize / 2);
    turning.turn_until("half have gone", |turning| turning.streams.len() == MANY as usize / 2);
    for number in 0..MANY / 2 {
        turning.streams.disconnect(StreamId(number));
    }
    wait(&mut turning.readiness, &mut [], &mut turning.streams, Next::AtOnce);
    assert!(turning.streams.is_empty() && turning.readiness.streams.is_empty());
    println!("{quiet} turns for {MANY} connections");
    for peer in &mut peers {
        peer.set_read_timeout(Some(LATE)).unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0, "it was closed");
    }
}
