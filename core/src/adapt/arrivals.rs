//! What arrived, and when, from transport-wide feedback: the way there alone, and not how long the viewer kept
//! it to itself or how it came back.
//!
//! The viewer's clock has no relation to ours: its arrivals are put on ours so that the first was told of the
//! moment it came. What a delay is by itself says nothing therefore; what it is above its least is a queue.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Ticks of the viewer's clock, microseconds: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.
const TICK_MICROS: i64 = 250;
/// For how long it is waited for news of a packet.
const MEMORY: Duration = Duration::from_secs(2);
/// Packets waited for, whatever leaves.
const FLYING_MAX: usize = 2_048;

/// The newest packet that a feedback tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// When it arrived, by our clock and a constant.
    pub(crate) at: Instant,
    /// From its leaving to `at`.
    pub(crate) delay: Duration,
    /// Bits that have arrived, up to this packet.
    pub(crate) bits: u64,
}

/// A packet that left.
#[derive(Debug, Clone, Copy)]
struct Packet {
    left: Instant,
    /// `None`: it arrived.
    bits: Option<u32>,
}

/// Packets on their way, and the clock of who gets them.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    /// In the order of their numbers, without a gap up to `next`.
    flying: VecDeque<Packet>,
    /// Of the next packet; numbers go on where 16 bits end.
    next: u64,
    bits: u64,
    /// A moment by our clock, and the same by the viewer's, whose ticks have 32 bits.
    origin: Option<(Instant, u32)>,
    latest: Option<Arrival>,
}

impl Default for Arrivals {
    fn default() -> Arrivals {
        let (flying, next) = (VecDeque::new(), 1 << 16);
        Arrivals { flying, next, bits: 0, origin: None, latest: None }
    }
}

impl Arrivals {
    /// A packet with that number left, and so many bits of it count.
    pub(crate) fn on_left(&mut self, now: Instant, sequence: u16, bits: u32) {
        let number = extend(self.next, sequence);
        if number != self.next {
            self.flying.clear();
        }
        self.next = number + 1;
        self.flying.push_back(Packet { left: now, bits: Some(bits) });
        let is_over = |packet: &Packet| packet.bits.is_none() || packet.left + MEMORY < now;
        while self.flying.len() > FLYING_MAX || self.flying.front().is_some_and(is_over) {
            self.flying.pop_front();
        }
    }

    /// A feedback came, of packets by their numbers that arrived at these ticks.
    pub(crate) fn on_feedback(&mut self, now: Instant, arrived: impl Iterator<Item = (u16, u32)>) {
        let first = self.next - self.flying.len() as u64;
        let mut newest = None;
        for (sequence, ticks) in arrived {
            let index = extend(self.next, sequence).checked_sub(first);
            let index = index.and_then(|index| usize::try_from(index).ok());
            let packet = index.and_then(|index| self.flying.get_mut(index));
            // What was told before says nothing new.
            let Some((left, bits)) = packet.and_then(|it| Some((it.left, it.bits.take()?))) else {
                continue;
            };
            self.bits += u64::from(bits);
            newest = Some((left, ticks));
        }
        let Some((left, ticks)) = newest else { return };
        let (then, before) = *self.origin.get_or_insert((now, ticks));
        let micros = i64::from(ticks.wrapping_sub(before) as i32) * TICK_MICROS;
        let distance = Duration::from_micros(micros.unsigned_abs());
        let at = if micros < 0 { then.checked_sub(distance) } else { then.checked_add(distance) };
        // Nothing arrives before it left, or after it was told of: clocks go apart, and slowly.
        let at = at.unwrap_or(now).clamp(left.min(now), now);
        self.origin = Some((at, ticks));
        let delay = at.saturating_duration_since(left);
        self.latest = Some(Arrival { at, delay, bits: self.bits });
    }

    /// Of the newest feedback.
    pub(crate) fn latest(&self) -> Option<Arrival> {
        self.latest
    }
}

/// The number with these last 16 bits that is nearest to `near`.
fn extend(near: u64, sequence: u16) -> u64 {
    let ahead = sequence.wrapping_sub(near as u16) as i16;
    near.saturating_add_signed(i64::from(ahead))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Takes a feedback of a packet that arrived so many ms after the viewer's clock began, and came `now`.
    fn hear(arrivals: &mut Arrivals, now: Instant, sequence: u16, ms: u32) -> Option<Duration> {
        arrivals.on_feedback(now, std::iter::once((sequence, ms * 4)));
        arrivals.latest().map(|it| it.delay)
    }

    #[test]
    fn a_delay_is_that_of_the_way_there_whenever_it_is_told() {
        let start = crate::test_clock();
        let mut arrivals = Arrivals::default();
        for sequence in 0..100_u16 {
            arrivals.on_left(
                start + MS * 10 * u32::from(sequence),
                sequence.wrapping_add(65_500),
                800,
            );
        }

        let told = |arrivals: &mut Arrivals, ms, packet: u16, arrived| {
            hear(arrivals, start + MS * ms, packet.wrapping_add(65_500), 5_000_000_u32 + arrived)
        };
        assert_eq!(told(&mut arrivals, 30, 0, 20), Some(MS * 30), "20, and told 10 later");
        assert_eq!(told(&mut arrivals, 400, 10, 120), Some(MS * 30), "the same, told 280 later");
        assert_eq!(told(&mut arrivals, 700, 50, 570), Some(MS * 80), "a queue of 50 ms");
        let latest = arrivals.latest().unwrap();
        assert_eq!((latest.at, latest.bits), (start + MS * 580, 3 * 800));
        assert_eq!(told(&mut arrivals, 800, 10, 120), Some(MS * 80), "told before");
        assert_eq!(arrivals.latest(), Some(latest));
    }

    #[test]
    fn clocks_that_go_apart_are_followed() {
        let start = crate::test_clock();
        for drift in [-1_i64, 1] {
            let mut arrivals = Arrivals::default();
            for second in 0..600_u32 {
                let now = start + MS * 1_000 * second;
                arrivals.on_left(now, second as u16, 800);
                // A millisecond each second, a thousand times what crystals do.
                let arrived =
                    1_000_000 + 1_000 * i64::from(second) + 20 + drift * i64::from(second);
                let delay = hear(&mut arrivals, now + MS * 40, second as u16, arrived as u32);
                assert!(delay.unwrap() <= MS * 40, "{delay:?} at {second} s");
            }
        }
    }

    #[test]
    fn what_never_left_says_nothing_and_memory_is_bounded() {
        let start = crate::test_clock();
        let mut arrivals = Arrivals::default();
        assert_eq!(hear(&mut arrivals, start, 7, 10), None);
        for packet in 0..100_000_u32 {
            arrivals.on_left(start + MS * packet / 2, packet as u16, 800);
            assert!(arrivals.flying.len() <= FLYING_MAX);
        }
        let now = start + MS * 50_000;
        assert_eq!(hear(&mut arrivals, now, 40_000, 10), None, "it has yet to leave");
        assert_eq!(hear(&mut arrivals, now, (100_000_u32 - 5_000) as u16, 10), None, "long ago");
        assert!(hear(&mut arrivals, now, (100_000_u32 - 100) as u16, 10).is_some());
    }
}
