//! What the threads of a stream and its owner share: one lock, held for moments.
//! What of it concerns back ends and their succession is in [`super::epoch`].

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock::{Clock, Tick};
use super::epoch::Epoch;
use super::output::{Output, Pushed};
use crate::access_unit::AccessUnit;
use crate::frame::Frame;
use crate::media::{MediaEvent, Wake};
use crate::stats::{StreamStats, add};

/// A raw picture on its way to the encoder. A thread that hangs in a back end keeps its share of it.
#[derive(Debug, Clone)]
pub(super) struct RawPicture {
    pub(super) frame: Arc<Frame>,
    pub(super) captured: Instant,
    pub(super) sequence: u64,
}

/// The threads a stream may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worker {
    /// Makes pictures, or reads access units from a file.
    Source,
    /// Encodes.
    Encoder,
    /// Watches the encoder.
    Watchdog,
}

/// The lock, and the signals that go with it.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Something changed for the source or the encoder thread, or a thread ended.
    pub(super) changed: Condvar,
    /// The stream became active or is stopping, or a back end failed: all that the watchdog sleeps for.
    pub(super) watch: Condvar,
    /// Pictures come by themselves, so that the last one may be all there is for a long time.
    pub(super) live: bool,
    pub(crate) stats: Arc<StreamStats>,
}

/// Everything under the lock.
pub(super) struct State {
    pub(super) active: bool,
    pub(super) stopping: bool,
    /// Counts activations, so that what was begun before one is told from what came after.
    pub(super) generation: u64,
    /// The next picture has to be an IDR.
    pub(super) keyframe: bool,
    /// Somebody waits for a picture: the source need not wait for the next one to be due.
    pub(super) hurry: bool,
    hurried: Option<Instant>,
    /// The bits per second that were asked for last.
    pub(super) bitrate: Option<u32>,
    pub(super) mailbox: Option<RawPicture>,
    /// The last picture encoded, kept of live sources, so that it can be had again as an IDR.
    pub(super) last: Option<RawPicture>,
    /// Pictures that the source may overwrite.
    spare: Vec<Frame>,
    pub(super) sequence: u64,
    pub(super) output: Output,
    events: VecDeque<MediaEvent>,
    wake: Option<Wake>,
    /// An IDR that was asked for is being encoded.
    pub(super) idr_in_work: bool,
    /// The back end in use.
    pub(super) epoch: Epoch,
    pub(super) ended: Vec<Worker>,
}

impl Shared {
    /// Events that wait at most; then the oldest goes, since the newest say how things stand.
    const EVENTS_MAX: usize = 16;
    /// Frames kept for the source: one to write while the mailbox and the encoder hold one each.
    const SPARE_MAX: usize = 2;
    /// Keyframe requests make the source hurry at most this often: it is a favour to somebody who joins,
    /// not a way to raise the frame rate.
    const HURRY_EVERY: Duration = Duration::from_millis(200);

    pub(crate) fn new(live: bool) -> Shared {
        Shared {
            state: Mutex::new(State {
                active: false,
                stopping: false,
                generation: 0,
                keyframe: true,
                hurry: false,
                hurried: None,
                bitrate: None,
                mailbox: None,
                last: None,
                spare: Vec::new(),
                sequence: 0,
                output: Output::default(),
                events: VecDeque::new(),
                wake: None,
                idr_in_work: false,
                epoch: Epoch::default(),
                ended: Vec::new(),
            }),
            changed: Condvar::new(),
            watch: Condvar::new(),
            live,
            stats: Arc::default(),
        }
    }

