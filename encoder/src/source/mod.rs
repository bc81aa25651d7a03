//! Where pictures come from.
//!
//! A [`Source`] makes one raw picture at a time. Sources on the clock ([`Pacing::Clock`]) are asked
//! exactly when a picture is due; live ones ([`Pacing::Arrival`]) block until one has come. Files that
//! are encoded already do not pass through here: see [`H264File`].

mod app;
mod h264_file;
pub mod shared_memory;
pub mod test_picture;
mod x11;
mod y4m;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use app::{AppSource, FrameSender, SendError};
pub use h264_file::H264File;
pub use shared_memory::{RingWriter, SharedMemory};
pub use test_picture::TestPicture;
pub use x11::X11Screen;
pub use y4m::{Y4mFile, Y4mStream};

use crate::frame::{Frame, FrameRate, RateError, Size, SizeError};

/// Who decides when the next picture is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// The source thread, by the frame rate.
    Clock,
    /// The pictures, by arriving. Reading may block for ever.
    Arrival,
}

/// What a source gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFormat {
    /// Size of its pictures.
    pub size: Size,
    /// Pictures a second; of a live source, what it announces.
    pub rate: FrameRate,
    /// Who decides when the next one is due.
    pub pacing: Pacing,
    /// Whether samples use 0 to 255 rather than 16 to 235.
    pub full_range: bool,
}

/// The moment that a picture is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Counts pictures, from 0.
    pub sequence: u64,
    /// When it was due. Of live sources, the moment of asking.
    pub due: Instant,
    /// The same, since 1970.
    pub since_epoch: Duration,
}

/// Something that makes pictures. Runs on a thread of its own.
pub trait Source: Send {
    /// Returns what it gives. Fixed, but for the size, which single pictures may change.
    fn format(&self) -> SourceFormat;

    /// Returns the next picture, or `None` after the last. `spare` is one that it made before and that
    /// nobody needs any more, to be overwritten rather than allocated anew.
    fn next_frame(
        &mut self,
        moment: &Moment,
        spare: Option<Frame>,
    ) -> Result<Option<Frame>, SourceError>;

    /// Returns when the last picture was captured, of a live source that knows. Otherwise it is the
    /// moment at which the picture came.
    fn captured(&self) -> Option<Instant> {
        None
    }

    /// Returns what ends a blocked [`Source::next_frame`] from another thread, and every one after it:
    /// it returns `None` then. The stream calls it when it is dropped, so that no thread is left behind.
    fn stopper(&self) -> Option<Stopper> {
        None
    }
}

/// See [`Source::stopper`].
pub type Stopper = Box<dyn Fn() + Send + Sync>;

/// Why pictures cannot be had; the text says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file cannot be opened or read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Reading a live stream failed.
    #[error("{name}: {error}")]
    Read {
        /// Which stream.
        name: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// No header came.
    #[error(
        "{name}: no y4m header within {seconds} s; pipe one in: \
         ffmpeg -i INPUT -pix_fmt yuv420p -f yuv4mpegpipe - | pinhole serve --source -"
    )]
    NoHeader {
        /// Which stream.
        name: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Not a y4m stream.
    #[error(
        "{name}: {reason}; make one with: ffmpeg -i INPUT -pix_fmt yuv420p -f yuv4mpegpipe OUTPUT.y4m"
    )]
    NotY4m {
        /// Which stream.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// An H.264 file that browsers could not follow.
    #[error("{}: {reason}", path.display())]
    NotH264 {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A screen that cannot be captured.
    #[error("x11:{display}: {reason}")]
    X11 {
        /// Which display.
        display: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A name that no shared memory can have.
    #[error("shm:{name}: {reason}")]
    SharedMemory {
        /// As it was given.
        name: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The test picture does not fit.
    #[error("the test picture needs at least 320x180, not {0}")]
    TooSmall(Size),
    /// A size that cannot be encoded.
    #[error("{name}: {error}")]
    Size {
        /// Which stream.
        name: String,
        /// What is wrong.
        error: SizeError,
    },
    /// A frame rate that cannot be kept.
    #[error("{name}: {error}")]
    Rate {
        /// Which stream.
        name: String,
        /// What is wrong.
        error: RateError,
    },
    /// Anything else, of an embedder's source.
    #[error("{0}")]
    Other(String),
}
