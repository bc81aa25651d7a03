//! Sources and encoders that follow a script.
#![allow(dead_code, unreachable_pub)]

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pinhole_encoder::encoder::{Capabilities, Effect, EncodeError, Encoded, FrameControl, Remake};
use pinhole_encoder::frame::I420;
use pinhole_encoder::source::{Moment, Pacing, SourceError, SourceFormat};
use pinhole_encoder::{Encoder, EncoderSettings, Frame, Size, Source, Stream};

use super::{MS, settings, wait_until};

/// What a scripted encoder does with picture `n`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    Encode,
    Sleep(u64),
    /// Until the test lets go.
    Hang,
    Fail,
    Panic,
}

/// An encoder that follows a script and notes what it was asked.
#[derive(Clone)]
pub struct Scripted {
    script: fn(u32) -> Act,
    pub calls: Arc<AtomicU32>,
    pub forced: Arc<Mutex<Vec<u32>>>,
    pub settings: Arc<Mutex<EncoderSettings>>,
    pub let_go: Arc<AtomicBool>,
}

impl Scripted {
    pub fn new(script: fn(u32) -> Act) -> Scripted {
        Scripted {
            script,
            calls: Arc::default(),
            forced: Arc::default(),
            settings: Arc::new(Mutex::new(settings(64, 64, 100, 1_000_000))),
            let_go: Arc::default(),
        }
    }
}

impl Encoder for Scripted {
    fn describe(&self) -> String {
        "scripted".into()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { inputs: &[], slices: 1, seamless_rate: true }
    }

    fn profile_level_id(&self) -> [u8; 3] {
        [0x42, 0xc0, 0x1f]
    }

    fn encode(
        &mut self,
        frame: &Frame,
        control: FrameControl,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let n = self.calls.fetch_add(1, Ordering::SeqCst);
        if control.force_idr {
            self.forced.lock().unwrap().push(n);
        }
        assert_eq!(frame.size(), self.settings.lock().unwrap().size);
        match (self.script)(n) {
            Act::Encode => {}
            Act::Sleep(ms) => std::thread::sleep(MS * u32::try_from(ms).unwrap()),
            Act::Hang => wait_until("let go", || self.let_go.load(Ordering::SeqCst)),
            Act::Fail => return Err(EncodeError::BackEnd(format!("failed at {n}"))),
            Act::Panic => panic!("at {n}"),
        }
        let idr = control.force_idr || n == 0;
        out.extend_from_slice(&[0, 0, 0, 1, if idr { 0x65 } else { 0x41 }, 0x80]);
        Ok(if idr { Encoded::Idr } else { Encoded::Delta })
    }

    fn reconfigure(&mut self, settings: &EncoderSettings) -> Result<Effect, EncodeError> {
        if settings.bitrate == 666 {
            return Err(EncodeError::Unsupported("no".into()));
        }
        *self.settings.lock().unwrap() = *settings;
        Ok(Effect::Seamless)
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

pub fn stream(source: Grey, encoder: &Scripted, remake: Option<Remake>) -> Stream {
    let settings = *encoder.settings.lock().unwrap();
    Stream::from_parts(Box::new(source), Box::new(encoder.clone()), settings, remake).unwrap()
}
