//! Our side of the network: servers that answer or fall silent, interfaces that come and go.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::patience::Status;
use super::routes::Via;
use super::{Endpoint, Event, Key, SessionId, SessionState};
use crate::gather::{CandidateKind, GatherEvent, LocalCandidate, Paths, candidate_line};
use crate::portmap::Protocol;
use crate::session::{Local, Session};
use crate::wire::can_receive;

/// How often sessions are looked at for silence.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// Silence of a viewer after which servers are asked whether they still relay for us, and where we
/// are. A viewer's reports come every second.
const SUSPICIOUS_SILENCE: Duration = Duration::from_millis(1_500);

impl Endpoint {
    /// Tells the addresses of a server whose name was resolved, the preferred first. `server` is its
    /// place in [`GatherConfig::servers`](crate::gather::GatherConfig::servers). Those at which nobody
    /// can be, a name may lead anywhere, are left out.
    pub fn set_server_addresses(
        &mut self,
        now: Instant,
        server: usize,
        mut addresses: Vec<SocketAddr>,
    ) {
        addresses.retain(|address| can_receive(*address));
        self.gatherer.set_server_addresses(now, server, addresses);
        self.after_gathering(now);
    }

    /// Tells the addresses of our sockets anew: an interface went or came. Viewers whose path is
    /// gone are asked to restart ICE; the others keep theirs.
    pub fn set_bases(&mut self, now: Instant, udp: Vec<SocketAddr>, tcp: Vec<SocketAddr>) {
        self.gatherer.set_bases(now, udp, tcp);
        self.after_gathering(now);
    }

    /// Hears what the gatherer has to say. After every input that may have reached it.
    pub(super) fn after_gathering(&mut self, now: Instant) {
        while let Some(event) = self.gatherer.poll_event() {
            match event {
                GatherEvent::Changed { added, removed } => self.on_changed(now, &added, &removed),
                GatherEvent::Connect { stream, remote, tls } => {
                    self.streams.add_turn(stream);
                    self.events.push_back(Event::Connect { stream, remote, tls });
                }
                GatherEvent::Disconnect { stream } => {
                    self.events.push_back(Event::Disconnect { stream });
                    self.forget_stream(now, stream);
                }
                GatherEvent::ResolveWanted { server } => {
                    self.events.push_back(Event::ResolveWanted { server });
                }
                GatherEvent::Server { server, report } => {
                    self.events.push_back(Event::Server { server, report });
                }
            }
        }
        self.deadlines.set(Key::Gather, self.gatherer.poll_timeout());
    }

    /// The candidates are others: sessions learn of them, and viewers of the new ones.
    fn on_changed(&mut self, now: Instant, added: &[LocalCandidate], removed: &[LocalCandidate]) {
        let locals = self.locals();
        let before = std::mem::replace(&mut self.setup.locals, locals);
        let (gone, new): (Vec<Local>, Vec<Local>) = (
            before.iter().filter(|local| !self.setup.locals.contains(local)).copied().collect(),
            self.setup.locals.iter().filter(|local| !before.contains(local)).copied().collect(),
        );
        for candidate in removed {
            tracing::debug!(address = %candidate.address, kind = ?candidate.kind, "candidate gone");
        }
        for id in self.sessions.ids() {
            for local in &new {
                self.with_session(id, |session| session.add_local(*local));
            }
            let mut cut = false;
            for local in &gone {
                cut |= self.with_session(id, |session| session.remove_local(*local)) == Some(true);
            }
            if cut {
                self.events.push_back(Event::RestartWanted { id });
            }
        }
        self.candidate_lines = super::candidate_lines(self.gatherer.candidates());
        for candidate in added {
            tracing::debug!(address = %candidate.address, kind = ?candidate.kind, "candidate");
            let place = self.gatherer.candidates().iter().position(|known| known == candidate);
            let line = candidate_line(candidate, place.unwrap_or(0));
            self.announce(&line);
        }
        for candidate in removed.iter().filter(|gone| gone.kind == CandidateKind::ServerReflexive) {
            self.on_moved(now, candidate.base);
        }
        let peers: Vec<SocketAddr> =
            self.sessions.iter().flat_map(|(_, session)| session.told()).copied().collect();
        for peer in peers {
            self.gatherer.add_peer(now, peer);
        }
    }

    /// All that str0m answers on.
    pub(super) fn locals(&self) -> Vec<Local> {
        let config = self.gatherer.config();
        let mut locals = Vec::new();
        if config.paths != Paths::Relay {
            locals.extend(config.bases.iter().map(|base| Local::Udp(*base)));
            locals.extend(config.tcp_bases.iter().map(|base| Local::Tcp(*base)));
        }
        let relayed = self.gatherer.candidates().iter();
        locals.extend(relayed.filter_map(|candidate| match candidate.kind {
            CandidateKind::Relayed(_) => {
                Some(Local::Relayed { address: candidate.address, base: candidate.base })
            }
            CandidateKind::Host | CandidateKind::ServerReflexive => None,
        }));
        locals
    }

    /// What viewers are told now, best first.
    pub fn candidates(&self) -> &[LocalCandidate] {
        self.gatherer.candidates()
    }

