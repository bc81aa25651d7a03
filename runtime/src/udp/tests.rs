//! Sending and receiving on loopback.
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use pinhole_core::{Transmit, Transport};

use super::{Batching, Inbox, Outbox, Progress, Socket, Sockets};
use crate::RuntimeStats;

mod batching;
mod seccomp;

/// Longer than a datagram takes on a loopback; what has not come then does not come.
const SOON: Duration = Duration::from_secs(5);

struct Bench {
    sockets: Vec<Socket>,
    port: u16,
    inbox: Inbox,
    outbox: Outbox,
    stats: RuntimeStats,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(Batching::Gso)
    }

    /// One whose runs leave in no better way.
    fn with(best: Batching) -> Bench {
        let mut sockets = Sockets::bind(None, None).unwrap();
        sockets.limit_batching(best);
        let port = sockets.port();
        let (inbox, outbox) = (Inbox::new(), Outbox::new());
        let stats = RuntimeStats::default();
        Bench { sockets: sockets.into_sockets(), port, inbox, outbox, stats }
    }

    fn local(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Sends datagrams of `size` bytes, numbered, `len` bytes in all.
    fn send(&mut self, remote: SocketAddr, size: usize, len: usize) -> Progress {
        self.send_from(self.local(), remote, size, len)
    }

    fn send_from(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        size: usize,
        len: usize,
    ) -> Progress {
        let room = self.outbox.room();
        for (number, datagram) in room[..len].chunks_mut(size).enumerate() {
            datagram.fill(u8::try_from(number).unwrap());
        }
        let transmit =
            Transmit { local, remote, transport: Transport::Udp, segment_size: size, len };
        self.outbox.send(transmit, &mut self.sockets, &mut self.stats).unwrap()
    }

    /// Receives until `count` datagrams are here: local, remote, payload of each.
    fn receive(&mut self, count: usize) -> Vec<(SocketAddr, SocketAddr, Vec<u8>)> {
        let mut all = Vec::new();
        let start = std::time::Instant::now();
        while all.len() < count {
            assert!(start.elapsed() < SOON, "{} of {count} datagrams", all.len());
            for socket in &mut self.sockets {
                socket.on_readable();
                let take = |datagram: pinhole_core::Datagram<'_>| {
                    all.push((datagram.local, datagram.remote, datagram.payload.to_vec()));
                };
                self.inbox.receive(socket, &mut self.stats, take).unwrap();
            }
        }
        all
    }

    /// Receives as a turn of the loop does.
    fn turn(&mut self, mut take: impl FnMut(&[u8])) {
        self.inbox.begin(|datagram| take(datagram.payload));
        for socket in &mut self.sockets {
            socket.on_readable();
            let take = |datagram: pinhole_core::Datagram<'_>| take(datagram.payload);
            self.inbox.receive(socket, &mut self.stats, take).unwrap();
        }
    }
}

fn peer(address: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn read(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2000];
    let (len, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..len].to_vec(), from)
}

#[test]
fn a_run_leaves_in_one_call_and_arrives_in_order() {
    let mut bench = Bench::new();
    let (socket, address) = peer("127.0.0.1");

    assert_eq!(bench.send(address, 1200, 1200 * 20 + 7), Progress::Done);

    for number in 0..=20 {
        let len = if number == 20 { 7 } else { 1200 };
        assert_eq!(read(&socket).0, vec![number; len]);
    }
    assert_eq!(bench.stats.sends, 1, "without GSO this machine sends one by one");
}

#[test]
fn a_send_that_fails_is_counted_and_costs_the_others_nothing() {
    let mut bench = Bench::new();
    let (socket, address) = peer("127.0.0.1");
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));

    assert_eq!(bench.send(nowhere, 100, 100), Progress::Done);
    assert_eq!(bench.send(address, 100, 1000), Progress::Done);

    assert_eq!((bench.stats.send_errors, bench.stats.sends), (1, 1));
    assert_eq!(read(&socket).0.len(), 100);
}

#[test]
fn a_source_address_of_no_socket_is_counted() {
    let mut bench = Bench::new();
    let (_, address) = peer("127.0.0.1");
    bench.port += 1;

    assert_eq!(bench.send(address, 100, 100), Progress::Done);

    assert_eq!((bench.stats.send_errors, bench.stats.sends), (1, 0));
}

