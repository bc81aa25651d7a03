//! What an encoder back end is, whether it runs on the CPU or on a GPU.
//!
//! A back end is owned by the encoder thread, which calls it for one frame after the other. How long each
//! call takes is watched, and what comes out is checked: a back end that hangs, fails, panics or writes what
//! it should not is replaced by the next of a chain of [`Starter`]s. Frames arrive in the formats that [`Capabilities::inputs`] names, or in any
//! other: a back end converts what it does not take, so that sources need not know. Pictures in the memory of
//! a device go to the back ends that name [`PixelFormat::Device`]; for others they are read back.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Content;
use crate::frame::{Frame, FrameRate, PixelFormat, Size};

/// What an encoder is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Size of the pictures.
    pub size: Size,
    /// How many pictures a second arrive.
    pub rate: FrameRate,
    /// Bits per second to keep to.
    pub bitrate: u32,
    /// What the pictures show.
    pub content: Content,
    /// Whether samples use 0 to 255 rather than 16 to 235.
    pub full_range: bool,
    /// Threads that may encode one picture, at least 1.
    pub threads: u16,
}

impl EncoderSettings {
    /// Refuses a frame of another size.
    pub(crate) fn check_size(&self, frame: &Frame) -> Result<(), EncodeError> {
        let (want, got) = (self.size, frame.size());
        if want == got { Ok(()) } else { Err(EncodeError::WrongSize { want, got }) }
    }
}

/// What goes with one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameControl {
    /// Makes this picture an IDR.
    pub force_idr: bool,
    /// When it was captured, since the first one.
    pub at: Duration,
}

/// What came out of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoded {
    /// An IDR picture, with its parameter sets before it.
    Idr,
    /// A picture that needs the ones before it.
    Delta,
    /// Nothing: the back end left the picture out.
    Skipped,
}

/// How a change of settings shows in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Not at all.
    Seamless,
    /// The next picture is an IDR, perhaps with another level or size.
    NextIsIdr,
}

/// What a back end can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Formats it takes without converting.
    pub inputs: &'static [PixelFormat],
    /// Slices it cuts a picture into.
    pub slices: u16,
    /// Whether bitrate and frame rate change without an IDR, within the level.
    pub seamless_rate: bool,
}

/// Why a back end failed. The texts are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Settings that this back end cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// A frame of another size than the settings say.
    #[error("the encoder is set to {want} and got a picture of {got}")]
    WrongSize {
        /// Size of the settings.
        want: Size,
        /// Size of the frame.
        got: Size,
    },
    /// The back end reported a failure.
    #[error("{0}")]
    BackEnd(String),
    /// The back end panicked, which is a bug in it.
    #[error("the encoder panicked: {0}")]
    Panicked(String),
    /// The back end wrote what viewers must not get.
    #[error("the encoder wrote {0}")]
    Output(String),
}

/// An H.264 encoder: one frame in, one access unit out, no B pictures, no delay.
pub trait Encoder: Send {
    /// Returns one line for people: which back end, how it runs.
    fn describe(&self) -> String;

    /// Returns what it can do.
    fn capabilities(&self) -> Capabilities;

    /// Returns profile_idc, constraint flags and level_idc of the SPS that the next IDR will carry.
    fn profile_level_id(&self) -> [u8; 3];

    /// Encodes one frame and appends the access unit to `out` as Annex B, with SPS and PPS before
    /// an IDR. IDRs appear at the start, where forced, after [`Effect::NextIsIdr`], and where a back end
    /// follows a bitrate late that it cannot change otherwise.
    fn encode(
        &mut self,
        frame: &Frame,
        control: FrameControl,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError>;

    /// Changes the settings. After an error the old ones are still in force.
    fn reconfigure(&mut self, settings: &EncoderSettings) -> Result<Effect, EncodeError>;
}

/// A back end that can be started, as often as need be, on whichever thread.
#[derive(Clone)]
pub struct Starter {
    name: String,
    start: Arc<StartFn>,
}

type StartFn = dyn Fn(&EncoderSettings) -> Result<Box<dyn Encoder>, EncodeError> + Send + Sync;

impl Starter {
    /// Takes what people call it, and what starts it. That may fail, panic or hang; a thread in which it
    /// hangs is left behind, so it must hold nothing that another start needs.
    pub fn new(
        name: impl Into<String>,
        start: impl Fn(&EncoderSettings) -> Result<Box<dyn Encoder>, EncodeError>
        + Send
        + Sync
        + 'static,
    ) -> Starter {
        Starter { name: name.into(), start: Arc::new(start) }
    }

    /// Returns what people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts one.
    pub fn start(&self, settings: &EncoderSettings) -> Result<Box<dyn Encoder>, EncodeError> {
        (self.start)(settings)
    }
}

impl std::fmt::Debug for Starter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Starter({})", self.name)
    }
}
