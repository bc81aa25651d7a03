//! The peers of an allocation: a permission for each IP address, a channel for each address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::channel::{BINDING, COOLDOWN, Channel};
use super::framing::ChannelNumber;
use super::permission::{Action, Input, Permission};
use crate::base::Deadlines;

/// Permissions that are kept up. One more, and the one that was used longest ago is let go; its
/// peer gets it back with the next packet that is sent to it.
pub(super) const PEERS_MAX: usize = 1024;
/// A peer that nothing was sent to for so long is not in use: what is granted for it lapses.
const IDLE: Duration = Duration::from_secs(180);

/// The server's ten minutes may have begun that long before its answer came.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// What the server is to be asked for; permissions before channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Want {
    Permission(IpAddr),
    Channel(SocketAddr),
}

impl Want {
    pub(super) fn peer(self) -> IpAddr {
        match self {
            Want::Permission(peer) => peer,
            Want::Channel(peer) => peer.ip(),
        }
    }
}

/// How to send to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Channel(ChannelNumber),
    Indication,
}

#[derive(Debug)]
struct Permitted {
    state: Permission,
    used: Instant,
}

#[derive(Debug)]
struct Channeled {
    state: Channel,
    number: ChannelNumber,
    used: Instant,
    /// From the grant on: until when the server knows the number for this peer.
    bound_until: Option<Instant>,
    /// Until when it might know it, answer or no answer, and the time after in which the number
    /// must not go to another.
    kept_until: Instant,
}

/// All peers of one allocation.
#[derive(Debug)]
pub(super) struct Peers {
    permissions: BTreeMap<IpAddr, Permitted>,
    /// As many as there are numbers at most; without a number a peer gets indications.
    channels: BTreeMap<SocketAddr, Channeled>,
    numbers: BTreeMap<ChannelNumber, SocketAddr>,
    next: ChannelNumber,
    wanted: BTreeSet<Want>,
    timers: Deadlines<Want>,
}

