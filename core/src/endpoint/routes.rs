//! Which session a datagram belongs to: by the address it came from, and where that is not known,
//! by the ufrag of an authentic check.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use super::SessionId;

/// Remote addresses kept per session: a viewer checks from a handful. The oldest is forgotten.
const REMOTES_PER_SESSION_MAX: usize = 16;

/// The table of routes.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    by_remote: BTreeMap<SocketAddr, Route>,
    by_ufrag: BTreeMap<String, SessionId>,
    /// The remotes of each session, oldest first.
    remotes: BTreeMap<SessionId, VecDeque<SocketAddr>>,
}

/// Where datagrams from one remote address go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) session: SessionId,
    /// The address that they really hit, where it is none of our candidates (loopback behind a
    /// relay on the same machine, say): replies must leave from there.
    pub(crate) alias: Option<SocketAddr>,
}

impl Routes {
    /// Gives a session its ufrag.
    pub(crate) fn add_ufrag(&mut self, ufrag: &str, session: SessionId) {
        self.by_ufrag.insert(ufrag.to_owned(), session);
    }

    /// Takes a ufrag back, after an ICE restart.
    pub(crate) fn remove_ufrag(&mut self, ufrag: &str) {
        self.by_ufrag.remove(ufrag);
    }

    pub(crate) fn by_ufrag(&self, ufrag: &str) -> Option<SessionId> {
        self.by_ufrag.get(ufrag).copied()
    }

    pub(crate) fn by_remote(&self, remote: SocketAddr) -> Option<Route> {
        self.by_remote.get(&remote).copied()
    }

    /// Points a remote address at a session.
    pub(crate) fn add_remote(&mut self, remote: SocketAddr, route: Route) {
        match self.by_remote.insert(remote, route) {
            Some(before) if before.session == route.session => return,
            Some(before) => self.forget(before.session, remote),
            None => {}
        }
        let remotes = self.remotes.entry(route.session).or_default();
        remotes.push_back(remote);
        if remotes.len() > REMOTES_PER_SESSION_MAX
            && let Some(oldest) = remotes.pop_front()
        {
            self.by_remote.remove(&oldest);
        }
    }

    /// Forgets a session.
    pub(crate) fn remove_session(&mut self, session: SessionId, ufrag: &str) {
        self.by_ufrag.remove(ufrag);
        for remote in self.remotes.remove(&session).into_iter().flatten() {
            self.by_remote.remove(&remote);
        }
    }

    fn forget(&mut self, session: SessionId, remote: SocketAddr) {
        if let Some(remotes) = self.remotes.get_mut(&session) {
            remotes.retain(|known| *known != remote);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn route(session: u64) -> Route {
        Route { session: SessionId(session), alias: None }
    }

    #[test]
    fn an_address_belongs_to_whom_it_was_last_given() {
        let mut routes = Routes::default();
        routes.add_remote(remote(1), route(1));
        routes.add_remote(remote(1), route(2));
        routes.remove_session(SessionId(1), "a");

        assert_eq!(routes.by_remote(remote(1)), Some(route(2)));
        routes.remove_session(SessionId(2), "b");
        assert_eq!(routes.by_remote(remote(1)), None);
    }

    #[test]
    fn a_session_that_roams_keeps_its_latest_addresses_only() {
        let mut routes = Routes::default();
        for port in 1..=40 {
            routes.add_remote(remote(port), route(1));
        }

        let kept: Vec<_> = (1..=40).filter(|p| routes.by_remote(remote(*p)).is_some()).collect();
        assert_eq!(kept, (25..=40).collect::<Vec<_>>());
    }
}
