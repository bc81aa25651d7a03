//! Recorded decisions beside those of a re-run.

use std::collections::BTreeMap;

use super::Replayed;
use super::normal::{Subject, normal, subject};
use crate::trace::entry::{Entry, What};
use crate::trace::read::Recording;

/// By how much a decision may come earlier or later: rounds of judging are seconds apart. Timers
/// that fired late then fire in time now; what the latest came late is added.
const TIME_US: u64 = 1_000_000;
/// More is not added.
const LATE_US_MAX: u64 = 3_000_000;

/// How the decisions of both runs stand to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Decisions that are the same.
    pub same: usize,
    /// The first difference of each session, server and so on, in the order of their times.
    pub differences: Vec<Difference>,
}

/// One decision that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Then. `None`: it is new.
    pub recorded: Option<Entry>,
    /// Now. `None`: it is no more.
    pub replayed: Option<Entry>,
}

impl Comparison {
    /// Whether nothing differs.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Difference {
    /// When it happens, microseconds since the start.
    pub fn at_us(&self) -> u64 {
        let times = [&self.recorded, &self.replayed].into_iter().flatten();
        times.map(|entry| entry.at_us).min().unwrap_or(0)
    }
}

/// Compares the decisions of a recording with those of its re-run, as far as that went.
///
/// Each session, server and so on is compared by itself, in its own order, with a second of
/// tolerance. Ufrags, SSRCs, fingerprints and the counts in evidence may be others. Of what was
/// dropped the sums for each reason are compared, for packets that are recorded one by one.
pub fn compare(recording: &Recording, replayed: &Replayed) -> Comparison {
    let hides = recording.header.addresses_hidden;
    let entries = recording.entries.get(..replayed.entries).unwrap_or(&recording.entries);
    let within_us = TIME_US.saturating_add(late_us_max(entries));
    let then = by_subject(entries);
    let now = by_subject(&replayed.decisions);
    let mut comparison = Comparison { same: 0, differences: Vec::new() };
    let mut subjects: Vec<&Subject> = then.keys().chain(now.keys()).collect();
    subjects.sort();
    subjects.dedup();
    for subject in subjects {
        let none = Vec::new();
        let then = then.get(subject).unwrap_or(&none);
        let now = now.get(subject).unwrap_or(&none);
        let both = then.iter().zip(now);
        let same = both.take_while(|(then, now)| is_same(then, now, within_us, hides)).count();
        comparison.same += same;
        let (then, now) = (then.get(same), now.get(same));
        if then.is_some() || now.is_some() {
            let owned = |entry: Option<&&Entry>| entry.map(|entry| (*entry).clone());
            let difference = Difference { recorded: owned(then), replayed: owned(now) };
            comparison.differences.push(difference);
        }
    }
    compare_drops(entries, &replayed.decisions, &mut comparison);
    comparison.differences.sort_by_key(Difference::at_us);
    comparison
}

fn by_subject(entries: &[Entry]) -> BTreeMap<Subject, Vec<&Entry>> {
    let mut all: BTreeMap<Subject, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        if let Some(subject) = subject(&entry.what) {
            all.entry(subject).or_default().push(entry);
        }
    }
    all
}

/// By how much the latest timer of a recording came late. A program that stood still for longer
/// than this was no program that anybody could judge by its times.
fn late_us_max(entries: &[Entry]) -> u64 {
    let late = entries.iter().filter_map(|entry| match entry.what {
        What::Timeouts { late_us_max, .. } => Some(late_us_max),
        _ => None,
    });
    late.max().unwrap_or(0).min(LATE_US_MAX)
}

fn is_same(then: &Entry, now: &Entry, within_us: u64, hides: bool) -> bool {
    then.at_us.abs_diff(now.at_us) <= within_us
        && normal(&then.what, hides) == normal(&now.what, hides)
}

fn compare_drops(then: &[Entry], now: &[Entry], comparison: &mut Comparison) {
    let (then, now) = (drops(&of_packets(then)), drops(&now.iter().collect::<Vec<_>>()));
    let mut reasons: Vec<&String> = then.keys().chain(now.keys()).collect();
    reasons.sort();
    reasons.dedup();
    for reason in reasons {
        let (then, now) = (then.get(reason), now.get(reason));
        let count = |entry: Option<&Entry>| entry.map(|entry| entry.what.clone());
        if count(then) == count(now) {
            comparison.same += 1;
        } else {
            let difference = Difference { recorded: then.cloned(), replayed: now.cloned() };
            comparison.differences.push(difference);
        }
    }
}

/// The sum for each reason, at the time of the first.
fn drops(entries: &[&Entry]) -> BTreeMap<String, Entry> {
    let mut sums: BTreeMap<String, Entry> = BTreeMap::new();
    for entry in entries {
        let What::Dropped { reason, count } = &entry.what else { continue };
        match sums.get_mut(reason).map(|sum| &mut sum.what) {
            Some(What::Dropped { count: sum, .. }) => *sum = sum.saturating_add(*count),
            _ => {
                sums.insert(reason.clone(), (*entry).clone());
            }
        }
    }
    sums
}

/// What was dropped of packets that stand in the recording: others are media, told as sums.
fn of_packets(entries: &[Entry]) -> Vec<&Entry> {
    let mut packet_at = None;
    let mut kept = Vec::new();
    for entry in entries {
        match &entry.what {
            What::PacketIn { .. } => packet_at = Some(entry.at_us),
            What::Dropped { .. } if packet_at == Some(entry.at_us) => kept.push(entry),
            // One datagram has one reason.
            _ => {}
        }
        if matches!(entry.what, What::Dropped { .. }) {
            packet_at = None;
        }
    }
    kept
}
