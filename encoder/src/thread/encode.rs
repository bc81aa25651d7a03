//! The encoder thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::check::{OutputCheck, Wanted};
use super::epoch::InCall;
use super::job::Job;
use super::panic_text;
use super::patience::{Call, Patience};
use super::read_back::{ReadBack, Taken};
use super::shared::Shared;
use crate::access_unit::AccessUnit;
use crate::adapt::{Adaptation, Picture};
use crate::encoder::{
    Effect, EncodeError, Encoded, Encoder, EncoderSettings, FrameControl, Starter,
};
use crate::frame::{Frame, Size};
use crate::media::MediaEvent;
use crate::stats::add;

/// What a thread begins with.
pub(crate) enum Begin {
    /// A back end that was started already.
    With(Box<dyn Encoder>),
    /// One to start.
    Start(Starter),
}

/// What a thread is told.
#[derive(Debug, Clone)]
pub(crate) struct Charge {
    /// What the stream was set to at its start, before it followed anything.
    pub(crate) set: EncoderSettings,
    /// What the back end is, or is to be, set to.
    pub(crate) settings: EncoderSettings,
    /// The profile_idc, constraint flags and level_idc that viewers were told.
    pub(crate) promised: [u8; 3],
    /// Back ends that hung of late.
    pub(crate) hung: u32,
    /// Which one was given up for this one, and why.
    pub(crate) instead_of: Option<(String, String)>,
}

/// Why a thread ends.
enum End {
    /// The stream is dropped, or another took over.
    Dismissed,
    Failed(EncodeError),
}

/// What became of a picture.
enum Done {
    Encoded,
    /// It is not its turn before then.
    LeftOut(Instant),
    /// It cannot be read.
    Lost,
}

struct EncoderThread<'a> {
    shared: &'a Shared,
    number: u64,
    encoder: Box<dyn Encoder>,
    settings: EncoderSettings,
    charge: Charge,
    patience: Patience,
    check: OutputCheck,
    first: Option<Instant>,
    /// The bitrate that was tried last, taken or refused.
    tried: Option<u32>,
    adapt: Adaptation,
    read_back: ReadBack,
    /// Until when no picture is taken.
    rests_until: Option<Instant>,
}

impl Begin {
    pub(super) fn name(&self) -> String {
        match self {
            Begin::With(encoder) => encoder.describe(),
            Begin::Start(starter) => starter.name().to_owned(),
        }
    }

    pub(super) fn call(&self, charge: &Charge) -> Option<InCall> {
        let patience = || Patience::new(charge.hung).with(Call::Start, 0);
        matches!(self, Begin::Start(_)).then(|| InCall::now(Call::Start, patience()))
    }
}

/// Runs until the stream is dropped, the back end fails, or another took over.
pub(crate) fn run(shared: &Shared, number: u64, begin: Begin, charge: Charge) {
    let began = match begin {
        Begin::With(encoder) => Ok(encoder),
        Begin::Start(starter) => start(shared, number, &starter, &charge.settings),
    };
    let end = match began {
        Ok(encoder) => {
            let mut thread = EncoderThread::new(shared, number, encoder, charge);
            let end = thread.serve();
            tell(shared, number, end);
            // A back end in trouble may panic or hang when it is dropped; nobody waits for it by now.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(thread)));
            return;
        }
        Err(end) => end,
    };
    tell(shared, number, end);
}

fn tell(shared: &Shared, number: u64, end: End) {
    if let End::Failed(error) = end {
        shared.fail(number, error);
    }
}

fn start(
    shared: &Shared,
    number: u64,
    starter: &Starter,
    settings: &EncoderSettings,
) -> Result<Box<dyn Encoder>, End> {
    let started = guarded(|| starter.start(settings));
    let mut state = shared.leave(number).ok_or(End::Dismissed)?;
    let encoder = started.map_err(End::Failed)?;
    state.epoch.name = encoder.describe();
    Ok(encoder)
}

/// Panics become errors.
fn guarded<T>(work: impl FnOnce() -> Result<T, EncodeError>) -> Result<T, EncodeError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(EncodeError::Panicked(panic_text(&*panic))))
}

impl<'a> EncoderThread<'a> {
    /// Least distance of two pictures, a little more than a tick of RTP's 90 kHz: a picture that is
    /// repeated now must not collide with one that arrives.
    const STEP: Duration = Duration::from_micros(12);

