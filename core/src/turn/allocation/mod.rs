//! The driver of one allocation: it owns kernel, peers, requests in the air, deadlines and events.

mod act;
mod config;
mod respond;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::auth::Authenticator;
use super::backoff::Backoff;
use super::event::{AllocationEvent, Received, Relayed};
use super::framing::{Envelope, parse_channel_data};
use super::life::{Input, Life};
use super::message::{Class, DATA, Method, Parsed, XOR_PEER_ADDRESS, message_type};
use super::peers::{Peers, Way};
use super::scope::may_reach;
use super::transactions::{Purpose, Transactions};
use crate::base::{Deadlines, SeedRng};
use crate::wire::DropReason;

pub use config::{AllocationConfig, Families, Leg};

/// Proofs of life come so often while somebody is relayed: a server that was restarted and a NAT
/// that lost its mapping are noticed before a viewer gives up.
const KEEPALIVE_ACTIVE: Duration = Duration::from_millis(2_500);
/// And so often otherwise: shorter than NAT mappings live (RFC 4787 REQ-5 has 2 min, Linux 30 s).
const KEEPALIVE_IDLE: Duration = Duration::from_secs(25);
/// Somebody is relayed when something was sent within this time.
const ACTIVE_FOR: Duration = Duration::from_secs(15);
/// A suspicion sooner than this after a proof of life is idle talk.
const PROOF_HOLDS: Duration = Duration::from_millis(250);
/// An allocation that is lost sooner than this is not made anew at once.
const YOUNG: Duration = Duration::from_secs(3);
/// Events that wait to be taken. The oldest is lost beyond that; [`Allocation::relayed`] is always
/// true.
const EVENTS_MAX: usize = 16;

/// Why the driver wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// To ask a server again that failed.
    Retry,
    /// To prove that all is well.
    Probe,
    /// The server ends the allocation, unless it was refreshed.
    Expire,
    /// To replace credentials before they end.
    Renew,
    /// A request in the air.
    Transaction(u128),
}

/// One allocation at one TURN server, that keeps itself alive until [`Allocation::close`].
///
/// After each call that takes `now` the owner sends what [`Allocation::poll_transmit`] writes to
/// [`Allocation::server`], takes what [`Allocation::poll_event`] has, and comes back with
/// [`Allocation::handle_timeout`] at [`Allocation::poll_timeout`].
pub struct Allocation {
    leg: Leg,
    families: Families,
    /// Which of the ways to ask for them is in use.
    way: usize,
    /// The server of the configuration.
    home: SocketAddr,
    /// Where it speaks to now.
    server: SocketAddr,
    /// Servers that it was sent to since the last grant.
    visited: Vec<SocketAddr>,
    rng: SeedRng,
    auth: Authenticator,
    life: Life,
    peers: Peers,
    transactions: Transactions,
    timers: Deadlines<Timer>,
    events: VecDeque<AllocationEvent>,
    backoff: Backoff,
    relayed: Relayed,
    mapped: Option<SocketAddr>,
    lifetime: Duration,
    granted_at: Option<Instant>,
    proved_at: Option<Instant>,
    sent_at: Option<Instant>,
    is_active: bool,
}

impl Allocation {
    /// Asks for an allocation; the request is due at `now`.
    pub fn new(now: Instant, config: AllocationConfig) -> Allocation {
        let mut allocation = Allocation {
            leg: config.leg,
            families: config.families,
            way: 0,
            home: config.server,
            server: config.server,
            visited: Vec::new(),
            rng: config.rng,
            auth: Authenticator::new(config.credentials, config.wall_clock),
            life: Life::Waiting,
            peers: Peers::new(),
            transactions: Transactions::default(),
            timers: Deadlines::new(),
            events: VecDeque::new(),
            backoff: Backoff::default(),
            relayed: Relayed::default(),
            mapped: None,
            lifetime: Duration::ZERO,
            granted_at: None,
            proved_at: None,
            sent_at: None,
            is_active: false,
        };
        allocation.live(now, Input::Due);
        allocation
    }

    /// The realm that the server asked for last, RFC 8489 §14.9.
    pub fn realm(&self) -> Option<&str> {
        self.auth.realm()
    }

