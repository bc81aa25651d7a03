//! Frames, sources, the encoder thread and H.264 back ends (stub with the signatures that others build on).
use std::sync::Arc;
use std::time::Instant;

/// One encoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// Annex B, SPS and PPS before each IDR.
    pub data: Vec<u8>,
    /// Whether it holds an IDR picture.
    pub keyframe: bool,
    /// When the picture was captured. For paced sources the moment it was due, so that RTP times are even.
    pub captured: Instant,
    /// When encoding ended.
    pub encoded: Instant,
    /// Counts the source's pictures, from 0; gaps are pictures that were dropped before the encoder.
    pub sequence: u64,
}

/// Wakes an event loop from another thread. Cheap, may be called too often.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a runtime needs of whatever produces access units: implemented by [`Stream`], and by embedders.
pub trait Media: Send {
    /// Called once by the runtime before anything else: `wake` is to be called after each new access unit or event.
    fn set_wake(&mut self, wake: Wake);
    /// The next access unit, if one is ready. Never blocks.
    fn poll_access_unit(&mut self) -> Option<AccessUnit>;
    /// Something that happened to the stream. Never blocks.
    fn poll_event(&mut self) -> Option<MediaEvent>;
    /// Makes the next picture an IDR.
    fn request_keyframe(&mut self);
    /// Whether anybody watches; while not, nothing need be encoded. Starts as false.
    fn set_active(&mut self, active: bool);
}

/// What happened to a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// The source has no more pictures (end of standard input).
    Ended,
    /// The encoder or the source failed for good, with the text for people.
    Failed(String),
    /// The encoder has not answered for this many milliseconds.
    Stalled(u64),
    /// It answers again.
    Recovered,
}

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
    Y4mFile(std::path::PathBuf),
    /// An Annex B file, passed through, looped.
    H264File(std::path::PathBuf),
    /// y4m on standard input.
    Stdin,
}

/// Which back end to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EncoderChoice {
    /// The best that works here.
    #[default]
    Auto,
    /// OpenH264, on the CPU.
    OpenH264,
    /// Vulkan Video (not in yet: refused with a text).
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

/// All that a stream is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamConfig {
    /// Where pictures come from.
    pub source: SourceKind,
    /// Which back end.
    pub encoder: EncoderChoice,
    /// Width and height of the test picture (files bring their own).
    pub size: (u32, u32),
    /// Frames a second of the test picture; overrides a file's own where given.
    pub fps: Option<u32>,
    /// Bits per second.
    pub bitrate: u32,
    /// What the pictures show.
    pub content: Content,
}

/// Why a stream cannot start; the text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Placeholder.
    #[error("stub")]
    Stub,
}

/// A running stream: source thread, encoder thread, and the queue between them and the event loop.
pub struct Stream {}

impl Stream {
    /// Opens the source, makes the encoder (both checked now, so that errors come at start), starts the threads.
    pub fn start(_config: &StreamConfig) -> Result<Stream, StreamError> {
        unimplemented!()
    }
    /// What comes out.
    pub fn format(&self) -> &StreamFormat {
        unimplemented!()
    }
    /// A handle to counters that outlives the move of the stream into a runtime.
    pub fn stats(&self) -> Arc<StreamStats> {
        unimplemented!()
    }
}

/// Counters of a stream, readable from any thread.
#[derive(Debug, Default)]
pub struct StreamStats {
    /// Pictures the source produced.
    pub frames_captured: std::sync::atomic::AtomicU64,
    /// Pictures encoded.
    pub frames_encoded: std::sync::atomic::AtomicU64,
    /// Pictures dropped before the encoder because it was busy.
    pub frames_dropped: std::sync::atomic::AtomicU64,
    /// Keyframes encoded.
    pub keyframes: std::sync::atomic::AtomicU64,
    /// Bytes encoded.
    pub bytes: std::sync::atomic::AtomicU64,
    /// Microseconds spent in the encoder, all frames together.
    pub encode_micros: std::sync::atomic::AtomicU64,
}

impl Media for Stream {
    fn set_wake(&mut self, _wake: Wake) {
        unimplemented!()
    }
    fn poll_access_unit(&mut self) -> Option<AccessUnit> {
        unimplemented!()
    }
    fn poll_event(&mut self) -> Option<MediaEvent> {
        unimplemented!()
    }
    fn request_keyframe(&mut self) {
        unimplemented!()
    }
    fn set_active(&mut self, _active: bool) {
        unimplemented!()
    }
}
