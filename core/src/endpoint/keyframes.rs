//! Keyframe requests of all viewers, merged: at most one IDR is asked for in 250 ms, and whoever
//! needs one gets it within that time.

use std::time::{Duration, Instant};

use super::{Endpoint, Event, Key};

/// The least time from one IDR to the next request for one.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);
/// How long an encoder may take before it is asked again.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Why an IDR was asked for: of viewers that wait for the same one, the reason of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyframeCause {
    /// A viewer connected.
    Joined,
    /// A viewer sent a PLI or FIR (RFC 4585 §6.3.1, RFC 5104 §4.3.1).
    Requested,
    /// A viewer's path could not take its frames, and takes them again.
    Skipped,
    /// What a viewer was sent by another path may be lost.
    PathChanged,
    /// Packets that a viewer lost will not be sent again.
    GivenUp,
    /// The encoder was asked, and has not made one.
    Overdue,
}

impl KeyframeCause {
    /// Each there is.
    pub const ALL: &[KeyframeCause] = &[
        KeyframeCause::Joined,
        KeyframeCause::Requested,
        KeyframeCause::Skipped,
        KeyframeCause::PathChanged,
        KeyframeCause::GivenUp,
        KeyframeCause::Overdue,
    ];

    /// Its stable name in metrics and recordings, in lower case with underscores.
    pub fn code(self) -> &'static str {
        match self {
            KeyframeCause::Joined => "joined",
            KeyframeCause::Requested => "requested",
            KeyframeCause::Skipped => "skipped",
            KeyframeCause::PathChanged => "path_changed",
            KeyframeCause::GivenUp => "given_up",
            KeyframeCause::Overdue => "overdue",
        }
    }
}

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

impl Endpoint {
    /// A viewer has nothing to show until an IDR comes.
    pub(super) fn need_keyframe(&mut self, now: Instant, cause: KeyframeCause) {
        let is_new = matches!(self.keyframes, Keyframes::Idle { .. });
        if self.keyframes.on_needed(now) {
            self.events.push_back(Event::KeyframeWanted);
        }
        if is_new {
            self.count_wanted(cause);
        }
        self.deadlines.set(Key::Keyframe, self.keyframes.deadline());
    }

    /// `needed`: a viewer still has no picture.
    pub(super) fn on_keyframe_due(&mut self, now: Instant, needed: bool) {
        let was_asked = matches!(self.keyframes, Keyframes::Asked { .. });
        if self.keyframes.on_timeout(now, needed) {
            self.events.push_back(Event::KeyframeWanted);
            if was_asked {
                self.count_wanted(KeyframeCause::Overdue);
            }
        }
        self.deadlines.set(Key::Keyframe, self.keyframes.deadline());
    }

    fn count_wanted(&mut self, cause: KeyframeCause) {
        tracing::debug!(?cause, "a keyframe is wanted");
        *self.stats.keyframes_wanted_total.entry(cause).or_default() += 1;
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
