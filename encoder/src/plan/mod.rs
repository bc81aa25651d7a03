//! Which encoder, and why: the one that is started, and what is to be said of the others.
//!
//! [`EncoderPlan`] is a pure function of what a [survey](crate::gpu) found and of what was asked for. The
//! program says it at start, in `pinhole doctor` and as `pinhole encoders`.

mod judge;
mod words;

pub use judge::{BackEnd, EncoderPlan, Outlook};

use std::path::Path;

use crate::config::EncoderChoice;
use crate::encoder::{Encoder, EncoderSettings, Remake};
use crate::error::StreamError;
use crate::gpu::survey;
use crate::openh264::{OpenH264, OpenH264Library};

/// An encoder that was started, how to start another like it, and the line for people.
pub(crate) struct Started {
    pub(crate) encoder: Box<dyn Encoder>,
    pub(crate) remake: Remake,
    pub(crate) line: String,
}

impl EncoderPlan {
    /// What this machine can do for `choice`. It asks drivers, the first time for some tenths of a second.
    #[must_use]
    pub fn here(choice: EncoderChoice) -> EncoderPlan {
        EncoderPlan::of(survey(), OpenH264::has_assembly(), choice)
    }
}

/// Starts the encoder that `choice` means. `library`: Cisco's binary, in place of the OpenH264 that is
/// built in.
pub(crate) fn start(
    choice: EncoderChoice,
    settings: &EncoderSettings,
    library: Option<&Path>,
) -> Result<Started, StreamError> {
    let reason = match choice {
        // Whoever knows what they want does not wait for drivers.
        EncoderChoice::OpenH264 => "asked for by name".to_owned(),
        choice => {
            let plan = EncoderPlan::here(choice);
            match plan.chosen {
                Ok(BackEnd::OpenH264) => plan.why_no_gpu().to_owned(),
                Ok(other) => {
                    return Err(StreamError::NoSuchEncoder(other.unusable("is not built in")));
                }
                Err(why) => return Err(StreamError::NoSuchEncoder(why)),
            }
        }
    };
    let library =
        library.map_or_else(|| Ok(OpenH264Library::built_in()), OpenH264Library::cisco)?;
    let encoder = OpenH264::with_library(&library, settings)?;
    let line = format!("{} ({reason})", encoder.describe());
    let remake: Remake =
        Box::new(move |settings| Ok(Box::new(OpenH264::with_library(&library, settings)?)));
    Ok(Started { encoder: Box::new(encoder), remake, line })
}

/// Threads for one picture: two where there are two cores, since more slices cost quality and the event
/// loop needs a core too; four for pictures beyond 1080p.
pub(crate) fn threads(macroblocks: u32) -> u16 {
    const BEYOND_1080P: u32 = 8_704;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = if macroblocks > BEYOND_1080P { 4 } else { 2 };
    u16::try_from(cores).unwrap_or(u16::MAX).min(wanted)
}
