//! NAT behaviour discovery, RFC 5780: how the NAT in front of us maps and filters, for people and
//! diagnosis. What it leaves out: TCP, fragments, and authentication (§4, optional).

mod lifetime;
mod plan;
mod probe;
mod report;
mod verdict;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub use lifetime::{LifetimeConfig, LifetimeDiscovery, LifetimeReport};
pub use report::{FilteringBehaviour, MappingBehaviour, NatReport, Observation, Test, Unanswered};

use stun_types::attribute::AttributeWrite;

use plan::Plan;
use probe::Question;

use super::message::{self, BindingMessage};
use crate::base::{Seed, SeedRng};
use crate::wire::DropReason;

/// Which of the shell's sockets for discovery. All are bound to the same local address, to
/// different ports; none of them is used for anything else meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(u8);

impl SocketId {
    /// The socket whose mapping is looked at.
    pub const MAIN: SocketId = SocketId(0);
    /// A fresh one, which has sent nothing before: for filtering and hairpins.
    pub const SECOND: SocketId = SocketId(1);
    /// One more, for [`LifetimeDiscovery`], which lies idle for minutes.
    pub const LIFETIME: SocketId = SocketId(2);
    /// All of them, at the place of their [`Self::index`].
    pub const ALL: [SocketId; 3] = [SocketId::MAIN, SocketId::SECOND, SocketId::LIFETIME];

    /// Its place in [`Self::ALL`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A datagram to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeTransmit {
    /// From which socket.
    pub socket: SocketId,
    /// Where to.
    pub destination: SocketAddr,
    /// Its length in bytes, at the start of the buffer.
    pub length: usize,
}

/// What discovery needs to know.
#[derive(Debug, Clone)]
pub struct DiscoveryConfig {
    /// For transaction ids.
    pub seed: Seed,
    /// The address of [`SocketId::MAIN`]: not a wildcard, but what datagrams to the servers leave
    /// from, or the absence of a NAT could not be seen.
    pub local: SocketAddr,
    /// STUN servers, resolved. One that has OTHER-ADDRESS is enough for everything; two at
    /// different addresses tell the mapping. The first [`Discovery::SERVERS_MAX`] of the family of
    /// `local` are asked.
    pub servers: Vec<SocketAddr>,
}

/// Why discovery cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The local address is a wildcard.
    #[error("the local address must be the one that datagrams leave from, not a wildcard")]
    Wildcard,
    /// No server of the family of the local address.
    #[error("no STUN server has an address of the same family (IPv4 or IPv6) as the local one")]
    NoServer,
}

/// Finds out how the NAT in front of us behaves, by RFC 5780: a machine without I/O, driven by a
/// shell with two sockets ([`SocketId::MAIN`], [`SocketId::SECOND`]).
///
/// The result is a **hint and nothing more**. NATs that classify alike let different things
/// through: a router without an input filter, for one, gives a socket another port once a stranger's
/// datagram has come in. Nothing that connects viewers may depend on it or wait for it: it takes as
/// long as silence takes to be believed, 5 s and more behind a filter.
///
/// After **each** input call [`Self::poll_transmit`] until it returns `None`, then
/// [`Self::poll_event`], which returns the report once, then ask [`Self::poll_timeout`]; when that
/// is `None`, all is over.
///
/// ```
/// use std::time::Instant;
/// use pinhole_core::Seed;
/// use pinhole_core::stun::{Discovery, DiscoveryConfig};
///
/// let now = Instant::now();
/// let mut discovery = Discovery::new(now, DiscoveryConfig {
///     seed: Seed::new([0; 32]), // from the operating system in earnest
///     local: "192.168.1.5:40000".parse()?,
///     servers: vec!["203.0.113.3:3478".parse()?],
/// })?;
/// discovery.handle_timeout(now);
/// let mut buffer = [0; Discovery::TRANSMIT_BYTES_MAX];
/// let transmit = discovery.poll_transmit(&mut buffer).ok_or("nothing to send")?;
/// assert_eq!(transmit.destination, "203.0.113.3:3478".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Discovery {
    plan: Plan,
    rng: SeedRng,
    /// Tests whose request is to leave: at most all of them.
    due: BTreeSet<Test>,
    /// When silence is assumed of everything.
    until: Instant,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Running,
    Reported(NatReport),
    Over,
}

