//! The source thread: asks a source for pictures and puts them into the mailbox.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::clock::Clock;
use super::panic_text;
use super::shared::{Shared, State, Worker};
use crate::frame::Frame;
use crate::media::MediaEvent;
use crate::source::{Moment, Pacing, Source};

/// Runs until the stream is dropped or the source ends.
pub(crate) fn run(shared: &Shared, mut source: Box<dyn Source>) {
    let _running = shared.running(Worker::Source);
    let run = || match source.format().pacing {
        Pacing::Clock => on_the_clock(shared, &mut *source),
        Pacing::Arrival => as_they_arrive(shared, &mut *source),
    };
    let end = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        End::Failed(format!("the source panicked: {}", panic_text(&*panic)))
    });
    match end {
        End::Stopped => {}
        End::Ended => {
            tracing::info!("the source has ended");
            shared.report(MediaEvent::Ended);
        }
        End::Failed(text) => shared.source_failed(text),
    }
}

/// Why the thread ends.
enum End {
    Stopped,
    Ended,
    Failed(String),
}

/// Makes a picture at each moment of the grid while somebody watches, and none while nobody does.
fn on_the_clock(shared: &Shared, source: &mut dyn Source) -> End {
    let mut clock = Clock::new(source.format().rate, Instant::now());
    let mut generation = 0;
    let hurry = |state: &mut State, clock: &mut Clock, fresh: bool, now: Instant| {
        if std::mem::take(&mut state.hurry) && !fresh {
            clock.hurry(now);
        }
    };
    while let Some(tick) = shared.wait_until_due(&mut clock, &mut generation, hurry) {
        match make(shared, source, &clock, tick.due, tick.missed) {
            Ok(Some(frame)) => shared.put(frame, tick.due, tick.missed),
            Ok(None) => return End::Ended,
            Err(text) => return End::Failed(text),
        }
    }
    End::Stopped
}

/// Reads pictures as they come, watched or not, so that whoever writes them is never held up.
fn as_they_arrive(shared: &Shared, source: &mut dyn Source) -> End {
    let clock = Clock::new(source.format().rate, Instant::now());
    while !shared.lock().stopping {
        match make(shared, source, &clock, Instant::now(), 0) {
            Ok(Some(frame)) => {
                let now = Instant::now();
                shared.put(frame, source.captured().map_or(now, |captured| captured.min(now)), 0);
            }
            // It was told to end.
            Ok(None) if shared.lock().stopping => return End::Stopped,
            Ok(None) => return End::Ended,
            Err(text) => return End::Failed(text),
        }
    }
    End::Stopped
}

fn make(
    shared: &Shared,
    source: &mut dyn Source,
    clock: &Clock,
    due: Instant,
    missed: u64,
) -> Result<Option<Frame>, String> {
    let sequence = shared.lock().sequence + missed;
    let moment = Moment { sequence, due, since_epoch: clock.since_epoch(due) };
    source.next_frame(&moment, shared.take_spare()).map_err(|error| error.to_string())
}
