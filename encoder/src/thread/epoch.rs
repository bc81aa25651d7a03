//! Which back end is in use, as all threads of a stream see it.
//!
//! An epoch begins with each encoder thread. The thread says before each call into its back end that it goes
//! in, and hears after it whether it still counts. The watchdog ends an epoch when a call takes too long or
//! the thread says that its back end failed; a thread of another epoch delivers nothing, and ends. Within an
//! epoch one thread delivers, so there are never two.

use std::sync::{Arc, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::encode::{Begin, Charge};
use super::patience::Call;
use super::shared::{RawPicture, Shared, State, Worker};
use crate::encoder::{EncodeError, EncoderSettings};

/// The back end in use.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    /// Counts encoder threads.
    pub(super) number: u64,
    /// The call that its thread is in.
    pub(super) call: Option<InCall>,
    /// Why its thread has ended.
    pub(super) failure: Option<EncodeError>,
    /// The picture in work, with the activation that it belongs to; whoever takes over encodes it.
    pub(super) in_work: Option<(RawPicture, u64)>,
    /// What it describes itself as, once it has started.
    pub(super) name: String,
    /// It has encoded a good picture.
    pub(super) is_proved: bool,
    /// The settings in force: where the next one starts.
    pub(super) settings: Option<EncoderSettings>,
    /// The capture time of the last picture, of which the next one's must be later.
    pub(super) last_captured: Option<Instant>,
    /// Encoder threads that have not ended, of any epoch.
    pub(super) alive: usize,
    /// Of the thread of this epoch.
    handle: Option<JoinHandle<()>>,
}

/// A call into a back end.
#[derive(Debug, Clone, Copy)]
pub(super) struct InCall {
    pub(super) call: Call,
    pub(super) since: Instant,
    pub(super) patience: Duration,
}

impl InCall {
    pub(super) fn now(call: Call, patience: Duration) -> InCall {
        InCall { call, since: Instant::now(), patience }
    }
}

impl Shared {
    /// Starts the thread of a new epoch. The one before, if it is still there, counts no more.
    pub(crate) fn spawn_encoder(
        self: &Arc<Shared>,
        begin: Begin,
        charge: Charge,
    ) -> std::io::Result<()> {
        let mut state = self.lock();
        state.end_epoch();
        state.epoch.alive += 1;
        state.epoch.settings = Some(charge.settings);
        state.epoch.name = begin.name();
        // From now on, so that the watchdog sees a start that hangs.
        state.epoch.call = begin.call(&charge);
        let (shared, number) = (Arc::clone(self), state.epoch.number);
        let alive = Alive { shared, number };
        drop(state);
        // Dropped where there is no thread, too.
        let run = move || {
            let alive = alive;
            super::encode::run(&alive.shared, number, begin, charge);
        };
        let handle = Builder::new().name("pinhole-encoder".into()).spawn(run)?;
        self.lock().epoch.handle = Some(handle);
        self.changed.notify_all();
        Ok(())
    }

    /// A thread goes into a call.
    pub(super) fn enter(&self, number: u64, call: InCall) {
        let mut state = self.lock();
        if state.epoch.number == number {
            state.epoch.call = Some(call);
        }
    }

    /// A thread has come back from a call. `None` if it counts no more.
    pub(super) fn leave(&self, number: u64) -> Option<MutexGuard<'_, State>> {
        let mut state = self.lock();
        if state.epoch.number != number {
            return None;
        }
        state.epoch.call = None;
        Some(state)
    }

    /// A thread ends, because its back end is of no use.
    pub(super) fn fail(&self, number: u64, why: EncodeError) {
        let mut state = self.lock();
        if state.epoch.number == number {
            state.epoch.failure = Some(why);
            self.watch.notify_all();
        }
    }

    /// Takes the handle of the thread in use, to join it once it has ended.
    pub(crate) fn encoder_handle(&self) -> Option<JoinHandle<()>> {
        self.lock().epoch.handle.take()
    }
}

impl State {
    /// Forgets the thread in use. Its picture waits for the next one, if no newer one does.
    fn end_epoch(&mut self) {
        let epoch = &mut self.epoch;
        epoch.number += 1;
        (epoch.call, epoch.failure, epoch.is_proved) = (None, None, false);
        // One that hangs cannot be joined, and one that failed ends by itself.
        epoch.handle = None;
        let in_work = epoch.in_work.take();
        if let Some((picture, generation)) = in_work
            && self.mailbox.is_none()
            && generation == self.generation
        {
            self.mailbox = Some(picture);
        }
        self.keyframe = true;
        self.idr_in_work = false;
    }
}

/// Notes that an encoder thread ends when it is dropped, however it ends.
struct Alive {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Alive {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.epoch.alive -= 1;
        if state.epoch.number == self.number {
            state.ended.push(Worker::Encoder);
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}
