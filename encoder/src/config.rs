//! What a stream is made of, and what comes out.

use std::path::PathBuf;

/// What comes out of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFormat {
    /// Picture width in pixels.
    pub width: u32,
    /// Picture height in pixels.
    pub height: u32,
    /// Frames per 1000 seconds (30 fps is 30000).
    pub frames_per_1000s: u32,
    /// The three bytes of the H.264 profile-level-id.
    pub profile_level_id: [u8; 3],
    /// The back end, chosen and why, for people: one line.
    pub encoder: String,
}

/// Where pictures come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// The moving test picture.
    Test,
    /// A y4m file, looped.
    Y4mFile(PathBuf),
    /// An Annex B file, passed through, looped.
    H264File(PathBuf),
    /// y4m on standard input.
    Stdin,
    /// A ring in shared memory, by its name under `/dev/shm` or a whole path.
    SharedMemory(String),
    /// The screen of an X server: a display such as `:0`, or that of the environment.
    X11(Option<String>),
}

/// For people: `test picture`, the path of a file, `y4m on standard input`.
impl std::fmt::Display for SourceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SourceKind::Test => f.write_str("test picture"),
            SourceKind::Y4mFile(path) | SourceKind::H264File(path) => path.display().fmt(f),
            SourceKind::Stdin => f.write_str("y4m on standard input"),
            SourceKind::SharedMemory(name) => write!(f, "shared memory {name}"),
            SourceKind::X11(None) => f.write_str("X11 screen"),
            SourceKind::X11(Some(display)) => write!(f, "X11 screen {display}"),
        }
    }
}

/// Which back end to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EncoderChoice {
    /// The best that works here.
    #[default]
    Auto,
    /// OpenH264, on the CPU.
    OpenH264,
    /// The encode engine of a GPU, through Vulkan Video (not in yet: refused with a text).
    VulkanVideo,
    /// Vulkan compute (not in yet: refused with a text).
    VulkanCompute,
}

/// What the pictures show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Content {
    /// Camera-like.
    #[default]
    Camera,
    /// Screen-like: text, windows.
    Screen,
}

/// How pictures are encoded, wherever they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Which back end.
    pub encoder: EncoderChoice,
    /// Bits per second.
    pub bitrate: u32,
    /// What the pictures show.
    pub content: Content,
    /// Cisco's binary of OpenH264, used in place of the one that is built in.
    pub openh264_library: Option<PathBuf>,
}

impl Default for EncoderConfig {
    fn default() -> EncoderConfig {
        let (encoder, content) = (EncoderChoice::default(), Content::default());
        EncoderConfig { encoder, bitrate: 3_000_000, content, openh264_library: None }
    }
}

/// All that a stream is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamConfig {
    /// Where pictures come from.
    pub source: SourceKind,
    /// Which back end.
    pub encoder: EncoderChoice,
    /// Width and height of the test picture, and of shared memory that is not there yet (all else brings
    /// its own).
    pub size: (u32, u32),
    /// Frames a second of the test picture; overrides what a source says itself where given.
    pub fps: Option<u32>,
    /// Bits per second.
    pub bitrate: u32,
    /// What the pictures show.
    pub content: Content,
    /// Cisco's binary of OpenH264, used in place of the one that is built in.
    pub openh264_library: Option<PathBuf>,
}

impl StreamConfig {
    /// How the pictures are encoded.
    #[must_use]
    pub fn encoder(&self) -> EncoderConfig {
        EncoderConfig {
            encoder: self.encoder,
            bitrate: self.bitrate,
            content: self.content,
            openh264_library: self.openh264_library.clone(),
        }
    }
}
