//! A TURN server that is not ours (`turn-server-proto`), with what an operator or fate does to one:
//! restarts, stale nonces, other passwords, death.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::config::UNIX;
use super::nonces::Nonces;
use aws_lc_rs::hmac;
use base64::Engine;
use stun_types::message::{
    BINDING, Message, MessageClass, MessageType, MessageWrite, MessageWriteVec, TransactionId,
};
use turn_server_proto::api::{Transmit, TurnServerApi, TurnServerPollRet};
use turn_server_proto::server;
use turn_server_proto::types::message::REFRESH;
use turn_server_proto::types::prelude::DelayedTransmitBuild;
use turn_server_proto::types::{AddressFamily, Instant as TurnInstant, TransportType};

/// Where relayed ports begin.
const RELAYED_FROM: u16 = 49_152;
const REALM: &str = "world";
/// How long nonces are good: longer than any test, unless they are made stale.
const NONCE_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// Who may use the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Users {
    /// This user with this password.
    One(String, String),
    /// Whoever has a name and password made from the secret for `user`, no earlier than `since`.
    Rest {
        /// The secret.
        secret: String,
        /// Unix seconds.
        since: u64,
    },
}

/// For how long credentials of a secret are made: a day, as draft-uberti-behave-turn-rest-00 §2.2
/// suggests.
const REST_VALIDITY: u64 = 24 * 3_600;
/// How long ago they may have been made when they are used first.
const REST_WINDOW: u64 = 20;

/// One datagram that the server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// From one of its addresses.
    pub from: SocketAddr,
    /// To a client or a peer.
    pub to: SocketAddr,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A TURN server.
pub struct TurnServer {
    address: SocketAddr,
    inner: server::TurnServer,
    nonces: Nonces,
    users: Users,
    /// Names made known to `inner`.
    known: BTreeMap<String, String>,
    /// Relayed addresses.
    relayed: BTreeSet<SocketAddr>,
    next_port: u16,
    clients: BTreeSet<SocketAddr>,
    start: Instant,
    /// Whether it does anything at all.
    pub alive: bool,
    /// Whether it is a STUN server too.
    pub answers_binding: bool,
    /// Whether every second answer of its own has a wrong byte.
    pub garbles: bool,
    answers: u64,
    /// Datagrams that were relayed to clients or peers: what a direct path spares it.
    pub relayed_total: u64,
}

