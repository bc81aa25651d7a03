//! Frames, each with the moment at which it was handed over.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use peers::Frames;
use pinhole_encoder::{AccessUnit, Media, MediaEvent, Wake};

/// Frames that wait for the loop at most; more, and it is not keeping up, so the oldest goes.
const WAITING_MAX: usize = 8;

/// What the thread that makes frames and the loop that sends them share.
#[derive(Default)]
struct Shared {
    waiting: VecDeque<AccessUnit>,
    wake: Option<Wake>,
}

/// A source of frames that look encoded and are not: no picture comes of them.
pub(crate) struct StampedMedia(Arc<Mutex<Shared>>);

impl StampedMedia {
    /// Hands them over from now on, each when it is due, on a thread that ends with the process.
    pub(crate) fn start(frames: Frames) -> StampedMedia {
        let shared = Arc::default();
        let media = StampedMedia(Arc::clone(&shared));
        std::thread::spawn(move || hand_over(&shared, &frames));
        media
    }
}

impl Media for StampedMedia {
    fn set_wake(&mut self, wake: Wake) {
        lock(&self.0).wake = Some(wake);
    }

    fn poll_access_unit(&mut self) -> Option<AccessUnit> {
        lock(&self.0).waiting.pop_front()
    }

    fn poll_event(&mut self) -> Option<MediaEvent> {
        None
    }

    /// One comes soon in any case.
    fn request_keyframe(&mut self) {}

    fn set_active(&mut self, _active: bool) {}
}

fn hand_over(shared: &Mutex<Shared>, frames: &Frames) {
    for sequence in 0.. {
        let captured = frames.due(sequence);
        std::thread::sleep(captured.saturating_duration_since(Instant::now()));
        let (data, keyframe) = (frames.frame(sequence), frames.is_keyframe(sequence));
        let unit = AccessUnit { data, keyframe, captured, encoded: Instant::now(), sequence };
        let wake = {
            let mut shared = lock(shared);
            if shared.waiting.len() == WAITING_MAX {
                shared.waiting.pop_front();
            }
            shared.waiting.push_back(unit);
            shared.wake.clone()
        };
        wake.into_iter().for_each(|wake| wake());
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
