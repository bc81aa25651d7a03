//! Several event loops, each with viewers of its own, behind one [`Handle`].
//!
//! A loop is the same as when it is alone: one thread, one endpoint, the sockets of one UDP port. As
//! many run as [`Sockets`](crate::Sockets) has ports bound; with one port nothing of this is in use.
//! What they have in common:
//!
//! - **The stream** ([`share`]): one encoder. Each access unit is shared and not copied; whichever
//!   loop wakes first takes it from the encoder for all. Keyframe requests, whether anybody watches,
//!   and the bitrate are put together from all loops'.
//! - **The handle** (`handle/`): a viewer is given to the loop with the fewest, and its session's id
//!   tells which that was.
//! - **The end** ([`overseer`]): when one loop fails the others end too, and its error is told.
//!
//! Each loop gathers for itself, because what a STUN server says is true of one socket: with N loops
//! a TURN server holds N allocations of ours.
mod overseer;
mod parts;
mod share;

use std::sync::mpsc::channel;
use std::time::Instant;

use self::overseer::oversee;
pub(crate) use self::parts::Farewell;
pub use self::parts::LoopConfig;
pub(crate) use self::share::{Share, SharedStats, Unit};
use crate::{Handle, Running, RuntimeConfig, RuntimeError};

/// Starts a loop for each bound UDP port. `start` makes a loop wait in its own way, and is called
/// once for each.
pub fn start_loops(
    now: Instant,
    config: RuntimeConfig,
    mut start: impl FnMut(LoopConfig) -> Result<Running, RuntimeError>,
) -> Result<Running, RuntimeError> {
    if config.sockets.ports().len() <= 1 {
        return start(config.into());
    }
    let (ended, endings) = channel();
    let (parts, outlets) = LoopConfig::parts(now, config, &ended)?;
    drop(ended);
    let (mut handles, mut threads) = (Vec::new(), Vec::new());
    for part in parts {
        // Where one cannot start, the others end because their handles are dropped.
        let Running { handle, thread } = start(part)?;
        handles.push(handle);
        threads.push(thread);
    }
    let handle = Handle::of_all(handles);
    let thread = oversee(handle.loops(), threads, endings, outlets)
        .map_err(RuntimeError::io("cannot start the thread that watches the event loops"))?;
    Ok(Running { handle, thread })
}
