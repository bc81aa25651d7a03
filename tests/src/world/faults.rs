//! What links do to packets: loss one by one and in bursts, copies, lateness, bits that flip, a
//! largest size, and a rate with a queue before it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What every link of the Internet does to packets. Shares are of packets, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faults {
    /// Lost, each by itself.
    pub loss: f64,
    /// Lost together with those of the next moments, of all senders: up to [`BURST_PACKETS_MAX`].
    pub bursts: f64,
    /// Come twice.
    pub duplicates: f64,
    /// Come later by up to 20 ms, behind those sent after them.
    pub late: f64,
    /// Come with one bit turned, and pass a checksum that does not see it.
    pub corrupt: f64,
    /// UDP payloads of more bytes than this are lost without a word.
    pub bytes_max: usize,
    /// Kilobits per second that each sender's link carries; what waits longer than
    /// [`QUEUE_MAX`] is lost.
    pub kbit_per_s: Option<u32>,
}

/// Packets that one burst takes at most.
pub const BURST_PACKETS_MAX: u32 = 12;
/// The longest that a packet waits for its link.
pub const QUEUE_MAX: Duration = Duration::from_millis(150);
/// The most that a late packet comes later.
const LATE_MS_MAX: u64 = 20;
/// IPv4 and UDP headers, which a link carries too.
const HEADER_BYTES: usize = 28;

impl Faults {
    /// A network as it should be.
    pub const NONE: Faults = Faults {
        loss: 0.0,
        bursts: 0.0,
        duplicates: 0.0,
        late: 0.0,
        corrupt: 0.0,
        bytes_max: usize::MAX,
        kbit_per_s: None,
    };
}

/// The links, with what they remember.
#[derive(Debug)]
pub(super) struct Links {
    rng: fastrand::Rng,
    burst_left: u32,
    free_at: BTreeMap<IpAddr, Instant>,
}

impl Links {
    pub(super) fn new(seed: u64) -> Links {
        let rng = fastrand::Rng::with_seed(seed);
        Links { rng, burst_left: 0, free_at: BTreeMap::new() }
    }

    /// What becomes of a packet: how much later than usual each of its copies comes. No copy: it is
    /// lost.
    pub(super) fn carry(
        &mut self,
        now: Instant,
        faults: &Faults,
        from: IpAddr,
        bytes: &mut [u8],
    ) -> Vec<Duration> {
        if bytes.len() > faults.bytes_max || self.is_lost(faults) {
            return Vec::new();
        }
        let Some(queued) = self.queue(now, faults, from, bytes.len()) else { return Vec::new() };
        if self.draws(faults.corrupt) && !bytes.is_empty() {
            let bit = self.rng.usize(..bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        let mut copies = vec![queued + self.lateness(faults.late)];
        if self.draws(faults.duplicates) {
            copies.push(queued + self.lateness(1.0));
        }
        copies
    }

    fn is_lost(&mut self, faults: &Faults) -> bool {
        if self.burst_left > 0 && faults.bursts > 0.0 {
            self.burst_left -= 1;
            return true;
        }
        if self.draws(faults.bursts) {
            self.burst_left = self.rng.u32(1..BURST_PACKETS_MAX);
            return true;
        }
        self.draws(faults.loss)
    }

    /// How long the packet waits for its sender's link; `None`: the queue is full.
    fn queue(
        &mut self,
        now: Instant,
        faults: &Faults,
        from: IpAddr,
        len: usize,
    ) -> Option<Duration> {
        let Some(rate) = faults.kbit_per_s else { return Some(Duration::ZERO) };
        let free_at = self.free_at.entry(from).or_insert(now);
        let waits = free_at.saturating_duration_since(now);
        if waits > QUEUE_MAX {
            return None;
        }
        let bits = (len + HEADER_BYTES) as u64 * 8;
        let takes = Duration::from_nanos(bits * 1_000_000 / u64::from(rate));
        *free_at = (*free_at).max(now) + takes;
        Some(waits + takes)
    }

    fn lateness(&mut self, share: f64) -> Duration {
        match self.draws(share) {
            true => Duration::from_micros(self.rng.u64(0..LATE_MS_MAX * 1_000)),
            false => Duration::ZERO,
        }
    }

    fn draws(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.f64() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn carry(faults: &Faults, packets: usize, bytes: usize) -> Vec<Vec<Duration>> {
        let now = Instant::now();
        let mut links = Links::new(7);
        (0..packets).map(|_| links.carry(now, faults, FROM, &mut vec![0; bytes])).collect()
    }

    #[test]
    fn a_network_as_it_should_be_carries_all_at_once() {
        assert!(carry(&Faults::NONE, 1_000, 100).iter().all(|all| all == &[Duration::ZERO]));
    }

    #[test]
    fn bursts_take_neighbours() {
        let faults = Faults { bursts: 0.02, ..Faults::NONE };
        let lost: Vec<bool> = carry(&faults, 20_000, 100).iter().map(Vec::is_empty).collect();
        let share = lost.iter().filter(|lost| **lost).count() as f64 / 20_000.0;
        let neighbours = lost.windows(2).filter(|pair| pair[0] && pair[1]).count() as f64;
        assert!((0.08..0.18).contains(&share), "{share}");
        assert!(neighbours / 20_000.0 > share * 0.7, "{neighbours}");
    }

    #[test]
    fn a_link_has_a_rate_and_a_queue() {
        // 972 + 28 bytes are 8000 bits: 8 ms each at 1 Mbit/s.
        let faults = Faults { kbit_per_s: Some(1_000), ..Faults::NONE };
        let carried = carry(&faults, 40, 972);
        assert_eq!(carried[2], [Duration::from_millis(24)]);
        assert!(carried[19..].iter().all(Vec::is_empty), "the queue is full after 150 ms");
        assert!(!carried[18].is_empty());
    }

    #[test]
    fn what_is_too_large_or_turned_is_so_by_its_fault_only() {
        let small = Faults { bytes_max: 99, ..Faults::NONE };
        assert!(carry(&small, 10, 100).iter().all(Vec::is_empty));
        assert!(!carry(&small, 10, 99).iter().any(Vec::is_empty));
        let mut bytes = [0; 40];
        let corrupt = Faults { corrupt: 1.0, ..Faults::NONE };
        Links::new(1).carry(Instant::now(), &corrupt, FROM, &mut bytes);
        assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    }
}
