//! What STUN servers, and those who pretend to be one, may say to NAT discovery.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pinhole_core::Seed;
use pinhole_core::stun::{
    Discovery, DiscoveryConfig, LifetimeConfig, LifetimeDiscovery, ProbeTransmit, SocketId,
};

use crate::discovery::Discoverer;
use crate::stun::response;

/// Steps taken from one input; more are ignored.
const STEPS_MAX: usize = 256;
/// Turns until a machine that nobody answers any more must have reported.
const TURNS_MAX: usize = 1000;
/// Requests that can be answered: the last ones.
const REQUESTS_KEPT: usize = 8;

/// Who speaks: two servers that are asked, their usual other addresses, and a stranger.
const SPEAKERS: [&str; 6] = [
    "192.0.2.1:3478",
    "198.51.100.1:3478",
    "192.0.2.2:3479",
    "192.0.2.1:3479",
    "192.0.2.2:3478",
    "203.0.113.66:666",
];

/// Both machines hear the input; whatever it is, they send little, to addresses that exist, and report once.
///
/// A step is a byte: its lowest two bits say what it is (0: time passes, by the next byte in units of 50 ms; 1: a
/// message as it is; 2: a success and 3: an error, whose attributes follow), then two bits for the socket, three for
/// the speaker. A message has a byte for its length, and a success or error one before for the request it answers.
pub fn nat_discovery(data: &[u8]) {
    let start = Instant::now();
    let server = |index: usize| SPEAKERS[index].parse().expect("a literal address");
    let (local, servers) = (SocketAddr::from(([192, 168, 1, 5], 4000)), vec![server(0), server(1)]);
    let config = DiscoveryConfig { seed: Seed::new([1; 32]), local, servers };
    let discovery = Discovery::new(start, config).expect("two servers of the right family");
    let (longest, budget) = (Duration::from_secs(60), Duration::from_secs(120));
    let config = LifetimeConfig { seed: Seed::new([2; 32]), server: server(0), longest, budget };
    let lifetime = LifetimeDiscovery::new(start, &config);

    Heard::new(discovery, start, DISCOVERY_SENT_MAX).hear(data, Discovery::LONGEST);
    Heard::new(lifetime, start, LIFETIME_SENT_MAX).hear(data, budget);
}

/// Datagrams that discovery may send: ten tests of six transmissions.
const DISCOVERY_SENT_MAX: usize = 60;
/// Datagrams that the lifetime run may send: as many rounds as a server that answers at once can drive.
const LIFETIME_SENT_MAX: usize = 400;

/// A machine and what it has said.
struct Heard<M> {
    machine: M,
    start: Instant,
    now: Instant,
    speakers: [SocketAddr; 6],
    requests: Vec<Vec<u8>>,
    sent: usize,
    sent_max: usize,
    reports: usize,
}

impl<M: Discoverer> Heard<M> {
    fn new(machine: M, start: Instant, sent_max: usize) -> Heard<M> {
        let speakers = SPEAKERS.map(|speaker| speaker.parse().expect("a literal address"));
        let requests = Vec::new();
        let now = start;
        Heard { machine, start, now, speakers, requests, sent: 0, sent_max, reports: 0 }
    }

    fn hear(&mut self, data: &[u8], limit: Duration) {
        self.machine.handle_timeout(self.now);
        self.drain();
        let mut rest = data.iter().copied();
        for _ in 0..STEPS_MAX {
            if self.step(&mut rest).is_none() {
                break;
            }
            self.drain();
        }
        let end = self.now.max(self.start + limit);
        for _ in 0..TURNS_MAX {
            let Some(due) = self.machine.poll_timeout() else { break };
            self.now = due.max(self.now);
            self.machine.handle_timeout(self.now);
            self.drain();
        }
        assert_eq!((self.reports, self.machine.poll_timeout()), (1, None));
        assert!(self.now <= end, "late by {:?}", self.now - end);
    }

    fn step(&mut self, data: &mut impl Iterator<Item = u8>) -> Option<()> {
        let (head, next) = (data.next()?, data.next()?);
        let socket = SocketId::ALL[usize::from(head >> 2 & 3) % SocketId::ALL.len()];
        let from = self.speakers[usize::from(head >> 4 & 7) % self.speakers.len()];
        let payload = match head & 3 {
            0 => {
                self.now += Duration::from_millis(50) * u32::from(next);
                self.machine.handle_timeout(self.now);
                return Some(());
            }
            1 => data.take(next.into()).collect(),
            class => {
                let length = data.next()?;
                let attributes: Vec<u8> = data.take(length.into()).collect();
                let index = usize::from(next) % self.requests.len().max(1);
                let kind = if class == 2 { 0x0101 } else { 0x0111 };
                response(kind, self.requests.get(index)?, &attributes)
            }
        };
        let before = self.machine.poll_timeout();
        if self.machine.handle_datagram(self.now, socket, from, &payload).is_err() {
            assert_eq!(self.machine.poll_timeout(), before, "a dropped datagram changed something");
        }
        Some(())
    }

    fn drain(&mut self) {
        let mut buffer = [0; Discovery::TRANSMIT_BYTES_MAX];
        while let Some(transmit) = self.machine.poll_transmit(&mut buffer) {
            let ProbeTransmit { destination, length, .. } = transmit;
            assert!((20..=buffer.len()).contains(&length), "{transmit:?}");
            assert!(destination.is_ipv4() && destination.port() != 0, "{transmit:?}");
            assert!(!destination.ip().is_unspecified() && !destination.ip().is_multicast());
            self.sent += 1;
            assert!(self.sent <= self.sent_max, "{} datagrams", self.sent);
            self.requests.insert(0, buffer[..length].to_vec());
            self.requests.truncate(REQUESTS_KEPT);
        }
        self.reports += usize::from(self.machine.poll_event().is_some());
    }
}
