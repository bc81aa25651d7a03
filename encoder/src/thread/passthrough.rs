//! The one thread of a file that is encoded already: hands out access units when they are due.

use std::time::{Duration, Instant};

use super::clock::Clock;
use super::shared::{Shared, State, Worker};
use crate::access_unit::AccessUnit;
use crate::source::H264File;
use crate::stats::add;

/// How long somebody who wants a keyframe waits for the one in the file, before it is skipped to.
const PATIENCE: Duration = Duration::from_millis(250);

/// Runs until the stream is dropped.
pub(crate) fn run(shared: &Shared, mut file: H264File) {
    let _running = shared.running(Worker::Source);
    let mut clock = Clock::new(file.rate(), Instant::now());
    let mut generation = 0;
    loop {
        let on_wake = |state: &mut State, clock: &mut Clock, fresh: bool, now: Instant| {
            if fresh {
                file.jump_to_idr();
            }
            serve_keyframe(state, clock, &mut file, now);
        };
        let Some(tick) = shared.wait_until_due(&mut clock, &mut generation, on_wake) else { break };
        let mut data = Vec::new();
        let keyframe = match file.read(&mut data) {
            Ok(keyframe) => keyframe,
            Err(error) => return shared.source_failed(error.to_string()),
        };
        let sequence = {
            let mut state = shared.lock();
            if keyframe {
                state.keyframe = false;
            }
            state.sequence += tick.missed;
            let sequence = state.sequence;
            state.sequence += 1;
            sequence
        };
        add(&shared.stats.frames_captured, 1);
        add(&shared.stats.frames_dropped, tick.missed);
        let captured = tick.due;
        let unit = AccessUnit { data, keyframe, captured, encoded: Instant::now(), sequence };
        shared.deliver(unit, generation);
    }
}

/// Skips to the next IDR, and sends it at once, if the file would take too long to get there.
fn serve_keyframe(state: &mut State, clock: &mut Clock, file: &mut H264File, now: Instant) {
    let hurry = std::mem::take(&mut state.hurry);
    let ahead = u32::try_from(file.until_idr()).unwrap_or(u32::MAX);
    if state.keyframe && file.rate().interval().saturating_mul(ahead) > PATIENCE {
        file.jump_to_idr();
        if hurry {
            clock.hurry(now);
        }
    }
}
