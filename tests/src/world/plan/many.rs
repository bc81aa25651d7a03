//! Many worlds, on several threads.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Outcome, Plan, Tally, play, play_twice};

/// What many runs were like.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Worlds played.
    pub worlds: u64,
    /// What happened in all of them.
    pub tally: Tally,
    /// Those in which something did not hold, by seed.
    pub failures: Vec<Failure>,
}

impl Report {
    /// A few lines for people.
    pub fn summary(&self, took: Duration) -> String {
        let Tally { time, viewers, connected, kept_out, survived, .. } = self.tally;
        let Tally { pictures, datagrams, faults, attacks, sum, .. } = self.tally;
        let (hours, took) = (time.as_secs_f64() / 3_600.0, took.as_secs_f64());
        let each = took * 1_000.0 / self.worlds.max(1) as f64;
        format!(
            "{} worlds, {hours:.1} simulated hours in {took:.0} s ({each:.1} ms each): {viewers} \
             viewers, {connected} connected, {kept_out} kept out by their NATs, {faults} faults, \
             {survived} sessions lived through them, {pictures} pictures, {datagrams} datagrams \
             sent, {attacks} forged or replayed, every {TWICE_EVERY}th world twice and the same to the \
             byte; all bytes sum up to {sum:016x}; {} worlds in which something did not hold",
            self.worlds,
            self.failures.len()
        )
    }
}

/// A world in which something did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What did not hold.
    pub broken: String,
}

/// One world in so many is played twice, and must be the same to the byte.
const TWICE_EVERY: u64 = 10;

/// Plays one plan, and takes what did not hold for an answer.
pub(super) fn outcome(plan: &Plan) -> Outcome {
    let twice = plan.seed.is_multiple_of(TWICE_EVERY);
    match catch_unwind(AssertUnwindSafe(|| if twice { play_twice(plan) } else { play(plan) })) {
        Ok(tally) => Outcome { broken: None, tally },
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let broken = Some(text.unwrap_or_else(|| "a panic without a text".to_owned()));
            Outcome { broken, tally: Tally::default() }
        }
    }
}

/// Plays the worlds of these seeds on so many threads, until so many have failed. `told` hears how it stands
/// after each.
pub fn play_many(
    seeds: Range<u64>,
    threads: usize,
    failures_max: usize,
    told: impl Fn(&Report) + Sync,
) -> Report {
    let next = AtomicU64::new(seeds.start);
    let report = Mutex::new(Report::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let outcome = outcome(&Plan::draw(seed));
            let mut report = report.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            report.worlds += 1;
            report.tally.add(&outcome.tally);
            report.failures.extend(outcome.broken.map(|broken| Failure { seed, broken }));
            told(&report);
            if report.failures.len() >= failures_max {
                next.store(seeds.end, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut report = report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    report.failures.sort_by_key(|failure| failure.seed);
    report
}
