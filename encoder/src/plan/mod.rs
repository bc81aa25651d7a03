//! Which encoder, and why: the one that is started, and what is to be said of the others.
//!
//! [`EncoderPlan`] is a pure function of what a [survey](crate::gpu) found and of what was asked for. The
//! program says it at start, in `pinhole doctor` and as `pinhole encoders`.

mod judge;
mod words;

pub use judge::{BackEnd, EncoderPlan, Outlook};

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use crate::config::EncoderChoice;
use crate::encoder::{EncodeError, Encoder, EncoderSettings, Starter};
use crate::error::StreamError;
use crate::gpu::survey;
use crate::openh264::{OpenH264, OpenH264Library};
use crate::vulkan_video::VulkanVideo;

/// An encoder that was started, which ones take over from it, and the line for people.
pub(crate) struct Started {
    pub(crate) encoder: Box<dyn Encoder>,
    pub(crate) chain: Vec<Starter>,
    pub(crate) line: String,
}

/// How long a back end may take to start before the next one is tried.
const PATIENCE: Duration = Duration::from_secs(4);

impl EncoderPlan {
    /// What this machine can do for `choice`. It asks drivers, the first time for some tenths of a second.
    #[must_use]
    pub fn here(choice: EncoderChoice) -> EncoderPlan {
        EncoderPlan::of(survey(), OpenH264::has_assembly(), choice, None)
    }
}

/// Starts the encoder that `choice` means. One that a GPU was to be, and that does not start, is left to the
/// next unless it was asked for by name. `library`: Cisco's binary, in place of the OpenH264 that is
/// built in.
pub(crate) fn start(
    choice: EncoderChoice,
    settings: &EncoderSettings,
    library: Option<&Path>,
) -> Result<Started, StreamError> {
    let (order, gpu, why) = match choice {
        // Whoever knows what they want does not wait for drivers.
        EncoderChoice::OpenH264 => (vec![BackEnd::OpenH264], None, "asked for by name".to_owned()),
        choice => {
            let size = Some(settings.size);
            let plan = EncoderPlan::of(survey(), OpenH264::has_assembly(), choice, size);
            let why = match choice {
                EncoderChoice::Auto => plan.why_no_gpu().to_owned(),
                _ => "asked for by name".to_owned(),
            };
            let chosen = plan.chosen.map_err(StreamError::NoSuchEncoder)?;
            let order = [chosen].into_iter().chain(plan.next).collect();
            (order, plan.encodes_on, why)
        }
    };
    let is_named = choice != EncoderChoice::Auto;
    let library =
        library.map_or_else(|| Ok(OpenH264Library::built_in()), OpenH264Library::cisco)?;
    let start = |back_end: &BackEnd| starter(*back_end, gpu.clone(), library.clone());
    let chain = order.iter().map(start).collect();
    first_that_starts(&order, chain, settings, is_named, why)
}

fn starter(back_end: BackEnd, gpu: Option<String>, library: OpenH264Library) -> Starter {
    Starter::new(back_end.name(), move |settings| match back_end {
        BackEnd::VulkanVideo => Ok(Box::new(VulkanVideo::new(settings, gpu.as_deref())?)),
        BackEnd::OpenH264 => Ok(Box::new(OpenH264::with_library(&library, settings)?)),
        BackEnd::VulkanCompute => {
            Err(EncodeError::Unsupported(format!("{} {}", back_end.name(), words::NOT_BUILT_IN)))
        }
    })
}

/// Goes through the chain. Those that do not start are no part of it any more.
fn first_that_starts(
    order: &[BackEnd],
    mut chain: Vec<Starter>,
    settings: &EncoderSettings,
    is_named: bool,
    mut why: String,
) -> Result<Started, StreamError> {
    let mut refused = None;
    for back_end in order {
        match in_time(&chain[0], settings, PATIENCE) {
            Ok(encoder) => {
                // After those behind it, it is tried again itself.
                chain.rotate_left(1);
                let line = format!("{} ({why})", encoder.describe());
                return Ok(Started { encoder, chain, line });
            }
            Err(error) if is_named && *back_end != BackEnd::OpenH264 => {
                let why = format!("it does not start: {error}");
                return Err(StreamError::NoSuchEncoder(back_end.unusable(&why)));
            }
            Err(error) => {
                why = format!("{} does not start: {error}", back_end.name());
                tracing::warn!("{why}");
                refused = Some(error);
            }
        }
        chain.remove(0);
    }
    let none = || EncodeError::Unsupported("there is none".to_owned());
    Err(StreamError::Encoder(refused.unwrap_or_else(none)))
}

