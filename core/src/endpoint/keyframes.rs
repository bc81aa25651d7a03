//! Keyframe requests of all viewers, merged: at most one IDR is asked for in 250 ms, and whoever
//! needs one gets it within that time.

use std::time::{Duration, Instant};

/// The least time from one IDR to the next request for one.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);
/// How long an encoder may take before it is asked again.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// The kernel: what was asked, and when the last IDR came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyframes {
    /// Nobody waits.
    Idle { last: Option<Instant> },
    /// Somebody waits, too soon after the last IDR; asked at `at`.
    Due { at: Instant },
    /// The encoder was asked at `since`.
    Asked { since: Instant },
}

impl Keyframes {
    pub(crate) fn new() -> Keyframes {
        Keyframes::Idle { last: None }
    }

    /// A viewer needs an IDR. True: ask the encoder now.
    pub(crate) fn on_needed(&mut self, now: Instant) -> bool {
        match *self {
            Keyframes::Idle { last: Some(last) } if now < last + INTERVAL => {
                *self = Keyframes::Due { at: last + INTERVAL };
                false
            }
            Keyframes::Idle { .. } => {
                *self = Keyframes::Asked { since: now };
                true
            }
            // Whoever asks meanwhile is served by the same picture.
            Keyframes::Due { .. } | Keyframes::Asked { .. } => false,
        }
    }

    /// An IDR went out.
    pub(crate) fn on_keyframe(&mut self, now: Instant) {
        *self = Keyframes::Idle { last: Some(now) };
    }

    /// Time has passed; `needed`: a viewer still has no picture. True: ask the encoder now.
    pub(crate) fn on_timeout(&mut self, now: Instant, needed: bool) -> bool {
        let due = self.deadline().is_some_and(|at| at <= now);
        let forgotten = matches!(self, Keyframes::Asked { .. });
        if due && forgotten && !needed {
            *self = Keyframes::Idle { last: None };
            return false;
        }
        if due {
            *self = Keyframes::Asked { since: now };
        }
        due
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match *self {
            Keyframes::Idle { .. } => None,
            Keyframes::Due { at } => Some(at),
            Keyframes::Asked { since } => Some(since + ANSWER_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_merged_and_answered_within_the_interval() {
        let start = crate::test_clock();
        let at = |ms| start + Duration::from_millis(ms);
        let mut keyframes = Keyframes::new();

        assert!(keyframes.on_needed(at(0)), "the first viewer does not wait");
        assert!(!keyframes.on_needed(at(1)), "one request serves all");
        keyframes.on_keyframe(at(10));
        assert!(!keyframes.on_needed(at(20)), "too soon after the last");
        assert!(!keyframes.on_needed(at(30)));
        assert_eq!(keyframes.deadline(), Some(at(260)));
        assert!(!keyframes.on_timeout(at(259), true));
        assert!(keyframes.on_timeout(at(260), false), "nobody waits longer than the interval");
        keyframes.on_keyframe(at(270));
        assert_eq!(keyframes.deadline(), None);
        assert!(keyframes.on_needed(at(600)));
        assert!(!keyframes.on_timeout(at(1_599), true));
        assert!(keyframes.on_timeout(at(1_600), true), "an encoder that forgot is reminded");
        assert!(!keyframes.on_timeout(at(2_600), false), "unless nobody waits any more");
        assert_eq!(keyframes.deadline(), None);
    }
}
