//! Sources and encoders that follow a script.
#![allow(dead_code, unreachable_pub)]

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pinhole_encoder::encoder::{Capabilities, Effect, EncodeError, Encoded, FrameControl, Starter};
use pinhole_encoder::frame::I420;
use pinhole_encoder::source::{Moment, Pacing, SourceError, SourceFormat};
use pinhole_encoder::{Encoder, EncoderSettings, Frame, OpenH264, Size, Source, Stream};

use super::{MS, settings, wait_until};

/// What a scripted encoder does with picture `n`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    Encode,
    Sleep(u64),
    /// Until the test lets go; then it encodes.
    Hang,
    Fail,
    Panic,
    /// Bytes that are no H.264, said to be a picture.
    Garbage,
    /// An IDR of another size.
    OtherSize,
    /// Nothing, for ever.
    Nothing,
}

/// What an encoder does, noted for all that are made of it. Real pictures come from OpenH264.
#[derive(Clone)]
pub struct Scripted {
    pub name: &'static str,
    script: fn(u32) -> Act,
    pub calls: Arc<AtomicU32>,
    pub forced: Arc<Mutex<Vec<u32>>>,
    pub settings: Arc<Mutex<EncoderSettings>>,
    /// What each was started with.
    pub started: Arc<Mutex<Vec<EncoderSettings>>>,
    pub let_go: Arc<AtomicBool>,
    /// Encoders that have not been dropped.
    pub alive: Arc<AtomicU32>,
}

impl Scripted {
    pub fn new(script: fn(u32) -> Act) -> Scripted {
        Scripted::named("scripted", script)
    }

    pub fn named(name: &'static str, script: fn(u32) -> Act) -> Scripted {
        Scripted {
            name,
            script,
            calls: Arc::default(),
            forced: Arc::default(),
            settings: Arc::new(Mutex::new(settings(64, 64, 100, 1_000_000))),
            started: Arc::default(),
            let_go: Arc::default(),
            alive: Arc::default(),
        }
    }

    pub fn start(&self, settings: &EncoderSettings) -> Result<Box<dyn Encoder>, EncodeError> {
        *self.settings.lock().unwrap() = *settings;
        self.started.lock().unwrap().push(*settings);
        self.alive.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Playing { own: self.clone(), real: OpenH264::new(settings)? }))
    }

    pub fn starter(&self) -> Starter {
        let own = self.clone();
        Starter::new(self.name, move |settings| own.start(settings))
    }
}

/// An encoder that follows a script and notes what it was asked.
struct Playing {
    own: Scripted,
    real: OpenH264,
}

impl Encoder for Playing {
    fn describe(&self) -> String {
        self.own.name.into()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { inputs: &[], slices: 1, seamless_rate: true }
    }

    fn profile_level_id(&self) -> [u8; 3] {
        self.real.profile_level_id()
    }

    fn encode(
        &mut self,
        frame: &Frame,
        control: FrameControl,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let own = &self.own;
        let n = own.calls.fetch_add(1, Ordering::SeqCst);
        if control.force_idr {
            own.forced.lock().unwrap().push(n);
        }
        assert_eq!(frame.size(), own.settings.lock().unwrap().size);
        match (own.script)(n) {
            Act::Encode => {}
            Act::Sleep(ms) => std::thread::sleep(MS * u32::try_from(ms).unwrap()),
            Act::Hang => wait_until("let go", || own.let_go.load(Ordering::SeqCst)),
            Act::Fail => return Err(EncodeError::BackEnd(format!("failed at {n}"))),
            Act::Panic => panic!("at {n}"),
            Act::Garbage => {
                out.extend_from_slice(&[0x5a; 400]);
                return Ok(Encoded::Delta);
            }
            Act::OtherSize => {
                let mut other = OpenH264::new(&settings(96, 96, 100, 1_000_000))?;
                let black = I420::black(Size::new(96, 96).unwrap());
                return other.encode(&Frame::I420(black), control, out);
            }
            Act::Nothing => return Ok(Encoded::Skipped),
        }
        self.real.encode(frame, control, out)
    }

    fn reconfigure(&mut self, settings: &EncoderSettings) -> Result<Effect, EncodeError> {
        if settings.bitrate == 666 {
            return Err(EncodeError::Unsupported("no".into()));
        }
        if settings.bitrate == 667 {
            wait_until("let go", || self.own.let_go.load(Ordering::SeqCst));
        }
        *self.own.settings.lock().unwrap() = *settings;
        self.real.reconfigure(settings)
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.own.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A source of grey pictures, on the clock or live.
pub struct Grey {
    pub pacing: Pacing,
    pub fps: u32,
    pub size: fn(u64) -> (u32, u32),
    /// Pictures a live source gives; it blocks while there are none.
    pub give: Arc<AtomicU64>,
    pub given: u64,
    /// How long making one takes.
    pub takes: Duration,
    pub end: fn(u64) -> Option<Result<(), String>>,
}

impl Grey {
    pub fn on_the_clock(fps: u32) -> Grey {
        let (pacing, give) = (Pacing::Clock, Arc::default());
        Grey {
            pacing,
            fps,
            size: |_| (64, 64),
            give,
            given: 0,
            takes: Duration::ZERO,
            end: |_| None,
        }
    }

    pub fn live(give: &Arc<AtomicU64>) -> Grey {
        Grey { pacing: Pacing::Arrival, give: Arc::clone(give), ..Grey::on_the_clock(30) }
    }
}

impl Source for Grey {
    fn format(&self) -> SourceFormat {
        let format = settings(64, 64, self.fps, 1_000_000);
        SourceFormat {
            size: format.size,
            rate: format.rate,
            pacing: self.pacing,
            full_range: false,
        }
    }

    fn next_frame(
        &mut self,
        _moment: &Moment,
        _spare: Option<Frame>,
    ) -> Result<Option<Frame>, SourceError> {
        if self.pacing == Pacing::Arrival {
            let (give, given) = (&self.give, self.given);
            while give.load(Ordering::SeqCst) <= given {
                std::thread::sleep(MS);
            }
        }
        std::thread::sleep(self.takes);
        let (width, height) = (self.size)(self.given);
        self.given += 1;
        match (self.end)(self.given) {
            Some(Ok(())) => Ok(None),
            Some(Err(text)) => Err(SourceError::Other(text)),
            None => Ok(Some(Frame::I420(I420::black(Size::new(width, height).unwrap())))),
        }
    }
}

pub fn stream(
    source: Grey,
    encoder: &Scripted,
    chain: impl IntoIterator<Item = Starter>,
) -> Stream {
    let settings = *encoder.settings.lock().unwrap();
    let encoder = encoder.start(&settings).unwrap();
    Stream::from_parts(Box::new(source), encoder, settings, chain).unwrap()
}
