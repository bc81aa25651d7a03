//! The bell that other threads ring.
use std::sync::Arc;

use futures_util::task::AtomicWaker;
use pinhole_runtime::Doorbell;

/// Makes a bell that wakes the task registered with `waker`.
pub(crate) fn doorbell(waker: Arc<AtomicWaker>) -> Doorbell {
    Doorbell::new(move || waker.wake())
}
