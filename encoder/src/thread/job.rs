//! What the encoder thread is to do next.

use std::time::{Duration, Instant};

use super::shared::{RawPicture, Shared};

/// A picture to encode.
pub(super) struct Job {
    pub(super) picture: RawPicture,
    pub(super) force_idr: bool,
    pub(super) bitrate: Option<u32>,
    pub(super) generation: u64,
}

impl Shared {
    /// Waits for a picture, or for somebody who needs the last one again; no sooner than `rests_until`,
    /// unless somebody needs one. `None` when the stream stops or another than the back end of this
    /// `number` took over.
    pub(super) fn next_job(&self, number: u64, rests_until: Option<Instant>) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.stopping || state.epoch.number != number {
                return None;
            }
            let rests = rests_until.filter(|_| !state.keyframe);
            let left = rests
                .map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            if !left.is_zero() {
                state = self.wait_for(state, left);
                continue;
            }
            if state.active {
                let mut picture = state.mailbox.take();
                if picture.is_none() && self.live && state.keyframe {
                    picture = state.last.take().map(|last| {
                        let sequence = state.sequence;
                        state.sequence += 1;
                        RawPicture { captured: Instant::now(), sequence, ..last }
                    });
                }
                if let Some(picture) = picture {
                    let force_idr = std::mem::take(&mut state.keyframe);
                    state.idr_in_work = force_idr;
                    let (bitrate, generation) = (state.bitrate, state.generation);
                    state.epoch.in_work = Some((picture.clone(), generation));
                    return Some(Job { picture, force_idr, bitrate, generation });
                }
            }
            state = self.wait(state);
        }
    }
}
