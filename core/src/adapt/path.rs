//! What one viewer's path takes: the kernel.
//!
//! The estimate that str0m makes is an upper bound here. By itself it is late where a link becomes
//! slower (the queue before it is full within 150 ms, and the estimate falls after half a second or
//! more), and where a link stays as it is it climbs by 8 % a second until the queue overflows, and
//! starts over. So the delay of the way there is looked at as well ([`super::arrivals`], as LEDBAT does,
//! RFC 6817 §2.4): what it is above its least is a queue. A queue that stands cuts the rate at once, and
//! the rate at which it began to stand, the *knee*, is kept below for a while.

use std::time::{Duration, Instant};

use super::arrivals::Arrival;
use super::cut_off::CutOff;
use super::delay_floor::DelayFloor;
use super::delivery::Delivery;
use super::knee::Knee;
use super::proved::Proved;
use super::report::{Advice, PathReport};

/// How often a path is looked at: str0m tells its statistics that often, with all the rest at hand.
pub(crate) const REPORT_INTERVAL: Duration = Duration::from_millis(50);

/// A queue that is no accident: frames leave in bursts, and probes are bursts too.
const QUEUE_STANDS: Duration = Duration::from_millis(60);
/// For how long it must be seen.
const STANDS_FOR: Duration = Duration::from_millis(150);
/// A queue that needs no second look.
const QUEUE_DEEP: Duration = Duration::from_millis(90);
/// A queue that grew by this much from one report to the next, to this much, and not because of a keyframe
/// of ours, may be of a link that fell: half is sent until the next reports tell. Not more often than that,
/// for paths whose delay jumps by itself.
const QUEUE_JUMPS: Duration = Duration::from_millis(45);
const QUEUE_JUMPS_TO: Duration = Duration::from_millis(65);
const CAUTION_TIME: Duration = Duration::from_millis(200);
const CAUTION_EVERY: Duration = Duration::from_secs(2);
/// Below this the path is clear.
const QUEUE_CLEAR: Duration = Duration::from_millis(30);
/// What a queue must lose from one report to the next to count as draining.
const DRAINS: Duration = Duration::from_millis(4);

/// What is left of the capacity for the stream while a queue drains, in percent. Much less would be
/// taken by str0m for what the path takes.
const DRAIN_PERCENT: u64 = 82;
/// A deep queue drains faster at first: this part, for this long.
const DRAIN_DEEP_PERCENT: u64 = 50;
const DRAIN_DEEP_TIME: Duration = Duration::from_millis(250);
/// Packets lost at a full queue, as a part of those of a second, that are not worth sending again: at
/// the rate that is left they would take as long as a keyframe several times over.
const LOST_MIN: f32 = 0.04;
/// For how long after a cut losses are those of the queue, and how often they are given up at most.
const LOSSES_SHOW_FOR: Duration = Duration::from_millis(700);
const GIVES_UP_EVERY: Duration = Duration::from_secs(2);
/// A queue that grew slowly is of a path that takes not much less than what was sent, in percent of it.
const SLOWLY_PERCENT: u64 = 90;
/// A rate at this part of the capacity drains a queue, however slowly.
const DRAINING_PERCENT: u64 = 90;
/// A cut shows in the delay a round trip later, and this.
const CUT_SHOWS_AFTER: Duration = Duration::from_millis(100);
/// Whoever was not heard for this long was cut off: what was lost meanwhile says nothing of a rate.
const CUT_OFF_MIN: Duration = Duration::from_millis(500);
/// By how much of the rate a queue may be said to have grown, in thousandths.
const EXCESS_PERMILLE: std::ops::RangeInclusive<u64> = 100..=650;
/// What one cut leaves of the rate at least, in percent: a measuring may be wrong.
const CUT_PERCENT_MIN: u64 = 60;

/// How far below the knee the rate stays, in percent of it.
const KNEE_PERCENT: u64 = 95;
/// And how long, before it is looked whether the path takes more by now.
const KNEE_HOLDS: Duration = Duration::from_secs(5);
/// How long it is remembered, for a queue of which nothing else can be told.
const KNEE_KNOWN: Duration = Duration::from_secs(10);

