//! The loop's thread.
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::Builder;

use crate::{Handle, Running, RuntimeError, Turn};

/// Starts a thread of this name that runs the loop. A panic in it is our own bug: it is logged and
/// becomes [`RuntimeError::Panicked`], while dropping the turn tells viewers and askers that the loop
/// is gone.
pub fn start_thread(
    name: &'static str,
    turn: Turn,
    handle: Handle,
    run: impl FnOnce(Turn) -> Result<(), RuntimeError> + Send + 'static,
) -> Result<Running, RuntimeError> {
    let body = move || {
        // Nothing that the loop owned is looked at after a panic, so nothing broken is seen.
        let result = catch_unwind(AssertUnwindSafe(|| run(turn)))
            .unwrap_or_else(|panic| Err(RuntimeError::Panicked(text_of(panic.as_ref()))));
        if let Err(error) = &result {
            tracing::error!(%error, "the event loop has ended");
        }
        result
    };
    let thread = Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(RuntimeError::io("cannot start the event loop's thread"))?;
    Ok(Running { handle, thread })
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
        .to_owned()
}
