//! The network between the nodes: realms (the Internet, and what is behind each NAT), hosts in
//! them, and links with latency and faults, all drawn from one seed.
//!
//! A packet walks outwards through NATs at once, crosses the link between the outermost two
//! addresses in its time, and walks inwards when it arrives, so that a filter is asked then and not
//! before. Delivery is ordered by time, and by order of sending at the same time.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::faults::{Faults, Links};
use super::nat::Nat;

/// A network of addresses that reach each other: the Internet, or the inside of a NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Realm(usize);

/// The Internet.
pub const INTERNET: Realm = Realm(0);

/// One of the NATs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NatId(usize);

/// A node that packets are delivered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// A packet that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Whose it is.
    pub node: NodeId,
    /// The address it was sent to, as the node knows it.
    pub to: SocketAddr,
    /// The address it seems to come from.
    pub from: SocketAddr,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Packet {
    realm: Realm,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Node(NodeId),
    Nat(NatId),
}

struct Placed {
    nat: Nat,
    /// The realm that its outside is in.
    outside: Realm,
    inside: Realm,
}

/// The network.
pub struct Net {
    seed: u64,
    links: Links,
    /// What links do to packets from now on.
    pub faults: Faults,
    owners: BTreeMap<(Realm, IpAddr), Owner>,
    nats: Vec<Placed>,
    queue: BTreeMap<(Instant, u64), Packet>,
    sent: u64,
}

/// One-way latency of a link: between these.
const LATENCY_MS: std::ops::RangeInclusive<u64> = 5..=60;
/// The same within one realm behind a NAT.
const LAN_LATENCY: Duration = Duration::from_millis(1);
/// NATs that a packet may cross.
const HOPS_MAX: usize = 8;

impl Net {
    /// A network without anything in it.
    pub fn new(seed: u64) -> Net {
        Net {
            seed,
            links: Links::new(seed ^ 0x006e_6574),
            faults: Faults::NONE,
            owners: BTreeMap::new(),
            nats: Vec::new(),
            queue: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Gives a node an address.
    pub fn attach(&mut self, realm: Realm, address: IpAddr, node: NodeId) {
        self.owners.insert((realm, address), Owner::Node(node));
    }

    /// Takes it back: what is sent there is lost.
    pub fn detach(&mut self, realm: Realm, address: IpAddr) {
        self.owners.remove(&(realm, address));
    }

    /// Puts a NAT into a realm, and makes the one behind it.
    pub fn add_nat(&mut self, outside: Realm, nat: Nat) -> (NatId, Realm) {
        let id = NatId(self.nats.len());
        let inside = Realm(self.nats.len() + 1);
        self.owners.insert((outside, nat.outside()), Owner::Nat(id));
        self.nats.push(Placed { nat, outside, inside });
        (id, inside)
    }

    /// Makes the addresses of a realm behind a firewall known outside of it.
    pub fn route(&mut self, id: NatId, address: IpAddr) {
        let outside = self.nats[id.0].outside;
        self.owners.insert((outside, address), Owner::Nat(id));
    }

    /// A NAT, to be asked or disturbed.
    pub fn nat(&mut self, id: NatId) -> &mut Nat {
        &mut self.nats[id.0].nat
    }

    /// Gives a NAT another address.
    pub fn renumber(&mut self, id: NatId, address: IpAddr) {
        let Placed { nat, outside, .. } = &mut self.nats[id.0];
        self.owners.remove(&(*outside, nat.outside()));
        nat.renumber(address);
        self.owners.insert((*outside, address), Owner::Nat(id));
    }

    /// When the next packet arrives.
    pub fn next_at(&self) -> Option<Instant> {
        self.queue.keys().next().map(|(at, _)| *at)
    }

    /// Sends a packet from an address of a realm.
    pub fn send(
        &mut self,
        now: Instant,
        realm: Realm,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    ) {
        let (mut realm, mut from) = (realm, from);
        while !self.owners.contains_key(&(realm, to.ip())) {
            let gateway = self.nats.iter_mut().find(|placed| placed.inside == realm);
            let Some(gateway) = gateway else { return };
            from = gateway.nat.outbound(now, from, to);
            realm = gateway.outside;
        }
        let latency = self.latency(realm, from.ip(), to.ip());
        let mut bytes = bytes;
        let (len, first) = (bytes.len(), bytes.first().copied().unwrap_or_default());
        tracing::trace!(%from, %to, len, first, "sent");
        for later in self.links.carry(now, &self.faults, from.ip(), &mut bytes) {
            let packet = Packet { realm, from, to, bytes: bytes.clone() };
            self.enqueue(now + latency + later, packet);
        }
    }

    /// The next packet that has arrived by `now`. Those that nobody lets in are lost on the way.
    pub fn receive(&mut self, now: Instant) -> Option<Arrived> {
        while self.next_at().is_some_and(|at| at <= now) {
            let (_, packet) = self.queue.pop_first()?;
            let (from, to, len) = (packet.from, packet.to, packet.bytes.len());
            let arrived = self.deliver(now, packet);
            tracing::trace!(%from, %to, len, arrives = arrived.is_some(), "arrived");
            if arrived.is_some() {
                return arrived;
            }
        }
        None
    }

    fn deliver(&mut self, now: Instant, packet: Packet) -> Option<Arrived> {
        let Packet { mut realm, from, mut to, bytes } = packet;
        for _ in 0..HOPS_MAX {
            match *self.owners.get(&(realm, to.ip()))? {
                Owner::Node(node) => return Some(Arrived { node, to, from, bytes }),
                Owner::Nat(id) => {
                    let placed = self.nats.get_mut(id.0)?;
                    // From its own inside: RFC 4787 §6, with the outside source address.
                    if from.ip() == placed.nat.outside() && !placed.nat.hairpins() {
                        return None;
                    }
                    to = placed.nat.inbound(now, to, from)?;
                    realm = placed.inside;
                }
            }
        }
        None
    }

    fn enqueue(&mut self, at: Instant, packet: Packet) {
        self.sent += 1;
        self.queue.insert((at, self.sent), packet);
    }

    /// The latency between two addresses: always the same, whoever asks first.
    fn latency(&self, realm: Realm, from: IpAddr, to: IpAddr) -> Duration {
        if realm != INTERNET {
            return LAN_LATENCY;
        }
        let (one, other) = (number(from).min(number(to)), number(from).max(number(to)));
        let mixed = self.seed ^ one.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ other.rotate_left(29);
        Duration::from_millis(fastrand::Rng::with_seed(mixed).u64(LATENCY_MS))
    }
}

fn number(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64 ^ v6.to_bits() as u64,
    }
}
