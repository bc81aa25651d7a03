//! Whether the stream works, as `/healthz` tells it.

use std::sync::{Mutex, PoisonError};

/// Shared by who learns of it and who is asked.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Option<String>>);

impl Health {
    /// What is wrong, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something went wrong, or (`None`) is well again.
    pub(crate) fn set(&self, fault: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}