impl Discovery {
    /// Servers that are asked.
    pub const SERVERS_MAX: usize = 4;
    /// The time after which what is unanswered stays so. Four requests in a row, each of which is
    /// silent for 5 s before its answer, are as bad as it gets.
    pub const LONGEST: Duration = Duration::from_secs(20);
    /// Room that [`Self::poll_transmit`] needs.
    pub const TRANSMIT_BYTES_MAX: usize = message::REQUEST_BYTES_MAX;

    /// Begins at `now`.
    ///
    /// # Errors
    /// The local address is a wildcard, or no server can be asked from it.
    pub fn new(now: Instant, config: DiscoveryConfig) -> Result<Discovery, DiscoveryError> {
        let DiscoveryConfig { seed, local, servers } = config;
        if local.ip().is_unspecified() {
            return Err(DiscoveryError::Wildcard);
        }
        let mut asked = Vec::new();
        for server in servers.into_iter().map(plain) {
            let fits = server.is_ipv4() == local.is_ipv4() && asked.len() < Self::SERVERS_MAX;
            if fits && !asked.contains(&server) {
                asked.push(server);
            }
        }
        if asked.is_empty() {
            return Err(DiscoveryError::NoServer);
        }
        let mut rng = seed.rng();
        let plan = Plan::new(now, plain(local), asked, &mut rng);
        let until = now + Self::LONGEST;
        Ok(Discovery { plan, rng, due: BTreeSet::new(), until, state: State::Running })
    }

    /// Takes a datagram that came in on `socket`.
    ///
    /// # Errors
    /// Why it was dropped; nothing has changed then.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        socket: SocketId,
        from: SocketAddr,
        payload: &[u8],
    ) -> Result<(), DropReason> {
        match message::parse(payload)? {
            BindingMessage::Request(id) => self.plan.on_request(socket, id)?,
            BindingMessage::Response(id, outcome) => {
                let test = self.plan.on_response(socket, plain(from), id, outcome)?;
                self.due.remove(&test);
            }
        }
        self.go_on(now);
        Ok(())
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.until {
            self.plan.on_deadline();
            self.due.clear();
        }
        self.go_on(now);
    }

    /// Writes the next datagram to the start of `buffer`, which must have room for
    /// [`Self::TRANSMIT_BYTES_MAX`].
    pub fn poll_transmit(&mut self, buffer: &mut [u8]) -> Option<ProbeTransmit> {
        while let Some(test) = self.due.pop_first() {
            let Some(probe) = self.plan.probe(test) else { continue };
            let Some(id) = probe.transaction() else { continue };
            let question = probe.question;
            let change = question.change.as_ref().map(|(change, _)| change as &dyn AttributeWrite);
            let length = message::write_request(buffer, id, change)?;
            let Question { socket, destination, .. } = question;
            return Some(ProbeTransmit { socket, destination, length });
        }
        None
    }

    /// The report, once, when all is over.
    pub fn poll_event(&mut self) -> Option<NatReport> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Reported(report) => Some(report),
            State::Running => {
                self.state = State::Running;
                None
            }
            State::Over => None,
        }
    }

    /// When to call [`Self::handle_timeout`]; `None` when all is over.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Running => {
                Some(self.plan.deadline().map_or(self.until, |due| due.min(self.until)))
            }
            State::Reported(_) | State::Over => None,
        }
    }

    fn go_on(&mut self, now: Instant) {
        if self.state != State::Running {
            return;
        }
        if now < self.until {
            // What has just been given up may be what the next test waits for.
            self.plan.on_timeout(now, |test| _ = self.due.insert(test));
            self.plan.advance(now, &mut self.rng);
            self.plan.on_timeout(now, |test| _ = self.due.insert(test));
        }
        if self.plan.deadline().is_none() {
            let report = verdict::report(&self.plan);
            tracing::info!(mapping = ?report.mapping, filtering = ?report.filtering, "nat discovery");
            self.state = State::Reported(report);
        }
    }
}

impl std::fmt::Debug for Discovery {
    /// Leaves the generator out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Discovery").field("state", &self.state).finish_non_exhaustive()
    }
}

/// An address as it is compared: IPv4 is not wrapped into IPv6, and there is neither flow nor scope.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
