//! The sessions, and what is known of all of them together: how many stand where, who gets frames,
//! what their paths take, whether one has no picture.
//!
//! None of that is found by looking at all of them, because it is wanted with every event of each.
//! Whoever did something with a session says so ([`Members::note`]); what changed of its
//! [`Standing`] is moved in the tables, and mostly nothing did.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::{Key, SessionId, SessionState};
use crate::adapt::Rates;
use crate::base::Deadlines;
use crate::session::{Session, Standing};

/// All sessions.
#[derive(Default)]
pub(super) struct Members {
    table: BTreeMap<SessionId, Member>,
    connecting: usize,
    /// Those that frames go to.
    connected: BTreeSet<SessionId>,
    interrupted: usize,
    /// What the paths of connected sessions take.
    rates: Rates,
    /// From when on an IDR may be asked for, for each connected session without a picture.
    pictures: Deadlines<SessionId>,
    /// Those whose standing a frame changed, kept for its capacity.
    changed: Vec<(SessionId, Standing, Standing)>,
}

struct Member {
    session: Box<Session>,
    /// How it stands in the tables.
    noted: Standing,
}

impl Members {
    pub(super) fn get(&self, id: &SessionId) -> Option<&Session> {
        self.table.get(id).map(|member| &*member.session)
    }

    /// To be followed by [`Members::note`], if what is done may change the session's standing.
    pub(super) fn get_mut(&mut self, id: &SessionId) -> Option<&mut Session> {
        self.table.get_mut(id).map(|member| &mut *member.session)
    }

    /// All of them, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.table.iter().map(|(id, member)| (*id, &*member.session))
    }

    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.table.keys().copied().collect()
    }

    /// How many there are, those that end included.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many are connecting, connected and interrupted.
    pub(super) fn counts(&self) -> [usize; 3] {
        [self.connecting, self.connected.len(), self.interrupted]
    }

    /// How many have not ended.
    pub(super) fn living(&self) -> usize {
        self.counts().into_iter().sum()
    }

    /// What the paths of connected sessions take.
    pub(super) fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Whether a connected session has no picture until an IDR comes, and one may be asked for.
    pub(super) fn lacks_picture(&self, now: Instant) -> bool {
        self.pictures.earliest().is_some_and(|(from, _)| from <= now)
    }

    /// Takes a new session in, which is connecting.
    pub(super) fn insert(&mut self, id: SessionId, session: Session) {
        self.connecting += 1;
        let member = Member { session: Box::new(session), noted: Standing::NEW };
        self.table.insert(id, member);
    }

    pub(super) fn remove(&mut self, id: SessionId) -> Option<Box<Session>> {
        let Member { session, noted } = self.table.remove(&id)?;
        self.place(id, noted.state, -1);
        self.rates.change(noted.rate, None);
        self.pictures.set(id, None);
        Some(session)
    }

    /// Notes how a session stands after something was done with it.
    pub(super) fn note(&mut self, id: SessionId, deadlines: &mut Deadlines<Key>) {
        let Some(Member { session, noted }) = self.table.get_mut(&id) else { return };
        if let Some(before) = noted.renew(session) {
            let after = *noted;
            self.on_change(id, before, after, deadlines);
        }
    }

    /// A deadline of a session has fired: it stands in the table of them no more.
    pub(super) fn on_fired(&mut self, key: Key) {
        match key {
            Key::Session(id) => {
                let member = self.table.get_mut(&id);
                member.into_iter().for_each(|it| it.noted.wake = None);
            }
            Key::Patience(id) => {
                let member = self.table.get_mut(&id);
                member.into_iter().for_each(|it| it.noted.patience = None);
            }
            _ => {}
        }
    }

    /// Does something with each connected session, the oldest first, and notes it.
    pub(super) fn for_each_connected(
        &mut self,
        deadlines: &mut Deadlines<Key>,
        mut action: impl FnMut(SessionId, &mut Session),
    ) {
        let mut changed = std::mem::take(&mut self.changed);
        for id in &self.connected {
            let Some(Member { session, noted }) = self.table.get_mut(id) else { continue };
            action(*id, session);
            if let Some(before) = noted.renew(session) {
                changed.push((*id, before, *noted));
            }
        }
        for (id, before, after) in changed.drain(..) {
            self.on_change(id, before, after, deadlines);
        }
        self.changed = changed;
    }

    fn on_change(
        &mut self,
        id: SessionId,
        before: Standing,
        after: Standing,
        deadlines: &mut Deadlines<Key>,
    ) {
        if before.state != after.state {
            self.place(id, before.state, -1);
            self.place(id, after.state, 1);
        }
        if before.wake != after.wake {
            deadlines.set(Key::Session(id), after.wake);
        }
        if before.patience != after.patience {
            deadlines.set(Key::Patience(id), after.patience);
        }
        if before.picture_from != after.picture_from {
            self.pictures.set(id, after.picture_from);
        }
        self.rates.change(before.rate, after.rate);
    }

    /// Counts a session under a state, or takes it out of there.
    fn place(&mut self, id: SessionId, state: SessionState, by: isize) {
        let count = |place: &mut usize| *place = place.saturating_add_signed(by);
        match state {
            SessionState::Connecting => count(&mut self.connecting),
            SessionState::Connected if by > 0 => _ = self.connected.insert(id),
            SessionState::Connected => _ = self.connected.remove(&id),
            SessionState::Interrupted => count(&mut self.interrupted),
            SessionState::Closed(_) => {}
        }
    }
}
