//! The encoder thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::panic_text;
use super::shared::{RawPicture, Shared, Worker};
use crate::access_unit::AccessUnit;
use crate::encoder::{
    Effect, EncodeError, Encoded, Encoder, EncoderSettings, FrameControl, Remake,
};
use crate::media::MediaEvent;
use crate::stats::add;

/// What the encoder thread owns.
pub(crate) struct EncoderThread {
    encoder: Box<dyn Encoder>,
    remake: Option<Remake>,
    settings: EncoderSettings,
    first: Option<Instant>,
    last: Option<Instant>,
    /// Pictures encoded since the encoder was made anew; until enough, another failure is final.
    since_retry: u64,
}

/// A picture to encode.
struct Job {
    picture: RawPicture,
    force_idr: bool,
    bitrate: Option<u32>,
    generation: u64,
}

impl EncoderThread {
    /// Pictures that must have been encoded between two failures for the second to be tried again.
    const RETRY_AFTER: u64 = 300;
    /// Least distance of two pictures, a little more than a tick of RTP's 90 kHz: a picture that is
    /// repeated now must not collide with one that arrives.
    const STEP: Duration = Duration::from_micros(12);

    pub(crate) fn new(
        encoder: Box<dyn Encoder>,
        remake: Option<Remake>,
        settings: EncoderSettings,
    ) -> EncoderThread {
        let (first, last, since_retry) = (None, None, Self::RETRY_AFTER);
        EncoderThread { encoder, remake, settings, first, last, since_retry }
    }

    /// Runs until the stream is dropped or the encoder fails for good.
    pub(crate) fn run(mut self, shared: &Shared) {
        let _running = shared.running(Worker::Encoder);
        while let Some(job) = next_job(shared) {
            let result = self.perform(shared, &job);
            let mut state = shared.lock();
            state.encoding_since = None;
            // By now it waits in the queue, or was lost and has been asked for again.
            if state.generation == job.generation {
                state.idr_in_work = false;
            }
            if shared.live {
                if let Some(old) = state.last.replace(job.picture) {
                    state.keep(old.frame);
                }
            } else {
                state.keep(job.picture.frame);
            }
            drop(state);
            if let Err(error) = result {
                tracing::warn!(%error, "the encoder failed for good");
                shared.report(MediaEvent::Failed(error.to_string()));
                break;
            }
        }
        // A back end that panicked may do so again when it is dropped; nobody is left to hear it.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(self)));
    }

    fn perform(&mut self, shared: &Shared, job: &Job) -> Result<(), EncodeError> {
        if let Some(bitrate) = job.bitrate {
            self.set_bitrate(bitrate);
        }
        let began = Instant::now();
        let captured = match self.last {
            Some(last) => job.picture.captured.max(last + Self::STEP),
            None => job.picture.captured,
        };
        let first = *self.first.get_or_insert(captured);
        let at = captured.saturating_duration_since(first);
        let mut control = FrameControl { force_idr: job.force_idr, at };
        let mut data = Vec::with_capacity(1 << 14);
        let mut result = self.encode(job, control, &mut data);
        if let Err(error) = &result
            && self.may_retry(error)
        {
            tracing::warn!(%error, "the encoder failed; trying a new one");
            self.renew()?;
            control.force_idr = true;
            data.clear();
            result = self.encode(job, control, &mut data);
        }
        let encoded = result?;
        let ended = Instant::now();
        let micros = u64::try_from((ended - began).as_micros()).unwrap_or(u64::MAX);
        add(&shared.stats.encode_micros, micros);
        self.last = Some(captured);
        self.since_retry = self.since_retry.saturating_add(1);
        let keyframe = encoded == Encoded::Idr;
        if control.force_idr && !keyframe {
            // It owes us one.
            shared.lock().keyframe = true;
        }
        if encoded != Encoded::Skipped {
            let sequence = job.picture.sequence;
            let unit = AccessUnit { data, keyframe, captured, encoded: ended, sequence };
            tracing::trace!(sequence, keyframe, bytes = unit.data.len(), micros, "encoded");
            shared.deliver(unit, job.generation);
        }
        Ok(())
    }

    /// Encodes one picture, after telling the encoder of a new size. Panics become errors.
    fn encode(
        &mut self,
        job: &Job,
        control: FrameControl,
        data: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let frame = &job.picture.frame;
        let run = || {
            if frame.size() != self.settings.size {
                let settings = EncoderSettings { size: frame.size(), ..self.settings };
                let effect = self.encoder.reconfigure(&settings)?;
                tracing::info!(size = %settings.size, ?effect, "the pictures changed their size");
                self.settings = settings;
            }
            self.encoder.encode(frame, control, data)
        };
        catch_unwind(AssertUnwindSafe(run))
            .unwrap_or_else(|panic| Err(EncodeError::Panicked(panic_text(&*panic))))
    }

    fn may_retry(&self, error: &EncodeError) -> bool {
        // A panic is a bug that would come again, with memory in an unknown state.
        let hopeless = matches!(error, EncodeError::Panicked(_) | EncodeError::Unsupported(_));
        !hopeless && self.remake.is_some() && self.since_retry >= Self::RETRY_AFTER
    }

    fn renew(&mut self) -> Result<(), EncodeError> {
        if let Some(remake) = &mut self.remake {
            self.encoder = remake(&self.settings)?;
            self.since_retry = 0;
        }
        Ok(())
    }

    /// A bitrate that the encoder refuses changes nothing.
    fn set_bitrate(&mut self, bitrate: u32) {
        let settings = EncoderSettings { bitrate, ..self.settings };
        let change = || self.encoder.reconfigure(&settings);
        match catch_unwind(AssertUnwindSafe(change)) {
            Ok(Ok(effect)) => {
                tracing::debug!(bitrate, seamless = effect == Effect::Seamless, "bitrate");
                self.settings = settings;
            }
            Ok(Err(error)) => tracing::warn!(%error, bitrate, "the bitrate stays"),
            Err(panic) => {
                tracing::warn!(bitrate, panic = panic_text(&*panic), "the bitrate stays");
            }
        }
    }
}

/// Waits for a picture, or for somebody who needs the last one again. `None` when stopping.
fn next_job(shared: &Shared) -> Option<Job> {
    let mut state = shared.lock();
    loop {
        if state.stopping {
            return None;
        }
        if state.active {
            let mut picture = state.mailbox.take();
            if picture.is_none() && shared.live && state.keyframe {
                picture = state.last.take().map(|last| {
                    let sequence = state.sequence;
                    state.sequence += 1;
                    RawPicture { captured: Instant::now(), sequence, ..last }
                });
            }
            if let Some(picture) = picture {
                let force_idr = std::mem::take(&mut state.keyframe);
                state.encoding_since = Some(Instant::now());
                state.idr_in_work = force_idr;
                let (bitrate, generation) = (state.bitrate.take(), state.generation);
                return Some(Job { picture, force_idr, bitrate, generation });
            }
        }
        state = shared.wait(state);
    }
}
