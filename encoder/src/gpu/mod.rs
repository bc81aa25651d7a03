//! What GPUs this machine has, and which of them encode H.264: facts, gathered without a stream.
//!
//! [`survey`] asks the Vulkan loader, if there is one, for its devices, their queue families and what their
//! H.264 encode queues can do (Vulkan 1.3.281, chapter Video Coding), and looks at what the system lets this
//! process reach ([`Surroundings`]). It makes no device and allocates nothing on one. Drivers are other
//! people's code, run on a thread that is waited for so long and not longer. What follows from the facts is
//! the business of [`crate::plan`].

mod facts;
#[cfg(test)]
mod fake;
mod level;
mod surroundings;
mod vulkan;

use std::path::Path;
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

pub use facts::{Codecs, Gpu, GpuKind, H264Encode, NoVulkan, ProfileCaps, QueueFamily, Survey};
pub use surroundings::{Closed, Surroundings};

/// A driver that has not answered for so long is left alone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at the machine; the first call of a process, those after it repeat what was found. It takes some
/// tenths of a second where there are drivers, and at most 5 s.
pub fn survey() -> &'static Survey {
    static FOUND: OnceLock<Survey> = OnceLock::new();
    FOUND.get_or_init(|| Survey {
        vulkan: ask_in_time(vulkan::ask_loader, PATIENCE),
        surroundings: Surroundings::look(Path::new("/"), |name| std::env::var(name).ok()),
    })
}

fn ask_in_time<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, NoVulkan> + Send + 'static,
    patience: Duration,
) -> Result<T, NoVulkan> {
    let (told, hears) = mpsc::sync_channel(1);
    // One that hangs in a driver cannot be ended; it holds nothing of ours.
    let thread = std::thread::Builder::new().name("gpu-survey".to_owned());
    let begun = thread.spawn(move || _ = told.send(ask()));
    if let Err(error) = begun {
        return Err(NoVulkan::Failed(format!("no thread to ask it on: {error}")));
    }
    match hears.recv_timeout(patience) {
        Ok(found) => found,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(NoVulkan::Silent(patience)),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err(NoVulkan::Failed("the driver ended the thread that asked it".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_that_hangs_is_not_waited_for() {
        let patience = Duration::from_millis(20);
        let (hold, until) = mpsc::channel::<()>();
        let hangs = move || {
            let _ = until.recv();
            Ok(())
        };

        assert_eq!(ask_in_time(hangs, patience), Err(NoVulkan::Silent(patience)));
        drop(hold);
        assert_eq!(ask_in_time(|| Ok(7), Duration::from_secs(10)), Ok(7));
        let panics = || -> Result<(), NoVulkan> { panic!("as a driver would") };
        let ended = ask_in_time(panics, Duration::from_secs(10));
        assert!(matches!(ended, Err(NoVulkan::Failed(_))), "{ended:?}");
    }
}