impl Peers {
    pub(super) fn new() -> Peers {
        Peers {
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next: ChannelNumber::FIRST,
            wanted: BTreeSet::new(),
            timers: Deadlines::new(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.earliest().map(|(at, _)| at)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        // Each turn takes out a deadline; what is set anew lies in the future.
        while let Some(want) = self.timers.pop_due(now) {
            let in_use = self.is_in_use(now, want);
            self.on(now, want, Input::Due { in_use });
        }
    }

    /// Wants a permission for `ip`. Says whether it is worth sending there.
    pub(super) fn permit(&mut self, now: Instant, ip: IpAddr) -> bool {
        if let Some(permitted) = self.permissions.get_mut(&ip) {
            permitted.used = now;
            return permitted.state.allows();
        }
        if self.permissions.len() >= PEERS_MAX {
            self.evict();
        }
        self.permissions.insert(ip, Permitted { state: Permission::Wanted, used: now });
        self.wanted.insert(Want::Permission(ip));
        true
    }

    /// How to send to `peer` now; wants permission and channel on the way. `None`: not at all.
    pub(super) fn way(&mut self, now: Instant, peer: SocketAddr) -> Option<Way> {
        if !self.permit(now, peer.ip()) {
            return None;
        }
        let Some(channel) = self.channels.get_mut(&peer) else {
            self.open(now, peer);
            return Some(Way::Indication);
        };
        channel.used = now;
        let number = channel.number;
        let is_bound = channel.bound_until.is_some_and(|until| now < until);
        if channel.state == Channel::Idle {
            self.on(now, Want::Channel(peer), Input::Used);
        }
        Some(if is_bound { Way::Channel(number) } else { Way::Indication })
    }

    fn open(&mut self, now: Instant, peer: SocketAddr) {
        let Some(number) = self.free_number() else { return };
        let (state, bound_until) = (Channel::Wanted, None);
        let channel = Channeled { state, number, used: now, bound_until, kept_until: now };
        self.channels.insert(peer, channel);
        self.numbers.insert(number, peer);
        self.wanted.insert(Want::Channel(peer));
    }

    fn free_number(&mut self) -> Option<ChannelNumber> {
        for _ in 0..ChannelNumber::COUNT {
            let number = self.next;
            self.next = number.next();
            if !self.numbers.contains_key(&number) {
                return Some(number);
            }
            if self.numbers.len() >= ChannelNumber::COUNT {
                return None;
            }
        }
        None
    }

    fn evict(&mut self) {
        let oldest = self.permissions.iter().min_by_key(|(ip, it)| (it.used, **ip));
        if let Some(ip) = oldest.map(|(ip, _)| *ip) {
            self.forget(Want::Permission(ip));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.permissions.len() + self.channels.len()
    }

    /// Whether there is something to ask the server for.
    pub(super) fn has_wanted(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Whether data from this address is to be taken.
    pub(super) fn allows(&self, ip: IpAddr) -> bool {
        self.permissions.get(&ip).is_some_and(|it| it.state.allows())
    }

    /// Whose number this is.
    pub(super) fn by_number(&self, number: ChannelNumber) -> Option<SocketAddr> {
        self.numbers.get(&number).copied()
    }

    pub(super) fn number_of(&self, peer: SocketAddr) -> Option<ChannelNumber> {
        self.channels.get(&peer).map(|it| it.number)
    }

    /// The next thing to ask the server for; the caller sends it at once.
    pub(super) fn next_wanted(&mut self, now: Instant) -> Option<Want> {
        let want = self.wanted.pop_first()?;
        self.keep(now, want);
        self.on(now, want, Input::Sent);
        Some(want)
    }

    /// The server may have bound the number as late as now.
    fn keep(&mut self, now: Instant, want: Want) {
        if let Want::Channel(peer) = want
            && let Some(channel) = self.channels.get_mut(&peer)
        {
            channel.kept_until = now + BINDING + COOLDOWN;
        }
    }

    pub(super) fn on_granted(&mut self, now: Instant, want: Want) {
        if let Want::Channel(peer) = want
            && let Some(channel) = self.channels.get_mut(&peer)
        {
            channel.bound_until = Some(now + BINDING - ANSWERED_WITHIN);
        }
        self.keep(now, want);
        self.on(now, want, Input::Granted);
    }

    pub(super) fn on_refused(&mut self, now: Instant, want: Want) {
        if let Want::Channel(peer) = want
            && let Some(channel) = self.channels.get_mut(&peer)
        {
            channel.bound_until = None;
        }
        self.on(now, want, Input::Refused);
    }

    pub(super) fn on_failed(&mut self, now: Instant, want: Want) {
        self.keep(now, want);
        self.on(now, want, Input::Failed);
    }

    /// The server has forgotten everything.
    pub(super) fn on_lost(&mut self) {
        self.channels.values_mut().for_each(|it| it.bound_until = None);
        self.wanted.clear();
    }

    /// There is a new allocation. Peers in use that it `reaches` are wanted there, under the
    /// numbers that they had; the others are forgotten.
    pub(super) fn on_allocation(&mut self, now: Instant, reaches: impl Fn(IpAddr) -> bool) {
        self.on_lost();
        let permissions = self.permissions.keys().map(|ip| Want::Permission(*ip));
        let channels = self.channels.keys().map(|peer| Want::Channel(*peer));
        let all: Vec<Want> = permissions.chain(channels).collect();
        for want in all {
            let ip = match want {
                Want::Permission(ip) => ip,
                Want::Channel(peer) => peer.ip(),
            };
            let in_use = reaches(ip) && self.is_in_use(now, want);
            self.timers.set(want, None);
            self.on(now, want, Input::Anew { in_use });
        }
    }

    fn is_in_use(&self, now: Instant, want: Want) -> bool {
        let used = match want {
            Want::Permission(ip) => self.permissions.get(&ip).map(|it| it.used),
            Want::Channel(peer) => self.channels.get(&peer).map(|it| it.used),
        };
        used.is_some_and(|used| now.saturating_duration_since(used) < IDLE)
    }

    /// The one place that sets states.
    fn on(&mut self, now: Instant, want: Want, input: Input) {
        let action = match want {
            Want::Permission(ip) => self.permissions.get_mut(&ip).map(|it| {
                let (next, action) = it.state.on(input);
                it.state = next;
                action
            }),
            Want::Channel(peer) => self.channels.get_mut(&peer).map(|it| {
                let (next, action) = it.state.on(input);
                it.state = next;
                action
            }),
        };
        tracing::trace!(?want, ?input, ?action, "TURN peer");
        match action {
            None | Some(Action::Nothing) => {}
            Some(Action::Ask) => {
                self.timers.set(want, None);
                self.wanted.insert(want);
            }
            Some(Action::After(wait)) => self.timers.set(want, Some(now + wait)),
            Some(Action::Rest) => {
                let Want::Channel(peer) = want else { return };
                let until = self.channels.get(&peer).map(|it| it.kept_until);
                self.timers.set(want, until);
            }
            Some(Action::Drop) => self.forget(want),
        }
    }

    fn forget(&mut self, want: Want) {
        self.timers.set(want, None);
        self.wanted.remove(&want);
        match want {
            Want::Permission(ip) => drop(self.permissions.remove(&ip)),
            Want::Channel(peer) => {
                if let Some(channel) = self.channels.remove(&peer) {
                    self.numbers.remove(&channel.number);
                }
            }
        }
    }
}
