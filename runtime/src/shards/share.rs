//! One stream for several loops.
//!
//! Whoever looks first takes from the encoder what is ready, for everybody: no thread in between, so
//! a frame waits for nobody's turn but that of the loop that sends it. The lock is held for as long
//! as it takes to move pointers; a loop without viewers is left alone.
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pinhole_core::Voice;
use pinhole_encoder::{AccessUnit, Media, MediaEvent};

use crate::Doorbell;

/// Access units that wait for one loop: as many as an encoder keeps. Where they are more, that loop
/// has stood still; all are thrown away, and the next one that it gets is an IDR.
const WAITING_MAX: usize = 8;
/// Access units taken from the stream at once.
const TAKEN_MAX: usize = 8;

/// An access unit, of one loop or of several.
pub(crate) enum Unit {
    Own(AccessUnit),
    Shared(Arc<AccessUnit>),
}

impl Deref for Unit {
    type Target = AccessUnit;

    fn deref(&self) -> &AccessUnit {
        match self {
            Unit::Own(unit) => unit,
            Unit::Shared(unit) => unit,
        }
    }
}

/// Counts and figures of the one stream, the same for every loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SharedStats {
    pub(crate) frames: u64,
    pub(crate) keyframes: u64,
    pub(crate) bitrate: Option<u64>,
}

/// One loop's part of a stream.
pub(crate) struct Share {
    media: Arc<SharedMedia>,
    index: usize,
}

pub(super) struct SharedMedia {
    state: Mutex<State>,
    bells: Arc<Bells>,
}

struct State {
    media: Box<dyn Media>,
    portions: Vec<Portion>,
    active: bool,
    stats: SharedStats,
    /// Where an encoder starts, and goes where nobody's path is known. `None`: it is not adapted.
    ceiling: Option<u64>,
}

/// What one loop is to get, and wants.
#[derive(Default)]
struct Portion {
    active: bool,
    waiting: VecDeque<Arc<AccessUnit>>,
    /// It gets nothing until an IDR: one before was lost.
    broken: bool,
    wish: Option<(u64, Voice)>,
}

/// Who is to be woken when the stream has something. Has a lock of its own, because a stream may
/// wake us while it holds one that we wait for.
#[derive(Default)]
struct Bells(Mutex<Vec<(bool, Option<Doorbell>)>>);

impl SharedMedia {
    /// Shares a stream out to `count` loops. `ceiling`: where its bitrate starts.
    pub(super) fn split(
        mut media: Box<dyn Media>,
        count: usize,
        ceiling: Option<u64>,
    ) -> impl Iterator<Item = Share> {
        let bells = Arc::new(Bells(Mutex::new(vec![(false, None); count])));
        let ring = Arc::clone(&bells);
        media.set_wake(Arc::new(move || ring.ring()));
        let portions = (0..count).map(|_| Portion::default()).collect();
        let stats = SharedStats { frames: 0, keyframes: 0, bitrate: ceiling };
        let state = Mutex::new(State { media, portions, active: false, stats, ceiling });
        let media = Arc::new(SharedMedia { state, bells });
        (0..count).map(move |index| Share { media: Arc::clone(&media), index })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A loop that panics in the stream's code ends all others; what they see meanwhile is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Wakes this loop from now on.
    pub(crate) fn attach(&self, bell: &Doorbell) {
        let mut bells = self.media.bells.lock();
        if let Some((_, place)) = bells.get_mut(self.index) {
            *place = Some(bell.clone());
        }
    }

    /// The next access unit for this loop.
    pub(crate) fn next(&self) -> Option<Arc<AccessUnit>> {
        let mut state = self.media.lock();
        let first = state.portion(self.index).waiting.pop_front();
        first.or_else(|| {
            state.share_out();
            state.portion(self.index).waiting.pop_front()
        })
    }

    /// What happened to the stream; each event goes to whoever asks first.
    pub(crate) fn poll_event(&self) -> Option<MediaEvent> {
        self.media.lock().media.poll_event()
    }

    /// Makes the next picture an IDR, unless one waits for this loop already.
    pub(crate) fn request_keyframe(&self) {
        let mut state = self.media.lock();
        let waits = state.portion(self.index).waiting.iter().any(|unit| unit.keyframe);
        if !waits {
            state.media.request_keyframe();
        }
    }

    /// Whether anybody watches on this loop.
    pub(crate) fn set_active(&self, active: bool) {
        if let Some((is_active, _)) = self.media.bells.lock().get_mut(self.index) {
            *is_active = active;
        }
        let mut state = self.media.lock();
        let portion = state.portion(self.index);
        portion.active = active;
        // Whoever comes to this loop later begins with an IDR anyhow.
        portion.waiting.clear();
        portion.broken = false;
        let any = state.portions.iter().any(|portion| portion.active);
        if any != state.active {
            state.active = any;
            state.media.set_active(any);
        }
        state.adapt();
    }

    /// What the paths of this loop's viewers take, and whose that is.
    pub(crate) fn set_wish(&self, wish: Option<(u64, Voice)>) {
        let mut state = self.media.lock();
        state.portion(self.index).wish = wish;
        state.adapt();
    }

    /// Figures of the stream as a whole.
    pub(crate) fn stats(&self) -> SharedStats {
        self.media.lock().stats
    }
}

impl State {
    fn portion(&mut self, index: usize) -> &mut Portion {
        self.portions.get_mut(index).expect("there are as many portions as shares")
    }

