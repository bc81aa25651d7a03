//! Whether the stream works, as `/healthz` tells it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shared by who learns of it and who is asked.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    fault: Option<String>,
    /// What went wrong and was mended.
    note: Option<String>,
}

impl Health {
    /// What is wrong, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        self.lock().fault.clone()
    }

    /// Something went wrong, or (`None`) is well again.
    pub(crate) fn set(&self, fault: Option<String>) {
        self.lock().fault = fault;
    }

    /// What went wrong is mended in this way, which an operator should know.
    pub(crate) fn mended(&self, how: String) {
        *self.lock() = State { fault: None, note: Some(how) };
    }

    /// What to say while nothing is wrong.
    pub(crate) fn good_words(&self) -> String {
        let note = self.lock().note.as_ref().map(|note| format!("{note}\n"));
        format!("ok\n{}", note.unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_mended_is_still_told_and_is_no_fault() {
        let health = Health::default();
        assert_eq!((health.fault(), health.good_words().as_str()), (None, "ok\n"));
        health.set(Some("it hangs".to_string()));
        assert_eq!(health.fault().as_deref(), Some("it hangs"));
        health.mended("another took over".to_string());
        assert_eq!(health.fault(), None);
        assert_eq!(health.good_words(), "ok\nanother took over\n");
    }
}
