//! What one viewer's path takes: the kernel.
//!
//! The estimate that str0m makes is an upper bound here. By itself it is late where a link becomes
//! slower (the queue before it is full within 150 ms, and the estimate falls after half a second or
//! more), and where a link stays as it is it climbs by 8 % a second until the queue overflows, and
//! starts over. So the round trip that transport-wide feedback brings is looked at as well, in the
//! way of delay-based congestion control (Vegas, LEDBAT: RFC 6817 §2.4): what it is above its least is
//! a queue. A queue that stands cuts the rate at once, and the rate at which it began to stand, the
//! *knee*, is kept below for a while.

use std::time::{Duration, Instant};

use super::delivery::Delivery;
use super::rtt_floor::RttFloor;

/// A path that is first looked at is looked at again after this.
pub(crate) const REPORT_INTERVAL: Duration = Duration::from_millis(50);

/// A queue that is no accident: frames leave in bursts, and probes are bursts too.
const QUEUE_STANDS: Duration = Duration::from_millis(40);
/// For how long it must be seen.
const STANDS_FOR: Duration = Duration::from_millis(150);
/// A queue that needs no second look.
const QUEUE_DEEP: Duration = Duration::from_millis(90);
/// Below this the path is clear.
const QUEUE_CLEAR: Duration = Duration::from_millis(20);
/// What a queue must lose from one report to the next to count as draining.
const DRAINS: Duration = Duration::from_millis(4);

/// What is left of the capacity for the stream while a queue drains, in percent.
const DRAIN_PERCENT: u64 = 80;
/// A rate at this part of the capacity drains a queue, however slowly.
const DRAINING_PERCENT: u64 = 90;
/// A cut shows in the round trip a round trip later, and this.
const CUT_SHOWS_AFTER: Duration = Duration::from_millis(100);
/// What is left of the rate where it cannot be told how much arrives, in percent.
const BLIND_PERCENT: u64 = 60;

/// How far below the knee the rate stays, in percent of it.
const KNEE_PERCENT: u64 = 95;
/// And how long, before it is looked whether the path takes more by now.
const KNEE_HOLDS: Duration = Duration::from_secs(8);
/// An estimate that rises by this much at once was measured by a probe: the knee is history.
const PROVED_PERCENT: u64 = 125;

/// How fast the rate rises on a clear path that takes more for all that is known, in thousandths of it
/// a second.
const RISE_PERMILLE: u64 = 1_500;
/// Beyond a knee that has held its time.
const CREEP_PERMILLE: u64 = 60;
/// Rises for this long at a time at most: a path that was not heard of meanwhile is not known.
const RISE_TIME_MAX: Duration = Duration::from_millis(250);

/// How often it is looked for more than the path is known to take.
const PROBE_EVERY: Duration = Duration::from_secs(4);

/// What part of the estimate the encoder is given, in percent: the rest is for retransmissions, and
/// for an encoder that overshoots for a frame or two.
const SHARE_PERCENT: u64 = 95;

/// What is known of a path at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PathReport {
    /// str0m's estimate, bits per second without RTP headers.
    pub(crate) estimate: u64,
    /// The round trip of the last packet that feedback came for.
    pub(crate) rtt: Option<Duration>,
    /// When that feedback came.
    pub(crate) heard: Instant,
}

/// A path, and what it is thought to take.
#[derive(Debug, Clone)]
pub(crate) struct PathRate {
    ceiling: u64,
    rate: u64,
    estimate: Option<u64>,
    floor: RttFloor,
    delivery: Delivery,
    rtt: Option<Duration>,
    /// The last queue that was seen.
    queue: Option<Duration>,
    /// Since when the path is not clear.
    busy: Option<Instant>,
    /// Since when a queue stands.
    stands: Option<Instant>,
    cut_at: Option<Instant>,
    risen_at: Option<Instant>,
    knee: Option<Knee>,
    probed_at: Option<Instant>,
}

/// What the path took when a queue stood.
#[derive(Debug, Clone, Copy)]
struct Knee {
    rate: u64,
    seen: Instant,
}

impl Knee {
    /// Each measuring is off by a fifth; a link that is the same is measured better by two of them.
    fn with(self, rate: u64) -> u64 {
        let is_same = rate.abs_diff(self.rate) < self.rate / 4;
        if is_same { u64::midpoint(rate, self.rate) } else { rate }
    }
}

