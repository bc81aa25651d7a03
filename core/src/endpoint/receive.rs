//! Datagrams in: demultiplexed, routed, normalised, handed to their session.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::net::Protocol;

use super::routes::{Route, Via};
use super::{Datagram, DropReason, Endpoint, SessionId, SessionState};
use crate::gather::Inbound;
use crate::session::{CheckWay, Session, Signal};
use crate::wire::{
    BindingRequest, BindingResponse, Kind, StunKind, can_receive, demux, parse_stun,
};

/// How long a path must be silent before another address takes its place, by what came from there.
/// A viewer's reports come about every second and its checks every few seconds; a mapping that
/// changed stops all of them at once, and only the path that a viewer has chosen carries reports.
pub(super) const SILENCE_BEFORE_NEW: Duration = Duration::from_millis(600);
const SILENCE_BEFORE_REPORTS: Duration = Duration::from_millis(600);
const SILENCE_BEFORE_KNOWN: Duration = Duration::from_millis(2_000);

/// A datagram on its last steps to a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) via: Via,
    /// One of our own addresses, as str0m knows it.
    pub(super) local: SocketAddr,
    /// The address that was really hit, where it is another one.
    pub(super) alias: Option<SocketAddr>,
    pub(super) remote: SocketAddr,
    pub(super) payload: &'a [u8],
}

