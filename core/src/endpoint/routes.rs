//! Which session a datagram belongs to: by the way and the address it came from, and where that is
//! not known, by the ufrag of an authentic check.
//!
//! str0m holds on to the address where it found a viewer. When the viewer's NAT, or the relay in
//! front of us, gives it another one in mid-stream, str0m's pair would time out before it looks at
//! the new address. So a session may *roam*: what comes from the new address is handed to str0m as
//! if it came from the old one, and what it sends there goes to the new one.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Instant;

use super::{SessionId, StreamId};

/// Remote addresses kept per session: a viewer checks from a handful. The oldest is forgotten. As
/// many addresses may a viewer have roamed away from.
const REMOTES_PER_SESSION_MAX: usize = 16;

/// By which way a datagram came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Via {
    /// To one of our UDP sockets.
    Socket,
    /// To this address of a TURN server's.
    Relay(SocketAddr),
    /// On a TCP connection.
    Stream(StreamId),
}

/// The table of routes.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    by_remote: BTreeMap<(Place, Via), Known>,
    by_ufrag: BTreeMap<String, SessionId>,
    /// The remotes of each session, oldest first.
    remotes: BTreeMap<SessionId, VecDeque<(Via, SocketAddr)>>,
    /// The address that str0m knows, and the one where the viewer really is.
    roamed: BTreeMap<(SessionId, SocketAddr), SocketAddr>,
}

/// An address as numbers. Two addresses are compared for each step of each look-up, and two of theirs
/// field by field cost ten times as much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    ip: u128,
    /// Port, family, and what only IPv6 has: scope and flow.
    rest: u128,
}