impl PathRate {
    /// A path that nothing is known of takes all.
    pub(crate) fn new(ceiling: u64) -> PathRate {
        PathRate {
            ceiling,
            rate: ceiling,
            estimate: None,
            floor: RttFloor::default(),
            delivery: Delivery::default(),
            rtt: None,
            queue: None,
            busy: None,
            stands: None,
            cut_at: None,
            risen_at: None,
            knee: None,
            probed_at: None,
        }
    }

    /// Bits of video per second.
    pub(crate) fn rate(&self) -> u64 {
        self.rate
    }

    /// Bits of media left for the viewer.
    pub(crate) fn on_sent(&mut self, now: Instant, bits: u64) {
        self.delivery.on_sent(now, bits);
    }

    /// Takes a report.
    pub(crate) fn on_report(&mut self, now: Instant, report: PathReport) {
        let PathReport { estimate, rtt, heard } = report;
        let before = self.estimate.replace(estimate).unwrap_or(estimate);
        if estimate > before / 100 * PROVED_PERCENT {
            self.knee = None;
        }
        let bound = (estimate / 100 * SHARE_PERCENT).min(self.ceiling);
        // One that is the same to the nanosecond is of the same feedback.
        if let Some(rtt) = rtt.filter(|_| rtt != self.rtt) {
            self.rtt = Some(rtt);
            self.delivery.on_feedback(heard, rtt);
            let queue = self.floor.queue(now, rtt);
            self.on_queue(now, rtt, queue, bound);
        }
        self.rate = self.rate.min(bound);
    }

    fn on_queue(&mut self, now: Instant, rtt: Duration, queue: Duration, bound: u64) {
        let last = self.queue.replace(queue).unwrap_or(queue);
        self.stands = (queue >= QUEUE_STANDS).then(|| self.stands.unwrap_or(now));
        self.busy = (queue >= QUEUE_CLEAR).then(|| self.busy.unwrap_or(now));
        let drains = queue + DRAINS <= last;
        let stands = self.stands.is_some_and(|at| now >= at + STANDS_FOR);
        if !drains && (queue >= QUEUE_DEEP || stands) {
            self.cut(now, rtt, bound);
        } else if self.busy.is_none() {
            self.rise(now, bound);
        }
    }

    /// What str0m should look for, in bits per second: it sends probes of twice that where the stream
    /// leaves room, and looks at once where it is more than before.
    pub(crate) fn desired(&mut self, now: Instant) -> u64 {
        let usual = self.rate / 100 * 110;
        let is_calm = self.busy.is_none() && self.cut_at.is_none_or(|at| now >= at + PROBE_EVERY);
        let is_due = self.probed_at.is_none_or(|at| now >= at + PROBE_EVERY);
        if self.rate < self.ceiling && is_calm && is_due {
            self.probed_at = Some(now);
            return (self.rate * 2).min(self.ceiling / 2 * 3);
        }
        usual
    }

    fn cut(&mut self, now: Instant, rtt: Duration, bound: u64) {
        if self.cut_at.is_some_and(|at| now < at + rtt + CUT_SHOWS_AFTER) {
            return;
        }
        let rate = self.rate.min(bound);
        let arrives = self.busy.and_then(|since| self.delivery.rate_since(since));
        println!(
            "cut: arrives {arrives:?} rate {rate} bound {bound} rtt {rtt:?} queue {:?} busy {:?}",
            self.queue,
            self.busy.map(|b| now - b)
        );
        // It drains already, if not from one report to the next.
        if arrives.is_some_and(|arrives| rate < arrives / 100 * DRAINING_PERCENT) {
            return;
        }
        self.knee = arrives
            .map(|rate| Knee { rate: self.knee.map_or(rate, |knee| knee.with(rate)), seen: now });
        self.rate = arrives.map_or(rate / 100 * BLIND_PERCENT, |it| it / 100 * DRAIN_PERCENT);
        self.cut_at = Some(now);
    }

    fn rise(&mut self, now: Instant, bound: u64) {
        let time = self.risen_at.replace(now).map_or(Duration::ZERO, |before| now - before);
        let ms = time.min(RISE_TIME_MAX).as_millis() as u64;
        let step = |permille_a_second: u64| self.rate / 1_000 * permille_a_second * ms / 1_000;
        self.rate = match self.knee {
            Some(knee) if now < knee.seen + KNEE_HOLDS => {
                let most = bound.min(knee.rate / 100 * KNEE_PERCENT);
                (self.rate + step(RISE_PERMILLE)).min(most).max(self.rate)
            }
            Some(_) => self.rate + step(CREEP_PERMILLE),
            None => self.rate + step(RISE_PERMILLE),
        };
    }
}
