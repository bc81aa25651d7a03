//! What happened in a world, for tests to ask.

use pinhole_core::gather::ServerReport;
use pinhole_core::{Event, Path, SessionId, SessionState};

use super::run::World;

impl World {
    /// The path of a viewer's session, as the server has it.
    pub fn path(&self, viewer: usize) -> Option<Path> {
        let id = self.viewers[viewer].session?;
        self.endpoint.sessions().into_iter().find(|session| session.id == id)?.path
    }

    /// The states that a session went through.
    pub fn states(&self, of: SessionId) -> Vec<SessionState> {
        let state = |(_, event): &(_, Event)| match event {
            Event::Session { id, state } if *id == of => Some(*state),
            _ => None,
        };
        self.events.iter().filter_map(state).collect()
    }

    /// How often a viewer was asked to restart ICE.
    pub fn restarts_wanted(&self, viewer: usize) -> usize {
        let session = self.viewers[viewer].session;
        let is_it = |(_, event): &&(_, Event)| matches!(event, Event::RestartWanted { id } if Some(*id) == session);
        self.events.iter().filter(is_it).count()
    }

    /// The candidates that a viewer was told late.
    pub fn trickled(&self, viewer: usize) -> Vec<&str> {
        let session = self.viewers[viewer].session;
        let line = |(_, event): &'_ (_, Event)| -> Option<usize> {
            matches!(event, Event::Candidate { id, .. } if Some(*id) == session).then_some(0)
        };
        let told = self.events.iter().filter(|event| line(event).is_some());
        told.filter_map(|(_, event)| match event {
            Event::Candidate { candidate, .. } => Some(candidate.as_str()),
            _ => None,
        })
        .collect()
    }

    /// What servers were reported to be.
    pub fn reports(&self) -> Vec<(usize, ServerReport)> {
        let report = |(_, event): &(_, Event)| match event {
            Event::Server { server, report } => Some((*server, report.clone())),
            _ => None,
        };
        self.events.iter().filter_map(report).collect()
    }
}
