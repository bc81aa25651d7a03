//! The link between the server and one viewer: a rate with a queue before it, a delay each way, and one more back.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// On each datagram: IPv4 and UDP.
const HEADER_BYTES: u64 = 28;

type Way = VecDeque<(Instant, SocketAddr, Vec<u8>)>;

/// A slow link, downwards; upwards it has delays only.
pub struct Link {
    pub viewer: usize,
    /// Bits per second, with all headers.
    pub rate: u64,
    /// How long its queue may get; what would wait longer is lost.
    pub queue: Duration,
    /// Each way.
    pub delay: Duration,
    /// How much longer the way up takes, because others fill it.
    pub late: Duration,
    /// Bytes carried down, with all headers.
    pub carried: u64,
    /// Datagrams lost at the queue.
    pub lost: u64,
    /// Nothing passes, either way.
    pub cut: bool,
    /// When it has sent all that is in its queue.
    free_at: Option<Instant>,
    down: Way,
    up: Way,
}

impl Link {
    pub fn new(viewer: usize, rate: u64, queue: Duration) -> Link {
        Link {
            viewer,
            rate,
            queue,
            delay: Duration::ZERO,
            late: Duration::ZERO,
            carried: 0,
            lost: 0,
            cut: false,
            free_at: None,
            down: Way::new(),
            up: Way::new(),
        }
    }

    pub fn send_down(&mut self, now: Instant, source: SocketAddr, datagram: &[u8]) {
        if self.cut {
            return;
        }
        let begins = self.free_at.unwrap_or(now).max(now);
        if begins - now > self.queue {
            self.lost += 1;
            return;
        }
        let bytes = datagram.len() as u64 + HEADER_BYTES;
        let ends = begins + Duration::from_micros(bytes * 8 * 1_000_000 / self.rate);
        self.free_at = Some(ends);
        self.carried += bytes;
        self.down.push_back((ends + self.delay, source, datagram.to_vec()));
    }

    pub fn send_up(&mut self, now: Instant, destination: SocketAddr, datagram: &[u8]) {
        if self.cut {
            return;
        }
        let arrives = now + self.delay + self.late;
        let before = self.up.back().map_or(arrives, |(at, ..)| *at);
        self.up.push_back((arrives.max(before), destination, datagram.to_vec()));
    }

    pub fn poll_down(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        due(&mut self.down, now)
    }

    pub fn poll_up(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        due(&mut self.up, now)
    }
}

fn due(way: &mut Way, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
    let is_due = way.front().is_some_and(|(at, ..)| *at <= now);
    let (_, address, bytes) = is_due.then(|| way.pop_front()).flatten()?;
    Some((address, bytes))
}
