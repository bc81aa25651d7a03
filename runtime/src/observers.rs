//! The programs behind the viewers: each session's events go to whoever made its offer.
use std::collections::BTreeMap;

use pinhole_core::diagnose::Diagnosis;
use pinhole_core::{CloseCause, SessionId, SessionState};

/// Events waiting for one viewer's program, its end aside. Later ones are dropped: a program that
/// does not read learns late candidates from nowhere, but it always learns that the session ended.
pub(crate) const EVENTS_MAX: usize = 64;

/// A viewer's session, as the program that made the offer sees it.
#[derive(Debug)]
pub struct Viewer {
    /// Names the session.
    pub id: SessionId,
    /// The SDP answer.
    pub answer: String,
    /// What happens to it; bounded, the oldest kept, and `Closed` always delivered last.
    pub events: async_channel::Receiver<ViewerEvent>,
}

/// What happens to one viewer.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewerEvent {
    /// Its session changed state (never `Closed`).
    State(SessionState),
    /// A candidate for the viewer.
    Candidate {
        /// `candidate:…`
        candidate: String,
        /// The `a=mid` it belongs to.
        mid: String,
    },
    /// Its path is gone, or a better one needs new candidates: the viewer should restart ICE.
    RestartWanted,
    /// Why it does not connect, or plays badly, or is about to end; `None`: what was said is over.
    Diagnosed(Option<Box<Diagnosis>>),
    /// It ended; nothing follows.
    Closed(CloseCause),
}

/// Who hears of which session.
#[derive(Default)]
pub(crate) struct Observers {
    viewers: BTreeMap<SessionId, Observer>,
}

impl Observers {
    /// Begins to listen for a new session.
    pub(crate) fn watch(&mut self, id: SessionId, answer: String) -> Viewer {
        let (observer, events) = Observer::new();
        self.viewers.insert(id, observer);
        Viewer { id, answer, events }
    }

    /// Tells a session's program of its new state.
    pub(crate) fn on_state(&mut self, id: SessionId, state: SessionState) {
        match state {
            SessionState::Closed(cause) => {
                self.viewers.remove(&id).into_iter().for_each(|viewer| viewer.close(cause));
            }
            SessionState::Connecting | SessionState::Connected | SessionState::Interrupted => {
                self.tell(id, ViewerEvent::State(state));
            }
        }
    }

    /// Tells a session's program of a late candidate.
    pub(crate) fn on_candidate(&mut self, id: SessionId, candidate: String, mid: String) {
        self.tell(id, ViewerEvent::Candidate { candidate, mid });
    }

    /// Tells a session's program that its viewer should restart ICE.
    pub(crate) fn on_restart_wanted(&mut self, id: SessionId) {
        self.tell(id, ViewerEvent::RestartWanted);
    }

    /// Tells a session's program what is wrong with it.
    pub(crate) fn on_diagnosed(&mut self, id: SessionId, diagnosis: Option<Box<Diagnosis>>) {
        self.tell(id, ViewerEvent::Diagnosed(diagnosis));
    }

    /// Tells every program that is left that its session ended, and forgets them.
    pub(crate) fn close_all(&mut self, cause: CloseCause) {
        while let Some((_, viewer)) = self.viewers.pop_first() {
            viewer.close(cause);
        }
    }

    fn tell(&self, id: SessionId, event: ViewerEvent) {
        // A session without a program: its offer was given up while it was answered.
        let Some(viewer) = self.viewers.get(&id) else { return };
        if !viewer.tell(event) {
            tracing::debug!(?id, "an event was dropped: the viewer's program does not read");
        }
    }
}

/// A loop that dies takes its sessions along; their programs hear of it.
impl Drop for Observers {
    fn drop(&mut self) {
        self.close_all(CloseCause::Failed);
    }
}

/// The way to one session's program.
struct Observer(async_channel::Sender<ViewerEvent>);

impl Observer {
    fn new() -> (Observer, async_channel::Receiver<ViewerEvent>) {
        // One place more than events may take, kept free for `Closed`.
        let (sender, events) = async_channel::bounded(EVENTS_MAX + 1);
        (Observer(sender), events)
    }

    /// False: it was dropped.
    fn tell(&self, event: ViewerEvent) -> bool {
        self.0.len() < EVENTS_MAX && self.0.try_send(event).is_ok()
    }

    fn close(self, cause: CloseCause) {
        // Fails only where nobody listens any more: `tell` leaves a place free, and this comes once.
        let _ = self.0.try_send(ViewerEvent::Closed(cause));
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_channel_keeps_the_oldest_events_and_still_ends_with_closed() {
        let (observer, events) = Observer::new();
        let state = |number| ViewerEvent::Candidate {
            candidate: format!("candidate:{number}"),
            mid: "0".to_owned(),
        };

        let told = (0..200).filter(|number| observer.tell(state(*number))).count();
        observer.close(CloseCause::Remote);

        assert_eq!(told, EVENTS_MAX);
        for number in 0..EVENTS_MAX {
            assert_eq!(events.try_recv().unwrap(), state(number));
        }
        assert_eq!(events.try_recv().unwrap(), ViewerEvent::Closed(CloseCause::Remote));
        assert_eq!(events.try_recv(), Err(async_channel::TryRecvError::Closed));
    }
}