    /// Back ends panic outside of the lock, so a poisoned one still guards a whole state.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait_for<'a>(
        &self,
        state: MutexGuard<'a, State>,
        time: Duration,
    ) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Sleeps until the next moment of the clock while somebody watches, and for as long as nobody does. At each
    /// awakening `on_wake` hears whether the stream has become active since `generation`, and may move the clock.
    /// `None` when the stream is stopping.
    pub(super) fn wait_until_due(
        &self,
        clock: &mut Clock,
        generation: &mut u64,
        mut on_wake: impl FnMut(&mut State, &mut Clock, bool, Instant),
    ) -> Option<Tick> {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            if !state.active {
                state = self.wait(state);
                continue;
            }
            let now = Instant::now();
            let fresh = *generation != state.generation;
            if fresh {
                *generation = state.generation;
                clock.restart(now);
            }
            on_wake(&mut state, clock, fresh, now);
            let left = clock.due().saturating_duration_since(now);
            if left.is_zero() {
                return Some(clock.tick(now));
            }
            state = self.wait_for(state, left);
        }
    }

    /// The watchdog's sleep: for `time` while somebody watches or a back end is in a call, else until
    /// somebody watches.
    pub(super) fn wait_watching<'a>(
        &self,
        state: MutexGuard<'a, State>,
        time: Duration,
    ) -> MutexGuard<'a, State> {
        if state.active || state.epoch.call.is_some() {
            self.watch.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
        } else {
            self.watch.wait(state).unwrap_or_else(PoisonError::into_inner)
        }
    }

    pub(crate) fn set_wake(&self, wake: Wake) {
        self.lock().wake = Some(wake);
    }

    pub(crate) fn pop_unit(&self) -> Option<AccessUnit> {
        self.lock().output.pop()
    }

    pub(crate) fn pop_event(&self) -> Option<MediaEvent> {
        self.lock().events.pop_front()
    }

    pub(crate) fn request_keyframe(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        if state.active && (state.idr_in_work || state.output.has_keyframe()) {
            // One that nobody has seen yet is on its way.
            return;
        }
        state.keyframe = true;
        if state.hurried.is_none_or(|then| now.duration_since(then) >= Self::HURRY_EVERY) {
            state.hurried = Some(now);
            state.hurry = true;
        }
        self.changed.notify_all();
    }

    pub(crate) fn set_active(&self, active: bool) {
        let mut state = self.lock();
        if state.active == active {
            return;
        }
        tracing::debug!(active, "stream");
        state.active = active;
        state.generation += 1;
        state.keyframe = true;
        state.hurry = active;
        state.idr_in_work = false;
        state.output.reset();
        if !self.live
            && let Some(old) = state.mailbox.take()
        {
            state.keep(old.frame);
        }
        self.changed.notify_all();
        self.watch.notify_all();
    }

    pub(crate) fn set_bitrate(&self, bitrate: u32) {
        self.lock().bitrate = Some(bitrate);
        self.changed.notify_all();
    }

    /// Puts a picture into the mailbox, over one that nobody took. Returns its sequence number.
    pub(super) fn put(&self, frame: Frame, captured: Instant, missed: u64) {
        let mut state = self.lock();
        state.sequence += missed;
        let sequence = state.sequence;
        state.sequence += 1;
        let picture = RawPicture { frame: Arc::new(frame), captured, sequence };
        if let Some(old) = state.mailbox.replace(picture) {
            state.keep(old.frame);
            if state.active {
                add(&self.stats.frames_dropped, 1);
            }
        }
        add(&self.stats.frames_captured, 1);
        add(&self.stats.frames_dropped, missed);
        self.changed.notify_all();
    }

    /// A picture that may be overwritten.
    pub(super) fn take_spare(&self) -> Option<Frame> {
        self.lock().spare.pop()
    }

    /// Hands an access unit to the event loop, unless the stream was switched off and on since.
    pub(super) fn deliver(&self, unit: AccessUnit, generation: u64) {
        let (bytes, keyframe) = (unit.data.len() as u64, unit.keyframe);
        let mut state = self.lock();
        if !state.active || state.generation != generation {
            return;
        }
        add(&self.stats.frames_encoded, 1);
        add(&self.stats.bytes, bytes);
        add(&self.stats.keyframes, u64::from(keyframe));
        let pushed = state.output.push(unit);
        // Whoever takes it may ask for another before the encoder thread is back here.
        state.idr_in_work &= !keyframe;
        let (lost, broken) = match pushed {
            Pushed::Queued { lost } => (lost, false),
            Pushed::Lost { lost } => (lost, true),
        };
        if lost > 0 {
            tracing::debug!(lost, broken, "the event loop does not take access units");
            add(&self.stats.access_units_dropped, lost);
        }
        state.keyframe |= broken;
        let wake = state.wake.clone();
        drop(state);
        wake.inspect(|wake| wake());
    }

    /// Tells the event loop and the log that no more pictures can be had.
    pub(super) fn source_failed(&self, text: String) {
        tracing::warn!(text, "the source failed");
        self.report(MediaEvent::Failed(text));
    }

    /// Tells the event loop.
    pub(super) fn report(&self, event: MediaEvent) {
        let mut state = self.lock();
        if state.events.len() >= Self::EVENTS_MAX {
            state.events.pop_front();
        }
        state.events.push_back(event);
        let wake = state.wake.clone();
        drop(state);
        wake.inspect(|wake| wake());
    }

    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
        self.watch.notify_all();
    }

    /// Notes that a thread ends when the guard is dropped, however it ends.
    pub(super) fn running(&self, worker: Worker) -> Running<'_> {
        Running { shared: self, worker }
    }

    /// Waits until a thread has ended, but no longer than `patience`. Returns whether it has.
    pub(crate) fn wait_ended(&self, worker: Worker, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if state.ended.contains(&worker) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.wait_for(state, left);
        }
    }
}

impl State {
    /// Keeps a picture for the source to overwrite, unless a thread that hangs has a share of it. What is a
    /// device's goes back to it.
    pub(super) fn keep(&mut self, frame: Arc<Frame>) {
        if matches!(&*frame, Frame::Device(_)) {
            return;
        }
        if self.spare.len() < Shared::SPARE_MAX {
            self.spare.extend(Arc::try_unwrap(frame));
        }
    }
}

/// See [`Shared::running`].
pub(super) struct Running<'a> {
    shared: &'a Shared,
    worker: Worker,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.shared.lock().ended.push(self.worker);
        self.shared.changed.notify_all();
    }
}
