//! The packets of a viewer that are kept to be sent again, in str0m's cache: for how long, how many, and what share of
//! what leaves they may be.

use std::time::{Duration, Instant};

use str0m::rtp::StreamTx;

use super::keeping::Keeping;
use super::resent::{Resent, SHARE_MAX};

/// Packets at most: about a second of 8 Mbit/s.
const PACKETS_MAX: usize = 1_024;

/// The bounds of one viewer's cache.
#[derive(Debug)]
pub(super) struct Cache {
    keeping: Keeping,
    /// For how long str0m keeps them.
    set: Option<Duration>,
    /// Counts what leaves again, where str0m does not.
    resent: Option<Resent>,
}

impl Cache {
    /// For no longer than `most`, of what is sent as it comes.
    pub(super) fn new(most: Duration) -> Cache {
        Cache { keeping: Keeping::by_path(most), set: None, resent: Some(Resent::default()) }
    }

    /// For `time`, of what str0m's estimator paces: it pads the path with what is kept, and a path that becomes slower
    /// has a longer round trip just when all that was kept is asked for.
    pub(super) fn estimated(time: Duration) -> Cache {
        Cache { keeping: Keeping::fixed(time), set: None, resent: None }
    }

    /// Forgets what is in it, so that none of that is sent again.
    pub(super) fn empty(&mut self, stream: &mut StreamTx) {
        let share = if self.resent.is_some() { None } else { Some(SHARE_MAX) };
        let time = self.keeping.time();
        stream.set_rtx_cache(PACKETS_MAX, time, share);
        self.set = Some(time);
    }

    /// An IDR follows. Packets are kept for another time from there on, if they are to be: str0m forgets those that it
    /// has with that, and nothing before an IDR is wanted behind it.
    pub(super) fn on_keyframe(&mut self, stream: &mut StreamTx) {
        if self.set != Some(self.keeping.time()) {
            self.empty(stream);
        }
    }

    /// The path takes so long, there and back.
    pub(super) fn on_rtt(&mut self, rtt: Duration) {
        self.keeping.on_rtt(rtt);
    }

    /// The viewer has asked for a packet again.
    pub(super) fn on_loss(&mut self) {
        self.keeping.on_loss();
    }

    /// A packet leaves, for the first time or again. Whether too much does so again.
    pub(super) fn on_leaving(&mut self, now: Instant, bytes: usize, again: bool) -> bool {
        let Some(resent) = &mut self.resent else { return false };
        if again {
            return resent.on_again(now, bytes);
        }
        resent.on_first(now, bytes);
        false
    }
}