/// How fast the rate rises on a clear path that takes more for all that is known, in thousandths of it
/// a second.
const RISE_PERMILLE: u64 = 1_500;
/// Beyond a knee that has held its time.
const CREEP_PERMILLE: u64 = 80;
/// Rises for this long at a time at most: a path that was not heard of meanwhile is not known.
const RISE_TIME_MAX: Duration = Duration::from_millis(250);

/// How often it is looked for more than the path is known to take.
const PROBE_EVERY: Duration = Duration::from_secs(4);

/// What part of the estimate the encoder is given, in percent: the rest is for retransmissions, and
/// for an encoder that overshoots for a frame or two.
pub(super) const SHARE_PERCENT: u64 = 95;

/// A path, and what it is thought to take.
#[derive(Debug, Clone)]
pub(crate) struct PathRate {
    ceiling: u64,
    rate: u64,
    estimate: Option<u64>,
    floor: DelayFloor,
    delivery: Delivery,
    proved: Proved,
    heard: Option<Instant>,
    cut_off: Option<CutOff>,
    /// Whether there was nothing to send of late.
    paused: bool,
    arrival: Option<Arrival>,
    /// The last queue that was seen.
    queue: Option<Duration>,
    /// When the path was seen clear last, and its queue then.
    clear: Option<(Instant, Duration)>,
    /// Since when the path is not clear.
    busy: Option<Instant>,
    /// Since when a queue stands.
    stands: Option<Instant>,
    cut_at: Option<Instant>,
    cautious_at: Option<Instant>,
    /// When a deep queue has had its time to drain, and the rate from then on.
    resumes: Option<(Instant, u64)>,
    /// The losses when the path was clear last.
    usual_loss: f32,
    gave_up_at: Option<Instant>,
    risen_at: Option<Instant>,
    knee: Option<Knee>,
    probed_at: Option<Instant>,
}

