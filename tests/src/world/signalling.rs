//! The channel between a viewer and the server that carries SDP and candidates: reliable, in order,
//! as slow as a link.

use std::time::{Duration, Instant};

use pinhole_core::{Event, OfferError};

use super::run::World;

/// One way.
const LATENCY: Duration = Duration::from_millis(20);

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Offer { viewer: usize, sdp: String },
    Answer { viewer: usize, sdp: String },
    FromViewer { viewer: usize, candidate: String },
    ToViewer { viewer: usize, candidate: String },
    RestartWanted { viewer: usize },
}

impl World {
    pub(super) fn signal(&mut self, message: Message) {
        self.signals.push_back((self.now + LATENCY, message));
    }

    pub(super) fn next_signal(&self) -> Option<Instant> {
        self.signals.front().map(|(at, _)| *at)
    }

    pub(super) fn handle_signals(&mut self) {
        while self.next_signal().is_some_and(|at| at <= self.now) {
            let Some((_, message)) = self.signals.pop_front() else { return };
            self.on_message(message);
            self.settle_endpoint();
        }
    }

    /// Offers and candidates that viewers have ready.
    pub(super) fn collect_signals(&mut self) {
        for viewer in 0..self.viewers.len() {
            if let Some(sdp) = self.viewers[viewer].poll_offer(self.now) {
                self.signal(Message::Offer { viewer, sdp });
            }
            while let Some(candidate) = self.viewers[viewer].poll_candidate() {
                self.signal(Message::FromViewer { viewer, candidate });
            }
        }
    }

    pub(super) fn collect_events(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            let of = |id| self.viewers.iter().position(|viewer| viewer.session == Some(id));
            match &event {
                Event::Candidate { id, candidate, .. } => {
                    self.check_told(candidate);
                    if let Some(viewer) = of(*id) {
                        self.signal(Message::ToViewer { viewer, candidate: candidate.clone() });
                    }
                }
                Event::RestartWanted { id } => {
                    if let Some(viewer) = of(*id).filter(|at| self.viewers[*at].habits.restarts) {
                        self.signal(Message::RestartWanted { viewer });
                    }
                }
                Event::KeyframeWanted => self.keyframe_wanted = true,
                _ => {}
            }
            self.events.push((self.now, event));
        }
    }

    fn on_message(&mut self, message: Message) {
        let now = self.now;
        match message {
            Message::Offer { viewer, sdp } => {
                let known = self.viewers[viewer].session;
                let sdp = match known {
                    None => {
                        let accepted = match self.endpoint.accept_offer(now, &sdp) {
                            Ok(accepted) => accepted,
                            Err(error @ OfferError::TooManyViewers(_)) => {
                                let full = self.endpoint.sessions().len() >= self.limits().sessions;
                                assert!(full, "refused although there is room");
                                self.viewers[viewer].refused = Some(error);
                                return;
                            }
                            Err(error) => panic!("the viewer's offer is a good one: {error}"),
                        };
                        self.viewers[viewer].session = Some(accepted.session);
                        accepted.answer
                    }
                    // A session that has ended meanwhile answers nothing more.
                    Some(id) => match self.endpoint.renegotiate(now, id, &sdp) {
                        Ok(answer) => answer,
                        Err(_) => return,
                    },
                };
                self.check_told(&sdp);
                self.answers.push(sdp.clone());
                self.signal(Message::Answer { viewer, sdp });
            }
            Message::Answer { viewer, sdp } => self.viewers[viewer].accept(now, &sdp),
            Message::FromViewer { viewer, candidate } => {
                if let Some(id) = self.viewers[viewer].session {
                    // It may have ended.
                    let _ = self.endpoint.add_candidate(now, id, &candidate);
                }
            }
            Message::ToViewer { viewer, candidate } => {
                self.viewers[viewer].add_candidate(now, &candidate);
            }
            Message::RestartWanted { viewer } => self.restart(viewer),
        }
    }

    /// Lets a viewer restart ICE.
    pub fn restart(&mut self, viewer: usize) {
        if let Some(sdp) = self.viewers[viewer].restart(self.now) {
            self.signal(Message::Offer { viewer, sdp });
        }
    }
}
