//! A tiny blocking shell around an allocation, and whom it speaks to.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pinhole_core::turn::{
    Allocation, AllocationConfig, AllocationEvent, Credentials, Families, Leg, Received,
    next_message,
};
use pinhole_core::{Seed, WallClock};

use super::PATIENCE;
use super::coturn::Coturn;

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
pub(crate) struct Client {
    pub(crate) allocation: Allocation,
    credentials: Credentials,
    wire: Wire,
    pub(crate) events: Vec<AllocationEvent>,
    pub(crate) received: Vec<(SocketAddr, Vec<u8>)>,
    /// Lengths of the prefixes that were used, each once, in order.
    pub(crate) prefixes: Vec<usize>,
}

impl Client {
    pub(crate) fn new(
        server: &Coturn,
        leg: Leg,
        families: Families,
        credentials: Credentials,
    ) -> Client {
        let now = Instant::now();
        let config = allocation_config(7, now, leg, server.address, families, credentials.clone());
        let allocation = Allocation::new(now, config);
        let wire = Wire::connect(leg, server.address);
        let (events, received, prefixes) = Default::default();
        Client { allocation, credentials, wire, events, received, prefixes }
    }

    /// What a NAT does that forgets: the server sees another port.
    pub(crate) fn change_port(&mut self, server: &Coturn) {
        self.wire = Wire::connect(Leg::Datagram, server.address);
    }

    /// Another client behind the same socket, that knows nothing of the first.
    pub(crate) fn restart(&mut self) {
        let (now, server) = (Instant::now(), self.allocation.server());
        let credentials = self.credentials.clone();
        let config = allocation_config(8, now, Leg::Datagram, server, Families::V4, credentials);
        self.allocation = Allocation::new(now, config);
        self.events.clear();
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn(end);
        }
    }

    pub(crate) fn run_until(&mut self, what: &str, is_done: impl Fn(&Client) -> bool) {
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

    pub(crate) fn send(&mut self, peer: SocketAddr, payload: &[u8]) -> bool {
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
    pub(crate) fn meet(&mut self, peer: &Peer) {
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
pub(crate) struct Peer(UdpSocket);

impl Peer {
    pub(crate) fn new(address: &str) -> Peer {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        Peer(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) fn take(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut buffer = [0; 2048];
        let receive =
            || self.0.recv_from(&mut buffer).ok().map(|(len, from)| (from, buffer[..len].to_vec()));
        std::iter::from_fn(receive).collect()
    }
}
