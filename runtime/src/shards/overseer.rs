//! Waits for several loops to end, on a thread of its own.
use std::io;
use std::sync::Weak;
use std::sync::mpsc::Receiver;
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Duration;

use crate::RuntimeError;
use crate::handle::Loops;
use crate::outlets::Outlets;

/// How often, and after which pause, a loop whose command queue is full is told again to end.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

type Ended = Result<(), RuntimeError>;

/// Starts the thread. It ends once every loop has, with the error of the first that failed. When one
/// ends, the others are made to: half of the viewers would be left without anybody hearing of it.
pub(super) fn oversee(
    loops: Weak<Loops>,
    threads: Vec<JoinHandle<Ended>>,
    endings: Receiver<usize>,
    outlets: Outlets,
) -> io::Result<JoinHandle<Ended>> {
    let body = move || {
        let mut threads: Vec<_> = threads.into_iter().map(Some).collect();
        let mut result = Ok(());
        // Until the last loop has dropped its end of the channel.
        for index in endings {
            let Some(thread) = threads.get_mut(index).and_then(Option::take) else { continue };
            // A panic in it was caught and has become its error.
            let ended = thread.join().unwrap_or(Ok(()));
            // The program waits for the stream's events: it hears of the end before the last loop's.
            outlets.media_events.close();
            end_others(&loops);
            result = result.and(ended);
        }
        result
    };
    Builder::new().name("pinhole-loops".to_owned()).spawn(body)
}

/// Tells every loop to end. Where nobody holds a handle any more they end by themselves.
fn end_others(loops: &Weak<Loops>) {
    for _ in 0..TRIES {
        match loops.upgrade() {
            Some(loops) if !loops.end() => {}
            Some(_) | None => return,
        }
        sleep(PAUSE);
    }
    tracing::warn!("an event loop takes no commands and runs on, though another has ended");
}