    fn new(
        shared: &'a Shared,
        number: u64,
        encoder: Box<dyn Encoder>,
        charge: Charge,
    ) -> EncoderThread<'a> {
        let (settings, patience) = (charge.settings, Patience::new(charge.hung));
        let (check, first, tried) = (OutputCheck::new(), None, Some(settings.bitrate));
        let adapt = Adaptation::new(&charge.set);
        EncoderThread {
            shared,
            number,
            encoder,
            settings,
            charge,
            patience,
            check,
            first,
            tried,
            adapt,
            read_back: ReadBack::default(),
            rests_until: None,
        }
    }

    fn serve(&mut self) -> End {
        while let Some(job) = self.shared.next_job(self.number, self.rests_until) {
            match self.perform(&job) {
                Ok(Done::Encoded) => self.put_away(job),
                Ok(Done::LeftOut(until)) => self.leave_out(job, until),
                Ok(Done::Lost) => self.lose(&job),
                // Its picture waits for whoever takes over.
                Err(end) => return end,
            }
        }
        End::Dismissed
    }

    /// A picture was encoded.
    fn put_away(&mut self, job: Job) {
        let mut state = self.shared.lock();
        state.epoch.in_work = None;
        // By now it waits in the queue, or was lost and has been asked for again.
        if state.generation == job.generation {
            state.idr_in_work = false;
        }
        if self.shared.live {
            if let Some(old) = state.last.replace(job.picture) {
                state.keep(old.frame);
            }
        } else {
            state.keep(job.picture.frame);
        }
    }

    /// A picture was left out. One of a source that tells its pictures by itself may be the last for long, so
    /// it waits for its turn, unless another has come meanwhile.
    fn leave_out(&mut self, job: Job, until: Instant) {
        let mut state = self.shared.lock();
        state.epoch.in_work = None;
        if self.shared.live && state.mailbox.is_none() {
            state.mailbox = Some(job.picture);
            self.rests_until = Some(until);
        } else {
            add(&self.shared.stats.frames_thinned, 1);
            state.keep(job.picture.frame);
        }
    }

    /// A picture could not be read. Whoever waits for an IDR waits for the next one.
    fn lose(&mut self, job: &Job) {
        add(&self.shared.stats.frames_thinned, 1);
        let mut state = self.shared.lock();
        state.epoch.in_work = None;
        state.keyframe |= job.force_idr;
    }

    /// Encodes a picture, if it may be.
    fn perform(&mut self, job: &Job) -> Result<Done, End> {
        let began = Instant::now();
        if let Some(bitrate) = job.bitrate {
            self.adapt.set_bitrate(bitrate);
        }
        let read = match self.read_back.take(&job.picture.frame, &self.encoder.capabilities()) {
            Taken::AsItIs => None,
            Taken::Instead(frame) => Some(frame),
            Taken::Lost => return Ok(Done::Lost),
        };
        let given = read.as_ref().unwrap_or(&job.picture.frame);
        let instead = match self.adapt.on_picture(began, given, job.force_idr) {
            Picture::Skip(until) => {
                self.read_back.put_back(read);
                return Ok(Done::LeftOut(until));
            }
            Picture::AsItIs => None,
            Picture::Instead(frame) => Some(frame),
        };
        let frame = instead.as_ref().unwrap_or(given);
        self.follow_size(frame.size())?;
        self.follow_bitrate(job)?;
        let captured = match self.shared.lock().epoch.last_captured {
            Some(last) => job.picture.captured.max(last + Self::STEP),
            None => job.picture.captured,
        };
        let first = *self.first.get_or_insert(captured);
        let at = captured.saturating_duration_since(first);
        let control = FrameControl { force_idr: job.force_idr, at };
        let mut data = Vec::with_capacity(1 << 14);
        let (size, encoded) = (frame.size(), self.encode(frame, control, &mut data)?);
        let took = began.elapsed();
        self.read_back.put_back(read);
        self.check(size, control, encoded, &data)?;
        self.adapt.on_encoded(data.len());
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        add(&self.shared.stats.encode_micros, micros);
        let keyframe = encoded == Encoded::Idr;
        add(&self.shared.stats.keyframes_unasked, u64::from(keyframe && !control.force_idr));
        let mut state = self.shared.lock();
        state.epoch.last_captured = Some(captured);
        // It owes us one.
        state.keyframe |= control.force_idr && !keyframe;
        drop(state);
        if encoded != Encoded::Skipped {
            let (sequence, encoded) = (job.picture.sequence, began + took);
            let unit = AccessUnit { data, keyframe, captured, encoded, sequence };
            tracing::trace!(sequence, keyframe, bytes = unit.data.len(), micros, "encoded");
            self.announce();
            self.shared.deliver(unit, job.generation);
        }
        Ok(Done::Encoded)
    }

    /// Encodes one picture; a keyframe at a part of the bitrate, where that can be changed and back.
    fn encode(
        &mut self,
        frame: &Frame,
        control: FrameControl,
        data: &mut Vec<u8>,
    ) -> Result<Encoded, End> {
        let is_first = self.check.is_first();
        let call = if is_first { Call::FirstPicture } else { Call::Picture };
        let eased = ((control.force_idr || is_first) && self.encoder.capabilities().seamless_rate)
            .then(|| EncoderSettings { bitrate: self.adapt.keyframe_bitrate(), ..self.settings });
        let settings = self.settings;
        let began = Instant::now();
        let encoded = self.call(call, |encoder| {
            // One that refuses encodes it as it is set.
            let eased = eased.is_some_and(|eased| encoder.reconfigure(&eased).is_ok());
            let encoded = encoder.encode(frame, control, data)?;
            if eased {
                encoder.reconfigure(&settings)?;
            }
            Ok(encoded)
        })?;
        if call == Call::Picture {
            self.patience.learn(began.elapsed());
        }
        Ok(encoded)
    }

    /// Calls the back end, watched.
    fn call<T>(
        &mut self,
        call: Call,
        work: impl FnOnce(&mut dyn Encoder) -> Result<T, EncodeError>,
    ) -> Result<T, End> {
        let patience = self.patience.with(call, self.settings.size.macroblocks());
        self.shared.enter(self.number, InCall::now(call, patience));
        let result = guarded(|| work(&mut *self.encoder));
        drop(self.shared.leave(self.number).ok_or(End::Dismissed)?);
        result.map_err(End::Failed)
    }

    fn check(
        &mut self,
        size: Size,
        control: FrameControl,
        encoded: Encoded,
        data: &[u8],
    ) -> Result<(), End> {
        let wanted = Wanted {
            size,
            rate: self.settings.rate,
            forced: control.force_idr,
            promised: self.charge.promised,
        };
        let checked = self.check.on_output(&wanted, encoded, data);
        checked.map_err(|fault| End::Failed(EncodeError::Output(fault.to_string())))
    }

    /// The first good picture: says that it took over.
    fn announce(&mut self) {
        if let Some((from, why)) = self.charge.instead_of.take() {
            let to = self.encoder.describe();
            tracing::warn!(from, to, why, "the encoder was replaced");
            self.shared.report(MediaEvent::Replaced { from, to, why });
        }
        self.shared.lock().epoch.is_proved = true;
    }

    /// Tells the back end of a new size. One that refuses it is of no use.
    fn follow_size(&mut self, size: Size) -> Result<(), End> {
        if size == self.settings.size {
            return Ok(());
        }
        let settings = EncoderSettings { size, ..self.settings };
        let effect = self.call(Call::Reconfigure, |encoder| encoder.reconfigure(&settings))?;
        tracing::info!(%size, ?effect, "the pictures changed their size");
        self.adopt(settings, effect);
        Ok(())
    }

    /// Tells the back end of a new bitrate. One that it refuses changes nothing.
    fn follow_bitrate(&mut self, job: &Job) -> Result<(), End> {
        let bitrate = job.bitrate.or(self.tried).unwrap_or(self.settings.bitrate);
        let rate = self.adapt.rate();
        if Some(bitrate) == self.tried && rate == self.settings.rate {
            return Ok(());
        }
        self.tried = Some(bitrate);
        let settings = EncoderSettings { bitrate, rate, ..self.settings };
        match self.call(Call::Reconfigure, |encoder| Ok(encoder.reconfigure(&settings)))? {
            Ok(effect) => {
                tracing::debug!(bitrate, seamless = effect == Effect::Seamless, "bitrate");
                self.adopt(settings, effect);
            }
            Err(error) => tracing::warn!(%error, bitrate, "the bitrate stays"),
        }
        Ok(())
    }

    fn adopt(&mut self, settings: EncoderSettings, effect: Effect) {
        self.settings = settings;
        if effect == Effect::NextIsIdr {
            self.check.on_break();
        }
        self.shared.lock().epoch.settings = Some(settings);
    }
}
