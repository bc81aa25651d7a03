//! Chooses the encoder, and says why.

use crate::config::EncoderChoice;
use crate::encoder::{Encoder, EncoderSettings, Remake};
use crate::error::StreamError;
use crate::openh264::OpenH264;

/// An encoder that was started, how to start another like it, and the line for people.
pub(crate) struct Plan {
    pub(crate) encoder: Box<dyn Encoder>,
    pub(crate) remake: Remake,
    pub(crate) line: String,
}

/// Starts the encoder that `choice` means.
pub(crate) fn plan(choice: EncoderChoice, settings: &EncoderSettings) -> Result<Plan, StreamError> {
    let reason = match choice {
        EncoderChoice::Auto => "no GPU encoder back end is built in yet",
        EncoderChoice::OpenH264 => "asked for by name",
        EncoderChoice::VulkanVideo => {
            return Err(StreamError::NoSuchEncoder(
                "--encoder vulkan-video is not built in yet; use --encoder auto or openh264",
            ));
        }
        EncoderChoice::VulkanCompute => {
            return Err(StreamError::NoSuchEncoder(
                "--encoder vulkan-compute is not built in yet; use --encoder auto or openh264",
            ));
        }
    };
    let encoder = OpenH264::new(settings)?;
    let line = format!("{} ({reason})", encoder.describe());
    let remake: Remake = Box::new(|settings| Ok(Box::new(OpenH264::new(settings)?)));
    Ok(Plan { encoder: Box::new(encoder), remake, line })
}

/// Threads for one picture: two where there are two cores, since more slices cost quality and the event
/// loop needs a core too; four for pictures beyond 1080p.
pub(crate) fn threads(macroblocks: u32) -> u16 {
    const BEYOND_1080P: u32 = 8_704;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = if macroblocks > BEYOND_1080P { 4 } else { 2 };
    u16::try_from(cores).unwrap_or(u16::MAX).min(wanted)
}