    /// Takes what the stream has ready, and puts it where somebody watches. Their bells were rung
    /// when it became ready.
    fn share_out(&mut self) {
        for _ in 0..TAKEN_MAX {
            let Some(unit) = self.media.poll_access_unit() else { return };
            self.stats.frames += 1;
            self.stats.keyframes += u64::from(unit.keyframe);
            let unit = Arc::new(unit);
            let mut lost = false;
            for portion in self.portions.iter_mut().filter(|portion| portion.active) {
                lost |= !portion.push(&unit);
            }
            if lost {
                self.media.request_keyframe();
            }
        }
    }

    /// The slowest viewer of all loops at or above the floor decides; where every one is below it,
    /// the floor does; where nobody's path is known, the ceiling.
    fn adapt(&mut self) {
        let Some(ceiling) = self.ceiling else { return };
        let portions = self.portions.iter().filter(|portion| portion.active);
        let wishes: Vec<_> = portions.filter_map(|portion| portion.wish).collect();
        let least = |whose: Voice| {
            let of_them = wishes.iter().filter(|(_, voice)| *voice == whose);
            of_them.map(|(bits, _)| *bits).min()
        };
        let bitrate = least(Voice::Viewer).or(least(Voice::Floor)).unwrap_or(ceiling);
        // While nobody watches it stays: nothing is encoded.
        if self.active && self.stats.bitrate != Some(bitrate) {
            tracing::debug!(bitrate, "the stream shall take");
            self.stats.bitrate = Some(bitrate);
            self.media.set_bitrate(u32::try_from(bitrate).unwrap_or(u32::MAX));
        }
    }
}

impl Portion {
    /// False: an IDR has to come next.
    fn push(&mut self, unit: &Arc<AccessUnit>) -> bool {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.clear();
            self.broken = true;
        }
        self.broken &= !unit.keyframe;
        if !self.broken {
            self.waiting.push_back(Arc::clone(unit));
        }
        !self.broken
    }
}

impl Bells {
    fn lock(&self) -> MutexGuard<'_, Vec<(bool, Option<Doorbell>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes each loop on which somebody watches; where nobody does, the first one, because events
    /// come all the same.
    fn ring(&self) {
        let bells = self.lock();
        let active = bells.iter().filter(|(active, _)| *active);
        let first = bells.first().filter(|_| !bells.iter().any(|(active, _)| *active));
        active.chain(first).filter_map(|(_, bell)| bell.as_ref()).for_each(Doorbell::ring);
    }
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