impl Endpoint {
    /// Takes a datagram from a socket. What is wrong with it is counted, never an error.
    pub fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.stats.datagrams_received_total += 1;
        let remote = datagram.remote;
        let routed =
            match self.gatherer.handle_datagram(now, datagram.local, remote, datagram.payload) {
                Inbound::NotOurs => self.handle_direct(now, &datagram),
                Inbound::Control(taken) => taken,
                Inbound::Data { relayed, peer, payload } => {
                    let via = Via::Relay(relayed);
                    let arrival =
                        Arrival { via, local: relayed, alias: None, remote: peer, payload };
                    self.route(now, &arrival)
                }
            };
        if let Err(reason) = routed {
            self.drop_datagram(reason, remote);
        }
        self.after_gathering(now);
    }

    fn handle_direct(&mut self, now: Instant, datagram: &Datagram<'_>) -> Result<(), DropReason> {
        let Datagram { local, remote, payload, .. } = *datagram;
        let (local, alias) = self.normalise(local).ok_or(DropReason::NoRoute)?;
        self.route(now, &Arrival { via: Via::Socket, local, alias, remote, payload })
    }

    /// Hands a datagram to the session that it belongs to.
    pub(super) fn route(&mut self, now: Instant, arrival: &Arrival<'_>) -> Result<(), DropReason> {
        let Arrival { via, local, remote, payload, .. } = *arrival;
        if !can_receive(remote) {
            return Err(DropReason::NoRoute);
        }
        let kind = demux(payload).ok_or(DropReason::Unknown)?;
        let route = match (kind, self.routes.by_remote(via, remote)) {
            (Kind::Stun, known) => match self.route_stun(now, arrival, known)? {
                Some(route) => route,
                None => return Ok(()),
            },
            (Kind::Dtls, known) => known.ok_or(DropReason::NoRoute)?,
            (Kind::Media, None) => {
                self.on_stray_media(now, arrival);
                return Err(DropReason::NoRoute);
            }
            (Kind::Media, Some(route)) => {
                self.follower.note(route.session, payload);
                route
            }
        };
        let route = match kind {
            Kind::Stun => route,
            Kind::Dtls | Kind::Media => {
                self.may_have_moved(now, arrival, route.session, SILENCE_BEFORE_REPORTS);
                route
            }
        };
        self.routes.hear(now, via, remote);
        let told = route.told.unwrap_or(remote);
        let take = |session: &mut Session| {
            session.observed.on_received(now, kind, payload);
            session.handle_datagram(now, protocol(via), local, told, payload)
        };
        self.with_session(route.session, take).ok_or(DropReason::NoSession)?
    }

    /// The candidate that stands for a local address. str0m answers only to addresses that it
    /// knows, so what arrives on another one (loopback, a second address of the interface) is
    /// taken as if it had come to our first candidate of that family; the reply leaves from where
    /// the datagram arrived all the same.
    fn normalise(&self, local: SocketAddr) -> Option<(SocketAddr, Option<SocketAddr>)> {
        let bases = self.gatherer.bases();
        if bases.contains(&local) {
            return Some((local, None));
        }
        let same_family = |base: &&SocketAddr| base.is_ipv4() == local.is_ipv4();
        Some((*bases.iter().find(same_family)?, Some(local)))
    }

    /// A check names the session it is for; the address it comes from belongs to that session from
    /// then on, if its integrity holds. Everything else goes where its address goes. `None`: it was
    /// taken, and waits, or was an answer to ourselves.
    fn route_stun(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        known: Option<Route>,
    ) -> Result<Option<Route>, DropReason> {
        let message = parse_stun(arrival.payload).ok_or(DropReason::BadStun)?;
        let check = match message {
            StunKind::Response(answer) if self.is_asked(now, arrival, &answer) => {
                return self.on_proof(now, arrival, &answer).map(|()| None);
            }
            StunKind::Response(answer) => {
                let route = known.or_else(|| self.route_of_first_answer(arrival, &answer));
                let route = route.ok_or(DropReason::NoRoute)?;
                self.observe(route.session, |seen| seen.checks.answered += 1);
                return Ok(Some(route));
            }
            StunKind::Other => return known.map(Some).ok_or(DropReason::NoRoute),
            StunKind::Request(check) => check,
        };
        self.route_check(now, arrival, known, &check)
    }

    /// Where an answer goes that is the first thing to come from an address; see [`super::checks`].
    fn route_of_first_answer(
        &mut self,
        arrival: &Arrival<'_>,
        answer: &BindingResponse<'_>,
    ) -> Option<Route> {
        let session = self.checks.take(answer.id(), arrival.via, arrival.remote)?;
        Some(Route { session, alias: arrival.alias, told: None })
    }

    fn route_check(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        known: Option<Route>,
        check: &BindingRequest<'_>,
    ) -> Result<Option<Route>, DropReason> {
        let Arrival { via, remote, alias, .. } = *arrival;
        let Some(session) = self.routes.by_ufrag(check.local_ufrag()) else {
            return self.take_probe(arrival).map(|()| None);
        };
        let is_known = known.is_some_and(|route| route.session == session);
        if let Some(route) = known.filter(|route| is_known && route.alias == alias) {
            self.observe(session, |seen| seen.count_check(way(via)));
            // Only who is lost is worth the proof.
            let moves = self.roams_from(now, arrival, session, SILENCE_BEFORE_KNOWN).is_some()
                && self.is_authentic(session, check);
            if moves {
                self.ask_where(now, session, arrival);
            }
            return Ok(Some(route).filter(|_| !moves));
        }
        if !self.is_authentic(session, check) {
            self.observe(session, |seen| seen.checks.forged += 1);
            return Err(DropReason::BadIntegrity);
        }
        self.observe(session, |seen| seen.count_check(way(via)));
        self.prove_port(session, arrival);
        if self.keep_waiting(now, session, arrival) {
            return Ok(None);
        }
        let told = known.filter(|_| is_known).and_then(|route| route.told);
        let route = Route { session, alias, told };
        // str0m hears nothing of a viewer that moves, and it will ask again.
        if !is_known && self.may_have_moved(now, arrival, session, SILENCE_BEFORE_NEW) {
            return Ok(None);
        }
        if !is_known && !self.may_come_from(session, remote) {
            return Err(DropReason::TooManyAddresses);
        }
        self.routes.add_remote(now, via, remote, route);
        Ok(Some(route))
    }

    fn may_come_from(&mut self, session: SessionId, remote: SocketAddr) -> bool {
        let session = self.sessions.get_mut(&session);
        session.is_some_and(|session| session.may_come_from(remote))
    }

    fn is_authentic(&self, session: SessionId, check: &BindingRequest<'_>) -> bool {
        let session = self.sessions.get(&session);
        session.is_some_and(|session| check.is_authentic(session.password()))
    }

    /// Moves a session from where str0m knows its viewer to where that has proved to be.
    pub(super) fn roam(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        session: SessionId,
        told: SocketAddr,
    ) {
        let Arrival { via, alias, remote, .. } = *arrival;
        tracing::debug!(id = ?session, from = %told, to = %remote, "viewer roams");
        self.stats.roams_total += 1;
        // One that only takes another of its own candidates, its relay say, has not moved.
        let has_told = |viewer: &Session| viewer.told().contains(&remote);
        if !self.sessions.get(&session).is_some_and(has_told) {
            self.observe(session, |seen| seen.roams += 1);
        }
        self.on_signal(now, session, Signal::PathChanged);
        let is_home = told == remote;
        let route = Route { session, alias, told: (!is_home).then_some(told) };
        self.routes.add_remote(now, via, remote, route);
        if is_home {
            self.routes.come_home(session, remote);
        }
    }

    /// The address at which str0m knows the viewer that is now heard from another one, if its path
    /// there has fallen silent.
    pub(super) fn roams_from(
        &self,
        now: Instant,
        arrival: &Arrival<'_>,
        session: SessionId,
        silence: Duration,
    ) -> Option<SocketAddr> {
        let Arrival { via, local, remote, .. } = *arrival;
        let viewer = self.sessions.get(&session)?;
        let settled = matches!(viewer.state(), SessionState::Connected | SessionState::Interrupted);
        let pair = viewer.pair()?;
        let same_way = pair.protocol == protocol(via) && pair.source == local;
        let is_there = self.routes.whereabouts(session, pair.destination) == remote;
        if !settled || !same_way || is_there {
            return None;
        }
        let silent = self.is_silent(now, session, via, pair.destination, silence);
        silent.then_some(pair.destination)
    }

    /// Whether nothing came for that long from where a viewer really is that str0m knows at `told`.
    fn is_silent(
        &self,
        now: Instant,
        session: SessionId,
        via: Via,
        told: SocketAddr,
        silence: Duration,
    ) -> bool {
        let whereabouts = self.routes.whereabouts(session, told);
        let via = match (via, self.streams.of_viewer(whereabouts)) {
            (Via::Stream(_), Some(stream)) => Via::Stream(stream),
            (via, _) => via,
        };
        let heard = self.routes.heard_at(via, whereabouts);
        heard.is_none_or(|heard| heard + silence <= now)
    }
}

fn way(via: Via) -> CheckWay {
    match via {
        Via::Socket => CheckWay::Udp,
        Via::Relay(_) => CheckWay::Relay,
        Via::Stream(_) => CheckWay::Tcp,
    }
}

fn protocol(via: Via) -> Protocol {
    match via {
        Via::Socket | Via::Relay(_) => Protocol::Udp,
        Via::Stream(_) => Protocol::Tcp,
    }
}