    /// The server that it speaks to now: a 300 moves it.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Takes one STUN message or one ChannelData from the server.
    ///
    /// # Errors
    /// It is none of these, nobody asked for it, its integrity does not hold, or it is from a peer
    /// that has no permission. Nothing changed.
    pub fn handle_message<'a>(
        &mut self,
        now: Instant,
        message: &'a [u8],
    ) -> Result<Received<'a>, DropReason> {
        match message.first() {
            Some(0..=3) => {
                let parsed = Parsed::parse(message).ok_or(DropReason::BadStun)?;
                if parsed.kind() == message_type(Method::Data, Class::Indication) {
                    let peer = parsed.xor_addresses(XOR_PEER_ADDRESS).next();
                    let payload = parsed.value(DATA);
                    let (Some(peer), Some(payload)) = (peer, payload) else {
                        return Err(DropReason::BadStun);
                    };
                    return self.receive(peer, payload);
                }
                self.on_response(now, &parsed)?;
                self.pump(now);
                Ok(Received::Control)
            }
            Some(0x40..=0x4F) => {
                let (number, payload) = parse_channel_data(message).ok_or(DropReason::Malformed)?;
                let peer = self.peers.by_number(number).ok_or(DropReason::NoRoute)?;
                self.receive(peer, payload)
            }
            _ => Err(DropReason::Unknown),
        }
    }

    fn receive<'a>(&self, peer: SocketAddr, payload: &'a [u8]) -> Result<Received<'a>, DropReason> {
        let relayed = self.relayed.for_peer(peer.ip()).ok_or(DropReason::NoRoute)?;
        if !self.peers.allows(peer.ip()) {
            return Err(DropReason::NoRoute);
        }
        Ok(Received::Data { relayed, peer, payload })
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        // Each turn takes out a deadline; what is set anew lies in the future.
        while let Some(timer) = self.timers.pop_due(now) {
            self.on_timer(now, timer);
        }
        self.peers.handle_timeout(now);
        self.pump(now);
    }

    /// Writes the next control message into `buffer` and says how long it is. 2 kB hold all but
    /// those of servers with absurdly long realms and nonces, which are not sent.
    pub fn poll_transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<usize> {
        self.transactions.poll_transmit(buffer)
    }

    /// What happened since the last call.
    pub fn poll_event(&mut self) -> Option<AllocationEvent> {
        self.events.pop_front()
    }

    /// When [`Allocation::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = self.timers.earliest().map(|(at, _)| at);
        [own, self.peers.poll_timeout()].into_iter().flatten().min()
    }

    /// The relayed addresses: none, or one for each family, while the server relays for us.
    pub fn relayed(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        self.relayed.iter()
    }

    /// Our own address, as the server saw it (XOR-MAPPED-ADDRESS), while it relays for us.
    pub fn mapped(&self) -> Option<SocketAddr> {
        self.mapped
    }

    /// Says how `len` bytes travel to `peer`: what stands before and after them in a message to
    /// [`Allocation::server`]. Makes permission and channel on the way; until the server has
    /// granted the first, what is sent may be lost. Payloads of one length have envelopes of one
    /// length, but for the moment in which the channel comes into use.
    ///
    /// `None`: there is no allocation now, none of the peer's family, the peer is not to be reached
    /// from there, or the payload is longer than a message can be.
    pub fn wrap(&mut self, now: Instant, peer: SocketAddr, len: usize) -> Option<Envelope> {
        if !self.reaches(peer.ip()) {
            return None;
        }
        self.note_use(now);
        let before = self.peers.has_wanted();
        let way = self.peers.way(now, peer)?;
        if !before && self.peers.has_wanted() {
            self.pump(now);
        }
        match way {
            Way::Channel(number) => Envelope::channel_data(number, len, self.leg == Leg::Stream),
            Way::Indication => Envelope::indication(self.new_id(), peer, len),
        }
    }

    /// Asks for a permission for `peer` before anything is sent to it, now or as soon as there is
    /// an allocation.
    pub fn add_peer(&mut self, now: Instant, peer: SocketAddr) {
        if self.relayed != Relayed::default() && !self.reaches(peer.ip()) {
            return;
        }
        self.peers.permit(now, peer.ip());
        self.pump(now);
    }

    /// The leg to the server is a new one, or the network is: starts over, with the same peers.
    pub fn reconnect(&mut self, now: Instant) {
        self.live(now, Input::Reconnected);
    }

    /// Somebody hears nothing through the relay any more: asks the server at once whether it is
    /// still there.
    pub fn suspect(&mut self, now: Instant) {
        let is_proved =
            self.proved_at.is_some_and(|at| now.saturating_duration_since(at) < PROOF_HOLDS);
        if !is_proved {
            self.probe(now);
        }
    }

    /// Ends the allocation: one request to the server, sent again for a second if nobody answers.
    pub fn close(&mut self, now: Instant) {
        self.live(now, Input::Close);
    }

    /// Whether nothing is left to be done after [`Allocation::close`].
    pub fn is_closed(&self) -> bool {
        self.life == Life::Closed
    }

    #[cfg(test)]
    pub(super) fn peers_remembered(&self) -> usize {
        self.peers.len()
    }

    fn reaches(&self, peer: IpAddr) -> bool {
        self.relayed.for_peer(peer).is_some_and(|relayed| may_reach(relayed.ip(), peer))
    }

    fn new_id(&mut self) -> u128 {
        u128::from(self.rng.u64()) << 32 | u128::from(self.rng.u32())
    }

    fn tell(&mut self, event: AllocationEvent) {
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Something is sent through the relay: from now on it is proved more often.
    fn note_use(&mut self, now: Instant) {
        self.sent_at = Some(now);
        if !self.is_active {
            self.is_active = true;
            self.set_probe(now);
        }
    }

    fn set_probe(&mut self, now: Instant) {
        if matches!(self.life, Life::Held { .. }) && !self.transactions.has(Purpose::Refresh) {
            let usual = if self.is_active { KEEPALIVE_ACTIVE } else { KEEPALIVE_IDLE };
            let wait = usual.min(self.lifetime / 2).max(Duration::from_secs(1));
            self.timers.set(Timer::Probe, Some(now + wait));
        }
    }
}

impl std::fmt::Debug for Allocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Allocation")
            .field("server", &self.server)
            .field("life", &self.life)
            .field("relayed", &self.relayed)
            .finish_non_exhaustive()
    }
}
