//! The threads of a stream, and what they share.
//!
//! ```text
//! source thread ──(mailbox of one)──▶ encoder thread ──(8 access units)──▶ event loop
//!       ▲                                   ▲                                  │
//!       └───── active, keyframe wanted ─────┴──────────────────────────────────┘
//! ```
//!
//! The source thread makes a picture when it is due and puts it into the mailbox, over one that the
//! encoder has not taken: old input is dropped rather than queued. The encoder thread takes the newest,
//! and never holds the lock while it encodes. A file that is encoded already has one thread for all of
//! this. None of them ever sees a session.
//!
//! Back ends hang, fail and panic, and may write garbage. Each call into one has a deadline ([`patience`]),
//! and what it writes is checked before it goes on ([`check`]). One that is in trouble is given up for good
//! with its thread, and the next of the chain begins on a new one ([`succession`], [`watchdog`]). Threads are
//! told apart by their [`epoch`]: what one has to say that was given up is not heard.

mod check;
mod clock;
mod encode;
mod epoch;
mod job;
mod output;
mod passthrough;
mod patience;
mod picture;
mod read_back;
mod shared;
mod succession;
mod watchdog;

pub(crate) use encode::{Begin, Charge};
pub(crate) use passthrough::run as passthrough;
pub(crate) use picture::run as pictures;
pub(crate) use shared::{Shared, Worker};
pub(crate) use watchdog::Watchdog;

use std::any::Any;

/// The text of a panic.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".into())
}