impl PathRate {
    /// A path that nothing is known of takes all.
    pub(crate) fn new(ceiling: u64) -> PathRate {
        PathRate {
            ceiling,
            rate: ceiling,
            estimate: None,
            floor: DelayFloor::default(),
            delivery: Delivery::default(),
            proved: Proved::default(),
            heard: None,
            cut_off: None,
            paused: false,
            arrival: None,
            queue: None,
            clear: None,
            busy: None,
            stands: None,
            cut_at: None,
            cautious_at: None,
            resumes: None,
            usual_loss: 0.0,
            gave_up_at: None,
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

    /// There is nothing to send: what is heard of the path says nothing of what it takes.
    pub(crate) fn on_pause(&mut self, heard: Instant) {
        self.paused = true;
        self.heard = Some(heard);
    }

    /// Takes a report.
    pub(crate) fn on_report(&mut self, now: Instant, report: PathReport) -> Advice {
        let PathReport { estimate, arrival, loss, heard } = report;
        self.on_heard(now, heard);
        if std::mem::take(&mut self.paused) {
            self.begin_anew(heard, CutOff::of_pause(now, self.rate));
        }
        // Where a queue was seen since it is back, the path takes less indeed.
        let cut_off = self.cut_off.filter(|_| self.cut_at.is_none());
        if let Some(estimate) = cut_off.and_then(|it| it.estimate_before(now, estimate, loss)) {
            return Advice::BeginFrom(estimate);
        }
        let before = self.estimate.replace(estimate).unwrap_or(estimate);
        self.knee = self.knee.filter(|knee| !knee.is_history(before, estimate));
        let mut bound = self.bound(now, estimate);
        // One that is the same is of the same feedback.
        if let Some(Arrival { at, delay, bits }) = arrival.filter(|_| arrival != self.arrival) {
            self.arrival = arrival;
            self.delivery.on_arrived(at, bits);
            let queue = self.floor.queue(now, delay);
            let sent_at = at.checked_sub(delay).unwrap_or(at);
            let is_burst = self.delivery.is_burst(sent_at, self.usual_rate());
            self.on_queue(now, delay, queue, bound, is_burst);
            bound = self.bound(now, estimate);
            tracing::trace!(
                estimate,
                loss,
                ?delay,
                ?queue,
                arrives = self.arrives(),
                rate = self.rate,
                "path"
            );
        }
        if let Some((_, rate)) = self.resumes.take_if(|(at, _)| *at <= now) {
            self.resume(now, rate);
        }
        self.rate = self.rate.min(bound);
        if self.gives_up(now, loss) { Advice::GiveUp } else { Advice::Nothing }
    }

    /// A path that was cut off may be another one now: only what it took is still known.
    fn on_heard(&mut self, now: Instant, heard: Instant) {
        let silent = self.heard.replace(heard).map_or(Duration::ZERO, |before| heard - before);
        if silent >= CUT_OFF_MIN {
            tracing::debug!(?silent, rate = self.rate, "the path was cut off, and is back");
            self.begin_anew(heard, CutOff::at(now, self.rate, self.usual_loss));
        }
    }

    fn begin_anew(&mut self, heard: Instant, cut_off: CutOff) {
        *self = PathRate {
            rate: self.rate,
            estimate: self.estimate,
            usual_loss: self.usual_loss,
            heard: Some(heard),
            cut_off: Some(cut_off),
            ..PathRate::new(self.ceiling)
        };
    }

    /// The most that the stream is given: its share of the estimate, or of what arrived of late where
    /// that is more.
    fn bound(&self, now: Instant, estimate: u64) -> u64 {
        let takes = self.proved.rate(now).map_or(estimate, |proved| proved.max(estimate));
        (takes / 100 * SHARE_PERCENT).min(self.ceiling)
    }

    fn gives_up(&mut self, now: Instant, loss: f32) -> bool {
        if self.busy.is_none() {
            self.usual_loss = loss;
        }
        let after_cut = self.cut_at.is_some_and(|at| now < at + LOSSES_SHOW_FOR);
        let is_deep = self.queue.is_some_and(|queue| queue >= QUEUE_DEEP);
        let rested = self.gave_up_at.is_none_or(|at| now >= at + GIVES_UP_EVERY);
        let gives_up = after_cut && is_deep && rested && loss >= self.usual_loss + LOST_MIN;
        if gives_up {
            tracing::debug!(loss, "what was lost is given up");
            self.gave_up_at = Some(now);
        }
        gives_up
    }

    /// `is_burst`: what met that queue was more than the rate.
    fn on_queue(
        &mut self,
        now: Instant,
        delay: Duration,
        queue: Duration,
        bound: u64,
        is_burst: bool,
    ) {
        let last = self.queue.replace(queue).unwrap_or(queue);
        self.stands = (queue >= QUEUE_STANDS).then(|| self.stands.unwrap_or(now));
        if queue < QUEUE_CLEAR {
            self.clear = Some((now, queue));
        }
        self.busy = (queue >= QUEUE_CLEAR).then(|| self.busy.unwrap_or(now));
        if queue < QUEUE_STANDS
            && let Some(rate) = self.delivery.rate_of_late()
        {
            self.proved.on_arrived(now, rate);
            if self.resumes.is_none() {
                // More than that arrives, because the encoder's floor is above it.
                self.rate = self.rate.max(rate / 100 * DRAIN_PERCENT);
            }
        }
        let drains = queue + DRAINS <= last;
        let stands = self.stands.is_some_and(|at| now >= at + STANDS_FOR);
        if !drains && (queue >= QUEUE_DEEP || stands) {
            self.cut(now, delay, queue, bound, is_burst);
        } else if queue >= (last + QUEUE_JUMPS).max(QUEUE_JUMPS_TO) && !is_burst {
            self.be_cautious(now);
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

    fn cut(&mut self, now: Instant, delay: Duration, queue: Duration, bound: u64, is_burst: bool) {
        if self.cut_at.is_some_and(|at| now < at + delay + CUT_SHOWS_AFTER) {
            return;
        }
        let rate = self.usual_rate().min(bound);
        let arrives = self.arrives();
        let capacity = match arrives {
            // A keyframe of ours, or packets sent again: it drains, if not from one report to the next.
            Some(it) if rate < it / 100 * DRAINING_PERCENT => return,
            Some(it) if queue < QUEUE_DEEP => it.max(rate / 100 * SLOWLY_PERCENT),
            Some(it) => it.clamp(rate / 100 * CUT_PERCENT_MIN, rate),
            // It is known soon.
            None if is_burst => return,
            None if queue < QUEUE_DEEP => rate / 100 * SLOWLY_PERCENT,
            None => (rate / 1_000 * (1_000 - self.excess(now, queue))).max(self.known(now)),
        };
        self.proved.on_full(now, arrives.map(|_| capacity));
        self.knee = arrives.map(|_| Knee::at(now, capacity, self.knee));
        let drained = capacity / 100 * DRAIN_PERCENT;
        let is_deep = queue >= QUEUE_DEEP;
        self.resumes = is_deep.then(|| (now + DRAIN_DEEP_TIME, drained));
        self.rate = if is_deep { capacity / 100 * DRAIN_DEEP_PERCENT } else { drained };
        self.cut_at = Some(now);
        tracing::debug!(from = rate, to = self.rate, arrives, ?queue, "the path is full");
    }

    fn be_cautious(&mut self, now: Instant) {
        let rested = self.cautious_at.is_none_or(|at| now >= at + CAUTION_EVERY);
        if self.resumes.is_none() && rested {
            tracing::debug!(from = self.rate, queue = ?self.queue, "a queue jumps up");
            self.cautious_at = Some(now);
            self.resumes = Some((now + CAUTION_TIME, self.rate));
            self.rate = self.rate / 100 * DRAIN_DEEP_PERCENT;
        }
    }

    /// A queue had its time to drain. Where it has not, what the path takes is known better by now.
    fn resume(&mut self, now: Instant, rate: u64) {
        let Some(arrives) = self.arrives().filter(|_| self.stands.is_some()) else {
            self.rate = self.rate.max(rate);
            return;
        };
        let drained = arrives / 100 * DRAIN_PERCENT;
        let knee = self.knee.get_or_insert_with(|| Knee::at(now, arrives, None));
        knee.rate = knee.rate.min(arrives);
        self.rate = self.rate.max(rate).min(drained);
        if self.queue.is_some_and(|queue| queue >= QUEUE_DEEP) {
            self.rate = arrives / 100 * DRAIN_DEEP_PERCENT;
            self.resumes = Some((now + DRAIN_DEEP_TIME, drained));
        }
    }

    /// What stands in a queue may have been sent before the rate was lowered for a moment.
    fn usual_rate(&self) -> u64 {
        self.resumes.map_or(self.rate, |(_, rate)| rate.max(self.rate))
    }

    /// What the path takes, as far as it has been full for long enough to tell.
    fn arrives(&self) -> Option<u64> {
        self.delivery.rate_since(self.busy?)
    }

    /// What part of what was sent did not pass, in thousandths: by so much the queue has grown in the
    /// time since the path was clear.
    fn excess(&self, now: Instant, queue: Duration) -> u64 {
        let (since, then) = self.clear.unwrap_or((now, queue));
        let time = now.saturating_duration_since(since).as_micros().max(1);
        let grown = queue.saturating_sub(then).as_micros() * 1_000 / time;
        let (least, most) = EXCESS_PERMILLE.into_inner();
        u64::try_from(grown).unwrap_or(most).clamp(least, most)
    }

    /// What the path is known to have taken of late, and may be trusted to take still.
    fn known(&self, now: Instant) -> u64 {
        let late = self.knee.filter(|knee| now < knee.seen + KNEE_KNOWN);
        let known = late.map(|knee| knee.rate).max(self.proved.rate(now));
        known.unwrap_or(0) / 100 * CUT_PERCENT_MIN
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

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
