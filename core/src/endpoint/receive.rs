//! Datagrams in: demultiplexed, routed, normalised, handed to their session.

use std::net::SocketAddr;
use std::time::Instant;

use super::routes::Route;
use super::{Datagram, DropReason, Endpoint, SessionId};
use crate::wire::{Kind, StunKind, demux, parse_stun};

impl Endpoint {
    /// Takes a datagram from a socket. What is wrong with it is counted, never an error.
    pub fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.stats.datagrams_received_total += 1;
        if let Err(reason) = self.route_datagram(now, &datagram) {
            self.drop_datagram(reason, datagram.remote);
        }
    }

    fn route_datagram(&mut self, now: Instant, datagram: &Datagram<'_>) -> Result<(), DropReason> {
        let kind = demux(datagram.payload).ok_or(DropReason::Unknown)?;
        let (local, alias) = self.normalise(datagram.local).ok_or(DropReason::NoRoute)?;
        let route = match kind {
            Kind::Stun => self.route_stun(datagram, alias)?,
            Kind::Dtls | Kind::Media => {
                self.routes.by_remote(datagram.remote).ok_or(DropReason::NoRoute)?
            }
        };
        let take = |session: &mut crate::session::Session| {
            session.handle_datagram(now, local, datagram.remote, datagram.payload)
        };
        self.with_session(route.session, take).ok_or(DropReason::NoSession)?
    }

    /// The candidate that stands for a local address. str0m answers only to addresses that it
    /// knows, so what arrives on another one (loopback, a second address of the interface) is
    /// taken as if it had come to our first candidate of that family; the reply leaves from where
    /// the datagram arrived all the same.
    fn normalise(&self, local: SocketAddr) -> Option<(SocketAddr, Option<SocketAddr>)> {
        if self.setup.bases.contains(&local) {
            return Some((local, None));
        }
        let same_family = |base: &&SocketAddr| base.is_ipv4() == local.is_ipv4();
        let base = self.setup.bases.iter().find(same_family)?;
        Some((*base, Some(local)))
    }

    /// A check names the session it is for; the address it comes from belongs to that session from
    /// then on, if its integrity holds. Everything else goes where its address goes.
    fn route_stun(
        &mut self,
        datagram: &Datagram<'_>,
        alias: Option<SocketAddr>,
    ) -> Result<Route, DropReason> {
        let known = self.routes.by_remote(datagram.remote);
        let check = match parse_stun(datagram.payload).ok_or(DropReason::BadStun)? {
            StunKind::Other => return known.ok_or(DropReason::NoRoute),
            StunKind::Request(check) => check,
        };
        let session: SessionId =
            self.routes.by_ufrag(check.local_ufrag()).ok_or(DropReason::NoSession)?;
        let route = Route { session, alias };
        if known != Some(route) {
            let password = self.sessions.get(&session).map(|s| s.password());
            if !password.is_some_and(|password| check.is_authentic(password)) {
                return Err(DropReason::BadIntegrity);
            }
            self.routes.add_remote(datagram.remote, route);
        }
        Ok(route)
    }
}
