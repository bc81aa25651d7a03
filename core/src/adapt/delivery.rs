//! How much leaves, and how much arrives.
//!
//! While a queue stands before the slowest link, what arrives is what that link takes, whatever we send
//! (as BBR's delivery rate, draft-cardwell-iccrg-bbr-congestion-control §4.5.2).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Sendings closer together count as one.
const GRAIN: Duration = Duration::from_millis(5);
/// How far back is remembered: a long round trip, and the time that is measured over.
const MEMORY: Duration = Duration::from_millis(1_500);
/// What is measured over: longer shows what was, shorter shows bursts.
const SPAN_MIN: Duration = Duration::from_millis(120);
const SPAN_MAX: Duration = Duration::from_millis(400);

/// What a burst is looked for in.
const BURST_SPAN: Duration = Duration::from_millis(100);
/// What is measured over where no queue stands: some fifteen frames.
const LATE_SPAN: Duration = Duration::from_millis(500);

/// Bits sent, and bits that arrived, over the last while.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery {
    total: u64,
    sent: VecDeque<(Instant, u64)>,
    arrived: VecDeque<(Instant, u64)>,
}

impl Delivery {
    /// Bits left for the viewer.
    pub(crate) fn on_sent(&mut self, now: Instant, bits: u64) {
        self.total += bits;
        match self.sent.back_mut() {
            Some((at, total)) if now < *at + GRAIN => *total = self.total,
            _ => {
                forget(&mut self.sent, now);
                self.sent.push_back((now, self.total));
            }
        }
    }

    /// Whether what left in the tenth of a second before was half more than the rate: a keyframe.
    pub(crate) fn is_burst(&self, then: Instant, rate: u64) -> bool {
        let from = then.checked_sub(BURST_SPAN).map_or(0, |from| self.sent_until(from));
        let bits = self.sent_until(then) - from;
        bits > rate * BURST_SPAN.as_millis() as u64 * 3 / 2_000
    }

    /// Bits that left until then.
    pub(super) fn sent_until(&self, then: Instant) -> u64 {
        self.sent.iter().rev().find(|(sent, _)| *sent <= then).map_or(0, |(_, total)| *total)
    }

    /// Bits that have arrived, up to a packet that arrived then.
    pub(crate) fn on_arrived(&mut self, at: Instant, bits: u64) {
        forget(&mut self.arrived, at);
        // Packets that changed their order.
        if self.arrived.back().is_none_or(|(last, _)| *last <= at) {
            self.arrived.push_back((at, bits));
        }
    }

    /// Bits per second that arrived since that moment, or of late where that is more: what was sent
    /// last may be all that filled the path. `None`: it is too short ago to say.
    pub(crate) fn rate_since(&self, since: Instant) -> Option<u64> {
        let (now, _) = *self.arrived.back()?;
        let since = since.max(now.checked_sub(SPAN_MAX)?);
        let late = since.max(now.checked_sub(SPAN_MIN * 5 / 4)?);
        self.rate_from(since)?.max(self.rate_from(late).unwrap_or(0)).into()
    }

    /// Bits per second that arrived over the last half second, large frames and small ones. `None`: it is
    /// not known for so long.
    pub(crate) fn rate_of_late(&self) -> Option<u64> {
        let (now, _) = *self.arrived.back()?;
        let since = now.checked_sub(LATE_SPAN)?;
        let (first, _) = *self.arrived.front()?;
        (first <= since).then(|| self.rate_from(since)).flatten()
    }

    fn rate_from(&self, since: Instant) -> Option<u64> {
        let (now, total) = *self.arrived.back()?;
        let (then, before) = *self.arrived.iter().find(|(at, _)| *at >= since)?;
        let micros = u64::try_from((now - then).as_micros()).ok()?;
        let arrived = total.saturating_sub(before);
        (now - then >= SPAN_MIN).then(|| arrived * 1_000_000 / micros.max(1))
    }
}

fn forget(history: &mut VecDeque<(Instant, u64)>, now: Instant) {
    while history.front().is_some_and(|(at, _)| *at + MEMORY < now) {
        history.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 kbit each 10 ms for a second, told each 50 ms.
    fn steady() -> (Delivery, Instant, Instant) {
        let start = crate::test_clock();
        let mut delivery = Delivery::default();
        let mut now = start;
        for step in 0..100 {
            now = start + Duration::from_millis(step * 10);
            if step % 5 == 0 {
                delivery.on_arrived(now, step * 10_000);
            }
        }
        (delivery, start, now)
    }

    #[test]
    fn what_arrived_is_known_to_the_bit() {
        let (mut delivery, start, now) = steady();
        let since = start + Duration::from_millis(500);
        assert_eq!(delivery.rate_since(since), Some(1_000_000));

        delivery.on_arrived(now - Duration::from_millis(100), 5_000_000);
        assert_eq!(delivery.rate_since(since), Some(1_000_000), "later in the row than in time");
    }

    #[test]
    fn too_short_a_time_says_nothing() {
        let (delivery, _, end) = steady();
        assert_eq!(delivery.rate_since(end - Duration::from_millis(100)), None);
        assert_eq!(Delivery::default().rate_since(end), None);
    }

    #[test]
    fn it_keeps_no_more_than_its_memory() {
        let start = crate::test_clock();
        let mut delivery = Delivery::default();
        for ms in 0..20_000 {
            delivery.on_sent(start + Duration::from_millis(ms), 1);
        }
        assert!(delivery.sent.len() <= 302, "{} entries", delivery.sent.len());
    }
}
