//! A link in user space: a UDP port that leads to a server over a bottleneck.
//!
//! What a client sends to the port goes to the server from a socket of that client's own, after a delay. What the
//! server sends back waits in a queue before a link of so many bits per second, which drops what would wait too long,
//! may lose a share at random, and then takes the same delay. The kernel of many test machines has no `sch_netem`.

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// IPv4 and UDP, which the link carries too.
const HEADER_BYTES: u64 = 28;
/// Clients at once; more are not served.
const CLIENTS_MAX: usize = 16;
const DATAGRAM_MAX: usize = 2048;

/// What the link is like.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Bits per second from the server to the clients, all of them together.
    pub rate: u64,
    /// How long its queue gets before it drops.
    pub queue: Duration,
    /// Each way.
    pub delay: Duration,
    /// Of a hundred datagrams to the clients.
    pub loss_percent: f64,
}

/// What went over the link since it began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Carried {
    /// Bytes to the clients, with headers.
    pub bytes: u64,
    /// Datagrams dropped at the queue.
    pub dropped: u64,
    /// Datagrams lost at random.
    pub lost: u64,
}

/// A link at work; [`Shaper::turn`] is to be called about every millisecond.
pub struct Shaper {
    /// What it is like now; may be changed at any time.
    pub link: Link,
    /// What it has done.
    pub carried: Carried,
    front: UdpSocket,
    server: SocketAddr,
    clients: BTreeMap<SocketAddr, UdpSocket>,
    up: VecDeque<(Instant, SocketAddr, Vec<u8>)>,
    down: VecDeque<(Instant, SocketAddr, Vec<u8>)>,
    /// When the link has sent all that is in its queue.
    free_at: Instant,
    random: fastrand::Rng,
}

impl Shaper {
    /// Binds a port of loopback that leads to `server`. `seed` decides what is lost.
    ///
    /// # Errors
    /// The system gives no socket.
    pub fn new(server: SocketAddr, link: Link, seed: u64) -> Result<Shaper> {
        Ok(Shaper {
            link,
            carried: Carried::default(),
            front: socket()?,
            server,
            clients: BTreeMap::new(),
            up: VecDeque::new(),
            down: VecDeque::new(),
            free_at: Instant::now(),
            random: fastrand::Rng::with_seed(seed),
        })
    }

    /// Where clients send to.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.front.local_addr()?)
    }

    /// Takes what has come, and hands on what is due.
    ///
    /// # Errors
    /// A socket fails otherwise than by having nothing.
    pub fn turn(&mut self, now: Instant) -> Result<()> {
        let mut buffer = [0; DATAGRAM_MAX];
        while let Some((length, client)) = receive(&self.front, &mut buffer)? {
            self.up.push_back((now + self.link.delay, client, buffer[..length].to_vec()));
        }
        for client in self.clients.keys().copied().collect::<Vec<_>>() {
            while let Some((length, _)) = receive(&self.clients[&client], &mut buffer)? {
                self.enqueue(now, client, &buffer[..length]);
            }
        }
        while let Some((_, client, bytes)) = due(&mut self.up, now) {
            let known = self.clients.contains_key(&client);
            if !known && self.clients.len() >= CLIENTS_MAX {
                continue;
            }
            if !known {
                self.clients.insert(client, socket()?);
            }
            // A server that has ended refuses; that is its own affair.
            let _ = self.clients[&client].send_to(&bytes, self.server);
        }
        while let Some((_, client, bytes)) = due(&mut self.down, now) {
            let _ = self.front.send_to(&bytes, client);
        }
        Ok(())
    }

    fn enqueue(&mut self, now: Instant, client: SocketAddr, bytes: &[u8]) {
        let begins = self.free_at.max(now);
        if begins - now > self.link.queue {
            self.carried.dropped += 1;
            return;
        }
        let size = bytes.len() as u64 + HEADER_BYTES;
        self.free_at = begins + Duration::from_micros(size * 8 * 1_000_000 / self.link.rate.max(1));
        self.carried.bytes += size;
        if self.random.f64() * 100.0 < self.link.loss_percent {
            self.carried.lost += 1;
            return;
        }
        self.down.push_back((self.free_at + self.link.delay, client, bytes.to_vec()));
    }
}

fn due<T>(
    queue: &mut VecDeque<(Instant, SocketAddr, T)>,
    now: Instant,
) -> Option<(Instant, SocketAddr, T)> {
    let is_due = queue.front().is_some_and(|(at, ..)| *at <= now);
    is_due.then(|| queue.pop_front()).flatten()
}

fn socket() -> Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0").context("a socket of loopback")?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Result<Option<(usize, SocketAddr)>> {
    match socket.recv_from(buffer) {
        Ok(received) => Ok(Some(received)),
        // What an earlier datagram met where nobody listens any more.
        Err(error)
            if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
