//! Pictures in a device's memory, for back ends that do not import it.

use crate::encoder::Capabilities;
use crate::frame::{Frame, I420, PixelFormat};

/// Reads back, into one picture over and over.
#[derive(Debug, Default)]
pub(super) struct ReadBack {
    room: Option<I420>,
    /// The last one could not be read.
    failing: bool,
}

/// A picture as the back end takes it.
pub(super) enum Taken {
    AsItIs,
    Instead(Frame),
    /// It cannot be read.
    Lost,
}

impl ReadBack {
    /// Reads a picture back if that is needed.
    pub(super) fn take(&mut self, frame: &Frame, capabilities: &Capabilities) -> Taken {
        let Frame::Device(picture) = frame else { return Taken::AsItIs };
        if capabilities.inputs.contains(&PixelFormat::Device) {
            return Taken::AsItIs;
        }
        let mut room = Frame::reuse_i420(self.room.take().map(Frame::I420), frame.size());
        match picture.0.read_into(&mut room) {
            Ok(()) => {
                self.failing = false;
                Taken::Instead(Frame::I420(room))
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(%error, "pictures of the source cannot be read, and are left out");
                }
                self.room = Some(room);
                Taken::Lost
            }
        }
    }

    /// Takes a picture back that was encoded.
    pub(super) fn put_back(&mut self, frame: Option<Frame>) {
        if let Some(Frame::I420(room)) = frame {
            self.room = Some(room);
        }
    }
}
