//! Says when the encoder does not come back, and when it does after all.
//!
//! A back end that hangs, in a driver for instance, cannot be ended from outside. What can be done is to
//! let people know, and to let them leave: dropping the stream does not wait for it.

use std::time::Duration;

use super::shared::{Shared, Worker};
use crate::media::MediaEvent;

/// How long one picture may take before somebody is told.
const PATIENCE: Duration = Duration::from_millis(1000);
/// How often it is looked at, while somebody watches.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs until the stream is dropped.
pub(crate) fn run(shared: &Shared) {
    let _running = shared.running(Worker::Watchdog);
    let mut stalled = None;
    let mut state = shared.lock();
    while !state.stopping {
        let since = state.encoding_since;
        let waited = since.map(|since| since.elapsed()).filter(|&time| time >= PATIENCE);
        let event = match (stalled, waited) {
            // Still the same picture.
            (Some(_), _) if stalled == since => None,
            (Some(_), _) => {
                stalled = None;
                Some(MediaEvent::Recovered)
            }
            (None, Some(time)) => {
                stalled = since;
                let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(ms, "the encoder does not answer");
                Some(MediaEvent::Stalled(ms))
            }
            (None, None) => None,
        };
        if let Some(event) = event {
            drop(state);
            shared.report(event);
            state = shared.lock();
            continue;
        }
        state = shared.wait_watching(state, LOOK_EVERY);
    }
}