impl Place {
    fn of(address: SocketAddr) -> Place {
        match address {
            SocketAddr::V4(v4) => {
                Place { ip: u128::from(v4.ip().to_bits()), rest: u128::from(v4.port()) }
            }
            SocketAddr::V6(v6) => {
                let (scope, flow) = (u128::from(v6.scope_id()), u128::from(v6.flowinfo()));
                let rest = flow << 64 | scope << 32 | 1 << 16 | u128::from(v6.port());
                Place { ip: v6.ip().to_bits(), rest }
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Known {
    route: Route,
    heard: Instant,
}

/// Where datagrams from one remote address go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) session: SessionId,
    /// The address that they really hit, where it is none of our candidates (loopback behind a
    /// relay on the same machine, say): replies must leave from there.
    pub(crate) alias: Option<SocketAddr>,
    /// The remote address that str0m is told, where it is another one.
    pub(crate) told: Option<SocketAddr>,
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

    pub(crate) fn by_remote(&self, via: Via, remote: SocketAddr) -> Option<Route> {
        self.by_remote.get(&(Place::of(remote), via)).map(|known| known.route)
    }

    /// Whether a session was heard on one of our sockets, from an address other than these.
    pub(crate) fn is_heard_directly(&self, session: SessionId, but: &[SocketAddr]) -> bool {
        let mut remotes = self.remotes.get(&session).into_iter().flatten();
        remotes.any(|(via, remote)| *via == Via::Socket && !but.contains(remote))
    }

    /// When something came from there last.
    pub(crate) fn heard_at(&self, via: Via, remote: SocketAddr) -> Option<Instant> {
        self.by_remote.get(&(Place::of(remote), via)).map(|known| known.heard)
    }

    /// Notes that something came from there.
    pub(crate) fn hear(&mut self, now: Instant, via: Via, remote: SocketAddr) {
        if let Some(known) = self.by_remote.get_mut(&(Place::of(remote), via)) {
            known.heard = now;
        }
    }

    /// Where a viewer really is that str0m knows at `told`.
    pub(crate) fn whereabouts(&self, session: SessionId, told: SocketAddr) -> SocketAddr {
        self.roamed.get(&(session, told)).copied().unwrap_or(told)
    }

    /// Points a remote address at a session.
    pub(crate) fn add_remote(&mut self, now: Instant, via: Via, remote: SocketAddr, route: Route) {
        if let Some(told) = route.told {
            self.roamed.insert((route.session, told), remote);
            let mut of_session = self.roamed.range(all_of(route.session)).map(|(key, _)| key);
            // Only the one that str0m sends to matters, and that is the one that was just moved.
            if of_session.clone().count() > REMOTES_PER_SESSION_MAX
                && let Some(oldest) = of_session.find(|(_, from)| *from != told).copied()
            {
                self.roamed.remove(&oldest);
            }
        }
        let key = (via, remote);
        match self.by_remote.insert((Place::of(remote), via), Known { route, heard: now }) {
            Some(before) if before.route.session == route.session => return,
            Some(before) => self.forget(before.route.session, key),
            None => {}
        }
        let remotes = self.remotes.entry(route.session).or_default();
        remotes.push_back(key);
        if remotes.len() > REMOTES_PER_SESSION_MAX
            && let Some(oldest) = remotes.pop_front()
        {
            self.by_remote.remove(&place(oldest));
        }
    }

    /// Takes back that a session roamed away from `told`: the viewer is there again.
    pub(crate) fn come_home(&mut self, session: SessionId, told: SocketAddr) {
        self.roamed.remove(&(session, told));
    }

    /// Forgets what came on a connection that is gone.
    pub(crate) fn remove_stream(&mut self, session: SessionId, stream: StreamId) {
        let gone = |key: &(Via, SocketAddr)| key.0 == Via::Stream(stream);
        if let Some(remotes) = self.remotes.get_mut(&session) {
            for key in remotes.iter().filter(|key| gone(key)) {
                self.by_remote.remove(&place(*key));
            }
            remotes.retain(|key| !gone(key));
        }
    }

    /// Forgets a session.
    pub(crate) fn remove_session(&mut self, session: SessionId, ufrag: &str) {
        self.by_ufrag.remove(ufrag);
        for key in self.remotes.remove(&session).into_iter().flatten() {
            self.by_remote.remove(&place(key));
        }
        while let Some((key, _)) = self.roamed.range(all_of(session)).next() {
            let key = *key;
            self.roamed.remove(&key);
        }
    }

    fn forget(&mut self, session: SessionId, key: (Via, SocketAddr)) {
        if let Some(remotes) = self.remotes.get_mut(&session) {
            remotes.retain(|known| *known != key);
        }
    }
}

fn place((via, remote): (Via, SocketAddr)) -> (Place, Via) {
    (Place::of(remote), via)
}

/// The keys of one session in a table ordered by session first.
fn all_of(session: SessionId) -> Range<(SessionId, SocketAddr)> {
    // The least of all: families are ordered before addresses.
    const LEAST: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    (session, LEAST)..(SessionId(session.0 + 1), LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn add(routes: &mut Routes, port: u16, session: u64, told: Option<u16>) {
        let route = Route { session: SessionId(session), alias: None, told: told.map(remote) };
        routes.add_remote(crate::test_clock(), Via::Socket, remote(port), route);
    }

    fn session(routes: &Routes, via: Via, port: u16) -> Option<u64> {
        routes.by_remote(via, remote(port)).map(|route| route.session.0)
    }

    #[test]
    fn an_address_belongs_to_whom_it_was_last_given() {
        let mut routes = Routes::default();
        add(&mut routes, 1, 1, None);
        add(&mut routes, 1, 2, None);
        routes.remove_session(SessionId(1), "a");

        assert_eq!(session(&routes, Via::Socket, 1), Some(2));
        assert_eq!(session(&routes, Via::Relay(remote(9)), 1), None, "another way");
        routes.remove_session(SessionId(2), "b");
        assert_eq!(session(&routes, Via::Socket, 1), None);
    }

    #[test]
    fn a_session_that_roams_keeps_its_latest_addresses_only() {
        let mut routes = Routes::default();
        for port in 1..=40 {
            add(&mut routes, port, 1, None);
        }

        let kept: Vec<_> =
            (1..=40).filter(|port| session(&routes, Via::Socket, *port).is_some()).collect();
        assert_eq!(kept, (25..=40).collect::<Vec<_>>());
    }

    #[test]
    fn a_viewer_is_found_where_it_roamed_until_it_comes_home() {
        let mut routes = Routes::default();
        add(&mut routes, 1, 1, None);
        add(&mut routes, 2, 1, Some(1));
        assert_eq!(routes.whereabouts(SessionId(1), remote(1)), remote(2));
        assert_eq!(routes.whereabouts(SessionId(2), remote(1)), remote(1), "another session");
        add(&mut routes, 3, 1, Some(1));
        assert_eq!(routes.whereabouts(SessionId(1), remote(1)), remote(3));

        routes.come_home(SessionId(1), remote(1));
        assert_eq!(routes.whereabouts(SessionId(1), remote(1)), remote(1));
        add(&mut routes, 4, 1, Some(2));
        add(&mut routes, 5, 2, Some(6));
        routes.remove_session(SessionId(1), "a");
        assert_eq!(routes.whereabouts(SessionId(1), remote(2)), remote(2), "forgotten");
        assert_eq!(routes.whereabouts(SessionId(2), remote(6)), remote(5), "another session");
    }
}
