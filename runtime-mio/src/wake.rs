//! The bell that other threads ring.
use std::io;

use mio::{Registry, Token, Waker};
use pinhole_runtime::Doorbell;

/// Makes a bell that ends the wait on `registry`.
pub(crate) fn doorbell(registry: &Registry, token: Token) -> io::Result<Doorbell> {
    let waker = Waker::new(registry, token)?;
    Ok(Doorbell::new(move || {
        // Fails only where the system has no memory for an event; the next ring tries again.
        if let Err(error) = waker.wake() {
            tracing::warn!(%error, "the event loop could not be woken");
        }
    }))
}