#[test]
fn the_address_that_a_datagram_hit_is_known_and_answered_from() {
    let mut bench = Bench::new();
    for hit in ["127.0.0.1", "127.0.0.2"] {
        let (socket, address) = peer("127.0.0.1");
        let local = SocketAddr::new(hit.parse().unwrap(), bench.port);
        socket.send_to(b"hello", local).unwrap();

        let received = bench.receive(1);

        assert_eq!(received, [(local, address, b"hello".to_vec())]);
        let transmit =
            Transmit { local, remote: address, transport: Transport::Udp, segment_size: 3, len: 3 };
        bench.outbox.send(transmit, &mut bench.sockets, &mut bench.stats).unwrap();
        assert_eq!(read(&socket).1, local);
    }
}

#[test]
fn both_families_receive_on_one_port() {
    let mut bench = Bench::new();
    if bench.sockets.len() < 2 {
        println!("skipped: this machine has no IPv6");
        return;
    }
    for (from, to) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1")] {
        let (socket, address) = peer(from);
        let local = SocketAddr::new(to.parse().unwrap(), bench.port);
        socket.send_to(b"hello", local).unwrap();

        assert_eq!(bench.receive(1), [(local, address, b"hello".to_vec())]);
    }
}

#[test]
fn a_burst_is_received_whole_and_in_order_empty_datagrams_too() {
    let mut bench = Bench::new();
    let (socket, _) = peer("127.0.0.1");
    for number in 0..200 {
        socket.send_to(&[number; 50], bench.local()).unwrap();
        socket.send_to(&[], bench.local()).unwrap();
    }

    let received = bench.receive(400);

    for (number, pair) in received.chunks(2).enumerate() {
        let number = u8::try_from(number).unwrap();
        assert_eq!((&pair[0].2[..], &pair[1].2[..]), (&[number; 50][..], &[][..]));
    }
}

#[test]
fn handshakes_come_a_few_at_a_time_and_none_is_lost_or_overtaken() {
    let mut bench = Bench::new();
    let socket_local = bench.local();
    let (socket, _) = peer("127.0.0.1");
    for number in 0..25 {
        for kind in [22, 128] {
            // Of two lengths, so that the system joins none.
            let datagram = vec![kind, number, 0][..if kind == 22 { 2 } else { 3 }].to_vec();
            socket.send_to(&datagram, socket_local).unwrap();
        }
    }
    let (mut all, mut turns) = (Vec::new(), 0);
    let begin = std::time::Instant::now();
    while all.len() < 50 && begin.elapsed() < SOON {
        let before = all.len();
        bench.turn(|payload| all.push((payload[0], payload[1])));
        let handshakes = all[before..].iter().filter(|(kind, _)| *kind == 22).count();
        assert!(handshakes <= 10, "{handshakes} handshakes in one turn");
        turns += usize::from(all.len() > before);
    }
    assert!(turns >= 3, "{turns}");
    let sent: Vec<_> = (0..25).flat_map(|number| [(22, number), (128, number)]).collect();
    assert_eq!(all, sent);
}

#[test]
fn a_socket_that_was_shut_down_is_bound_anew_and_what_it_kept_is_sent() {
    let mut bench = Bench::new();
    let (socket, address) = peer("127.0.0.1");
    for socket in &bench.sockets {
        let descriptor = socket.descriptor();
        // Says that it is not connected, and shuts it down all the same.
        let told = socket2::SockRef::from(&descriptor.as_fd()).shutdown(std::net::Shutdown::Both);
        assert_eq!(told.unwrap_err().kind(), ErrorKind::NotConnected);
    }

    assert_eq!(bench.send(address, 100, 250), Progress::Blocked);
    for socket in bench.sockets.iter_mut().filter(|socket| socket.is_broken()) {
        socket.rebind().unwrap();
    }
    let progress = bench.outbox.resume(&mut bench.sockets, &mut bench.stats).unwrap();

    assert_eq!(progress, Progress::Done);
    let lengths: Vec<usize> = (0..3).map(|_| read(&socket).0.len()).collect();
    assert_eq!(lengths, [100, 100, 50]);
    assert_eq!(read_from(&mut bench, &socket), b"still there");
}

fn read_from(bench: &mut Bench, socket: &UdpSocket) -> Vec<u8> {
    socket.send_to(b"still there", bench.local()).unwrap();
    bench.receive(1).remove(0).2
}