impl TurnServer {
    /// Makes a server that listens at one UDP address; relayed addresses are of the same IP.
    pub fn new(start: Instant, address: SocketAddr, users: Users) -> TurnServer {
        TurnServer {
            address,
            inner: inner(address),
            nonces: Nonces::new(REALM),
            users,
            known: BTreeMap::new(),
            relayed: BTreeSet::new(),
            next_port: RELAYED_FROM,
            clients: BTreeSet::new(),
            start,
            alive: true,
            answers_binding: true,
            garbles: false,
            answers: 0,
            relayed_total: 0,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many relayed addresses it has given and not taken back.
    pub fn allocations(&self) -> usize {
        self.relayed.len()
    }

    /// Forgets all allocations, nonces and users seen.
    pub fn restart(&mut self) {
        self.inner = inner(self.address);
        self.known.clear();
        self.relayed.clear();
        self.clients.clear();
    }

    /// Makes every nonce given so far stale. What makes nonces so is time; the server is asked by
    /// each of its clients, without credentials, as if it were far later.
    pub fn stale_nonce(&mut self, now: Instant) {
        let later = self.at(now + NONCE_LIFE * 2);
        let kind = MessageType::from_class_method(MessageClass::Request, REFRESH);
        for client in &self.clients {
            let id = TransactionId::from(1);
            let bytes = Message::builder(kind, id, MessageWriteVec::new()).finish();
            let asked = Transmit::new(bytes, TransportType::Udp, *client, self.address);
            drop(self.inner.recv(asked, later));
        }
    }

    /// Changes who may use it; those of before are refused from now on.
    pub fn set_users(&mut self, users: Users) {
        for name in self.known.keys() {
            self.inner.add_user(name.clone(), "nobody's".to_owned());
        }
        self.known.clear();
        self.users = users;
    }

    /// Takes a datagram at one of its addresses, and says what it sends.
    pub fn receive(
        &mut self,
        now: Instant,
        to: SocketAddr,
        from: SocketAddr,
        bytes: Vec<u8>,
    ) -> Vec<Sent> {
        if !self.alive || (to != self.address && !self.relayed.contains(&to)) {
            return Vec::new();
        }
        // What the crate answers to a Binding request goes to its own address.
        if to == self.address && is_binding(&bytes) {
            let answer = super::stun::binding_answer(from, None, &bytes);
            let answer = answer.filter(|_| self.answers_binding);
            return answer.map(|bytes| Sent { from: to, to: from, bytes }).into_iter().collect();
        }
        let bytes = if to == self.address {
            self.clients.insert(from);
            self.make_users_known(now);
            self.nonces.inwards(bytes, &self.known)
        } else {
            bytes
        };
        let at = self.at(now);
        let received = Transmit::new(bytes, TransportType::Udp, from, to);
        let mut sent = Vec::new();
        if let Some(answer) = self.inner.recv(received, at) {
            let relays = to != self.address || answer.from != self.address;
            self.relayed_total += u64::from(relays);
            let mut bytes = answer.data.build();
            if !relays {
                bytes = self.nonces.outwards(bytes, &self.known);
                self.garble(&mut bytes);
            }
            sent.push(Sent { from: answer.from, to: answer.to, bytes });
        }
        sent.extend(self.poll(now));
        sent
    }

    /// Lets time pass.
    pub fn poll(&mut self, now: Instant) -> Vec<Sent> {
        let at = self.at(now);
        // One turn for each socket that an allocation may want, and some.
        for _ in 0..16 {
            match self.inner.poll(at) {
                TurnServerPollRet::AllocateSocket {
                    transport,
                    listen_addr,
                    client_addr,
                    allocation_transport,
                    family,
                } => {
                    let socket = self.allocate(family);
                    self.inner.allocated_socket(
                        transport,
                        listen_addr,
                        client_addr,
                        allocation_transport,
                        family,
                        socket,
                        at,
                    );
                }
                TurnServerPollRet::SocketClose { listen_addr, .. } => {
                    self.relayed.remove(&listen_addr);
                }
                TurnServerPollRet::TcpConnect { .. } | TurnServerPollRet::TcpClose { .. } => {}
                TurnServerPollRet::WaitUntil(_) => break,
            }
        }
        let mut sent = Vec::new();
        while let Some(out) = self.inner.poll_transmit(at) {
            sent.push(Sent { from: out.from, to: out.to, bytes: out.data });
        }
        sent
    }

    fn garble(&mut self, answer: &mut [u8]) {
        self.answers += 1;
        if self.garbles && self.answers.is_multiple_of(2) {
            let at = self.answers as usize * 7 % answer.len().max(1);
            answer[at] ^= 0x55;
        }
    }

    fn allocate(
        &mut self,
        family: AddressFamily,
    ) -> Result<SocketAddr, turn_server_proto::api::SocketAllocateError> {
        let same = self.address.is_ipv4() == (family == AddressFamily::IPV4);
        if !same {
            return Err(turn_server_proto::api::SocketAllocateError::AddressFamilyNotSupported);
        }
        let address = SocketAddr::new(self.address.ip(), self.next_port);
        self.next_port = self.next_port.checked_add(1).unwrap_or(RELAYED_FROM);
        self.relayed.insert(address);
        Ok(address)
    }

    /// The crate wants to know users beforehand, and clients may say only a hash of their name
    /// (RFC 8489 §14.4), so those that could have been made just now are made known.
    fn make_users_known(&mut self, now: Instant) {
        let unix = (UNIX + now.saturating_duration_since(self.start)).as_secs();
        let wanted = match &self.users {
            Users::One(user, password) => vec![(user.clone(), password.clone())],
            Users::Rest { secret, since } => {
                let made = unix.saturating_sub(REST_WINDOW).max(*since)..=unix;
                let names = made.map(|made| format!("{}:user", made + REST_VALIDITY));
                names.map(|name| (name.clone(), rest_password(secret, &name))).collect()
            }
        };
        for (name, password) in wanted {
            if self.known.get(&name) != Some(&password) {
                self.inner.add_user(name.clone(), password.clone());
                self.known.insert(name, password);
            }
        }
    }

    fn at(&self, now: Instant) -> TurnInstant {
        let nanos = now.saturating_duration_since(self.start).as_nanos();
        TurnInstant::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

fn is_binding(bytes: &[u8]) -> bool {
    Message::from_bytes(bytes).is_ok_and(|message| message.has_method(BINDING))
}

fn inner(address: SocketAddr) -> server::TurnServer {
    let mut inner = server::TurnServer::new(TransportType::Udp, address, REALM.to_owned());
    inner.set_nonce_expiry_duration(NONCE_LIFE);
    inner
}

/// draft-uberti-behave-turn-rest-00 §2.2.
fn rest_password(secret: &str, username: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let tag = hmac::sign(&key, username.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(tag)
}
