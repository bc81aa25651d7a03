//! The answers of several loops as one.
use pinhole_core::diagnose::Surroundings;

use crate::{RtpClock, Snapshot};

/// Sums; sessions in the order of their ids, and each address once.
pub(super) fn snapshots(all: Vec<Snapshot>) -> Snapshot {
    merge(all, |sum, one| {
        sum.endpoint.add(&one.endpoint);
        sum.ledger.add(&one.ledger);
        sum.runtime.add(&one.runtime);
        sum.sessions.extend(one.sessions);
        sum.sessions.sort_by_key(|session| session.id);
        let new = |candidate: &_| !sum.candidates.contains(candidate);
        let new: Vec<_> = one.candidates.into_iter().filter(new).collect();
        sum.candidates.extend(new);
    })
}

/// What every loop knows of the network.
pub(super) fn surroundings(all: Vec<Surroundings>) -> Surroundings {
    merge(all, Surroundings::join)
}

/// The clock is the same on all loops; of each stage the slowest loop tells.
pub(super) fn clocks(all: Vec<RtpClock>) -> RtpClock {
    merge(all, |clock, other| clock.stages = clock.stages.longer(other.stages))
}

fn merge<T>(all: Vec<T>, mut add: impl FnMut(&mut T, T)) -> T {
    let mut all = all.into_iter();
    let mut sum = all.next().expect("there is one loop at least, and it has answered");
    all.for_each(|one| add(&mut sum, one));
    sum
}
