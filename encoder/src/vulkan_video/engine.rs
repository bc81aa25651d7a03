//! What the back end needs of gpu-video, so that all that is ours can be tested without a GPU.

use crate::encoder::{EncodeError, EncoderSettings};
use crate::frame::Frame;

/// A GPU, which starts encoders.
pub(super) trait Device: Send {
    /// As its driver calls it.
    fn name(&self) -> &str;

    /// Starts an encoder whose settings never change.
    fn start(&self, settings: &EncoderSettings) -> Result<Box<dyn Engine>, EncodeError>;
}

/// An encoder on a GPU. Its first picture is an IDR, and after that only those forced.
pub(super) trait Engine: Send {
    /// SPS and PPS as the driver writes them, each with a start code.
    fn parameter_sets(&mut self) -> Result<(Vec<u8>, Vec<u8>), EncodeError>;

    /// Takes the picture that is encoded next. Returns false where it cannot be converted.
    fn take(&mut self, frame: &Frame) -> bool;

    /// Encodes it, with start codes and without parameter sets.
    fn encode(&mut self, force_idr: bool) -> Result<Vec<u8>, EncodeError>;
}
