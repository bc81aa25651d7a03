//! How much arrives: what was sent a round trip ago has arrived by now.
//!
//! While a queue stands before the slowest link, this is what that link takes, whatever we send
//! (as in BBR's delivery rate, draft-cardwell-iccrg-bbr-congestion-control §4.5.2, here from three
//! numbers instead of one record a packet).

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

/// What str0m counts losses over.
const LOSS_SPAN: Duration = Duration::from_secs(1);

/// Bits sent, and bits that arrived, over the last while.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery {
    total: u64,
    sent: VecDeque<(Instant, u64)>,
    arrived: VecDeque<(Instant, u64)>,
    /// Bits of the last second that did not arrive.
    lost: u64,
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
        let until = |at: Instant| self.sent.iter().rev().find(|(sent, _)| *sent <= at);
        let from = then.checked_sub(BURST_SPAN).and_then(until).map_or(0, |(_, total)| *total);
        let bits = until(then).map_or(0, |(_, total)| *total) - from;
        bits > rate * BURST_SPAN.as_millis() as u64 * 3 / 2_000
    }

    /// Feedback came: what left a round trip ago has arrived, but for the part of the last second that
    /// was lost.
    pub(crate) fn on_feedback(&mut self, now: Instant, rtt: Duration, loss: f32) {
        let Some(then) = now.checked_sub(rtt) else { return };
        let total = self.sent.iter().rev().find(|(at, _)| *at <= then).map_or(0, |(_, it)| *it);
        forget(&mut self.arrived, now);
        self.arrived.push_back((now, total));
        let second = now.checked_sub(LOSS_SPAN);
        let then = self.arrived.iter().find(|(at, _)| second.is_none_or(|second| *at >= second));
        // A round trip that jumps up seems to go back in time.
        let recent = total.saturating_sub(then.map_or(total, |(_, before)| *before));
        self.lost = (recent as f64 * f64::from(loss.clamp(0.0, 1.0))) as u64;
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
        let arrived = total.saturating_sub(before).saturating_sub(self.lost);
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

    const RTT: Duration = Duration::from_millis(80);

    /// 10 kbit each 10 ms for that long, with feedback each 50 ms from a round trip on.
    fn steady(loss: f32) -> (Delivery, Instant, Instant) {
        let start = crate::test_clock();
        let mut delivery = Delivery::default();
        let mut now = start;
        for step in 0..100 {
            now = start + Duration::from_millis(step * 10);
            delivery.on_sent(now, 10_000);
            if step % 5 == 0 {
                delivery.on_feedback(now, RTT, loss);
            }
        }
        (delivery, start, now)
    }

    #[test]
    fn what_was_sent_a_round_trip_ago_has_arrived() {
        let (delivery, start, _) = steady(0.0);
        let rate = delivery.rate_since(start + Duration::from_millis(500)).unwrap();
        assert!((950_000..=1_050_000).contains(&rate), "{rate} bit/s of 1000000");
    }

    #[test]
    fn what_was_lost_in_the_last_second_has_not() {
        let (delivery, start, _) = steady(0.1);
        let rate = delivery.rate_since(start + Duration::from_millis(500)).unwrap();
        // A tenth of 0.9 s, all of it in the 0.4 s that are looked at.
        assert!((730_000..=800_000).contains(&rate), "{rate} bit/s");
    }

    #[test]
    fn too_short_a_time_says_nothing() {
        let (delivery, _, end) = steady(0.0);
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