/// Starts a back end on a thread that is waited for so long and not longer.
fn in_time(
    starter: &Starter,
    settings: &EncoderSettings,
    patience: Duration,
) -> Result<Box<dyn Encoder>, EncodeError> {
    let (told, hears) = mpsc::sync_channel(1);
    let (own, settings) = (starter.clone(), *settings);
    // One that hangs in a driver cannot be ended; it holds nothing of ours.
    let thread = std::thread::Builder::new().name("pinhole-starts".to_owned());
    thread
        .spawn(move || _ = told.send(own.start(&settings)))
        .map_err(|error| EncodeError::BackEnd(format!("no thread to start it on: {error}")))?;
    match hears.recv_timeout(patience) {
        Ok(started) => started,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            let text = format!("no answer for {} s", patience.as_secs_f64());
            Err(EncodeError::BackEnd(text))
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err(EncodeError::Panicked("while it started".to_owned()))
        }
    }
}

/// Threads for one picture: two where there are two cores, since more slices cost quality and the event
/// loop needs a core too; four for pictures beyond 1080p.
pub(crate) fn threads(macroblocks: u32) -> u16 {
    const BEYOND_1080P: u32 = 8_704;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = if macroblocks > BEYOND_1080P { 4 } else { 2 };
    u16::try_from(cores).unwrap_or(u16::MAX).min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Content;
    use crate::frame::{FrameRate, Size};

    fn settings() -> EncoderSettings {
        EncoderSettings {
            size: Size::new(320, 180).unwrap(),
            rate: FrameRate::per_second(30).unwrap(),
            bitrate: 500_000,
            content: Content::Camera,
            full_range: false,
            threads: 1,
        }
    }

    fn failing() -> Starter {
        Starter::new("vulkan-video", |_| Err(EncodeError::BackEnd("no session left".into())))
    }

    const BOTH: [BackEnd; 2] = [BackEnd::VulkanVideo, BackEnd::OpenH264];

    #[test]
    fn what_does_not_start_is_passed_over_and_told_of() {
        let chain = vec![failing(), starter(BackEnd::OpenH264, None, OpenH264Library::built_in())];
        let why = "preferred to the CPU".to_owned();
        let started = first_that_starts(&BOTH, chain, &settings(), false, why).unwrap();
        let says = "(vulkan-video does not start: no session left)";
        assert!(started.line.starts_with("OpenH264 ") && started.line.ends_with(says));
        let names: Vec<&str> = started.chain.iter().map(Starter::name).collect();
        assert_eq!(names, ["openh264"], "what did not start does not take over either");
    }

    #[test]
    fn what_was_asked_for_by_name_and_does_not_start_is_refused() {
        let chain = vec![failing(), starter(BackEnd::OpenH264, None, OpenH264Library::built_in())];
        let error = first_that_starts(&BOTH, chain, &settings(), true, String::new());
        assert_eq!(
            error.err().unwrap().to_string(),
            "--encoder vulkan-video cannot be used: it does not start: no session left; use --encoder \
             auto or openh264"
        );
    }

    #[test]
    fn a_start_that_hangs_or_panics_is_not_waited_for() {
        let (hold, until) = mpsc::channel::<()>();
        let until = std::sync::Mutex::new(until);
        let hangs = Starter::new("hangs", move |_| {
            let _ = until.lock().unwrap().recv();
            Err(EncodeError::BackEnd("late".into()))
        });
        let patience = Duration::from_millis(20);
        let error = in_time(&hangs, &settings(), patience).err().unwrap().to_string();
        assert_eq!(error, "no answer for 0.02 s");
        drop(hold);
        let panics = Starter::new("panics", |_| panic!("as a driver would"));
        let error = in_time(&panics, &settings(), Duration::from_secs(10)).err().unwrap();
        assert_eq!(error.to_string(), "the encoder panicked: while it started");
    }
}