    /// The lines of an answer made now.
    pub(super) fn answer_lines(&self) -> Vec<String> {
        let mut lines = self.candidate_lines.clone();
        let destinations = u16::try_from(self.destinations.len()).unwrap_or(u16::MAX);
        let predicted = self.gatherer.predicted(destinations);
        let place = lines.len();
        lines.extend(predicted.iter().map(|candidate| candidate_line(candidate, place)));
        lines
    }

    /// Looks for viewers that fell silent: then the relay may be what is gone, or the NAT in front
    /// of us may have forgotten us. Only those are looked at from which nothing may have come for
    /// long enough, and of those that were heard meanwhile it is noted when that may be next.
    pub(super) fn watch_paths(&mut self, now: Instant) {
        let (mut relays, mut sockets) = (false, false);
        while let Some(id) = self.watched.pop_due(now) {
            let Some(session) = self.sessions.get(&id) else { continue };
            if session.state() != SessionState::Connected {
                continue;
            }
            let silence = self.silence(now, id, session);
            let next = match silence {
                Some(silence) if silence >= SUSPICIOUS_SILENCE => now + WATCH_INTERVAL,
                Some(silence) => now + (SUSPICIOUS_SILENCE - silence),
                None => now + SUSPICIOUS_SILENCE,
            };
            self.watched.set(id, Some(next));
            let silence = silence.unwrap_or_default();
            let is_relayed = self.is_relayed(session);
            relays |= is_relayed && silence >= SUSPICIOUS_SILENCE;
            // Once for each silence: a viewer that went away makes no storm of questions.
            let begins = SUSPICIOUS_SILENCE..SUSPICIOUS_SILENCE + WATCH_INTERVAL * 2;
            sockets |= !is_relayed && begins.contains(&silence);
        }
        if relays {
            tracing::debug!("viewers behind a relay are silent, the servers are asked");
            self.gatherer.suspect_relays(now);
        }
        if sockets {
            tracing::debug!("viewers are silent, the servers are asked where we are");
            self.gatherer.suspect(now);
        }
        if relays || sockets {
            self.after_gathering(now);
        }
        self.set_watch(now);
    }

    /// Has a session watched that has connected, or whose path is another one.
    pub(super) fn watch(&mut self, now: Instant, id: SessionId) {
        self.watched.set(id, Some(now));
        if self.deadlines.of(Key::Watch).is_none() {
            self.set_watch(now);
        }
    }

    /// How long nothing came by the path of a connected session; `None` over TCP, which has its own
    /// way to end.
    fn silence(&self, now: Instant, id: SessionId, session: &Session) -> Option<Duration> {
        self.silence_between(now, id, &Status::of(session))
    }

    fn silence_between(&self, now: Instant, id: SessionId, status: &Status) -> Option<Duration> {
        let pair = status.pair.filter(|pair| pair.protocol == str0m::net::Protocol::Udp)?;
        if status.state != SessionState::Connected {
            return None;
        }
        let relayed = !self.gatherer.bases().contains(&pair.source);
        let via = if relayed { Via::Relay(pair.source) } else { Via::Socket };
        let remote = self.routes.whereabouts(id, pair.destination);
        Some(now.saturating_duration_since(self.routes.heard_at(via, remote)?))
    }

    /// Whether nothing came by a path that a session had for longer than between two reports at
    /// their busiest, so that what was sent by it may be lost.
    pub(super) fn was_path_silent(&self, now: Instant, id: SessionId, before: &Status) -> bool {
        let silence = self.silence_between(now, id, before);
        silence.is_none_or(|silence| silence >= WATCH_INTERVAL)
    }

    fn is_relayed(&self, session: &Session) -> bool {
        session.pair().is_some_and(|pair| !self.gatherer.bases().contains(&pair.source))
    }

    /// The NAT in front of a socket shows another address: sessions on it that are silent have lost
    /// their way back to us. Those that are not, go on.
    fn on_moved(&mut self, now: Instant, base: SocketAddr) {
        let sessions = self.sessions.iter();
        let cut = sessions.filter(|(id, session)| {
            session.pair().is_some_and(|pair| pair.source == base)
                && self.silence(now, *id, session).is_some_and(|s| s >= SUSPICIOUS_SILENCE)
        });
        let cut: Vec<SessionId> = cut.map(|(id, _)| id).collect();
        self.events.extend(cut.into_iter().map(|id| Event::RestartWanted { id }));
    }

    /// The watch is kept while there is something to watch.
    pub(super) fn set_watch(&mut self, now: Instant) {
        let wanted = !self.gatherer.config().servers.is_empty() && !self.is_idle();
        self.deadlines.set(Key::Watch, wanted.then(|| now + WATCH_INTERVAL));
    }

    /// Adds an address that the program learned late, and offers it to all viewers.
    pub fn add_local_candidate(&mut self, now: Instant, candidate: LocalCandidate) {
        let known = self.gatherer.candidates();
        if known.contains(&candidate) || known.len() >= super::commands::LATE_CANDIDATES_MAX {
            return;
        }
        let is_base = candidate.kind == CandidateKind::Host
            && candidate.protocol == Protocol::Udp
            && !self.gatherer.bases().contains(&candidate.base);
        if is_base {
            self.gatherer.add_base(now, candidate.base);
        }
        self.gatherer.add_candidate(candidate);
        self.after_gathering(now);
    }
}
