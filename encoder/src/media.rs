//! What event loops see of a stream.

use std::sync::Arc;

use crate::access_unit::AccessUnit;

/// Wakes an event loop from another thread. Cheap, may be called too often.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a runtime needs of whatever produces access units: implemented by [`crate::Stream`], and by
/// embedders.
pub trait Media: Send {
    /// Called once by the runtime before anything else: `wake` is to be called after each new access
    /// unit or event.
    fn set_wake(&mut self, wake: Wake);
    /// The next access unit, if one is ready. Never blocks.
    fn poll_access_unit(&mut self) -> Option<AccessUnit>;
    /// Something that happened to the stream. Never blocks.
    fn poll_event(&mut self) -> Option<MediaEvent>;
    /// Makes the next picture an IDR.
    fn request_keyframe(&mut self);
    /// Whether anybody watches; while not, nothing need be encoded. Starts as false.
    fn set_active(&mut self, active: bool);
    /// Changes the bits per second, without an IDR where the encoder can. Streams that are not encoded
    /// here do nothing, as this does.
    fn set_bitrate(&mut self, _bits_per_second: u32) {}
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
    /// Another encoder took over, with an IDR, and has encoded its first picture.
    Replaced {
        /// The one before, as it describes itself.
        from: String,
        /// The one that encodes now.
        to: String,
        /// What went wrong, for people; where others were tried in between, with them too.
        why: String,
    },
}
