//! A model of a TURN server: it keeps the rules of RFC 8656, and notes where its client does not.
//! Integrity is made and checked by `stun-types`, which is not what the client does it with.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use stun_types::attribute::{
    AlternateServer, ErrorCode, Nonce, RawAttribute, Realm, Userhash, Username, XorSocketAddr,
};
use stun_types::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageIntegrityCredentials,
    MessageWriteVec,
};
use stun_types::prelude::{Attribute, MessageWrite, MessageWriteExt};

pub(super) const ALLOCATE: u16 = 3;
pub(super) const REFRESH: u16 = 4;
const SEND: u16 = 6;
pub(super) const PERMISSION: u16 = 8;
pub(super) const CHANNEL: u16 = 9;
/// MD5, then SHA-256.
const ALGORITHMS: &[u8] = &[0, 1, 0, 0, 0, 2, 0, 0];

/// How a server wants to be convinced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    Open,
    Sha1,
    Sha256,
    /// SHA-256, and the user name only as a hash.
    Anonymous,
    /// SHA-256 promised by the nonce, but somebody took the algorithms out.
    BidDown,
}

/// One allocation.
#[derive(Debug)]
pub(super) struct Grant {
    id: u128,
    username: Option<String>,
    pub(super) relayed: Vec<SocketAddr>,
    pub(super) until: Instant,
    pub(super) permissions: BTreeMap<IpAddr, Instant>,
    /// Number, peer, end of the binding.
    pub(super) channels: BTreeMap<u16, (SocketAddr, Instant)>,
}

/// What a request asked for, and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) at: Instant,
    pub(super) method: u16,
    pub(super) id: u128,
    pub(super) username: Option<String>,
    pub(super) peer: Option<SocketAddr>,
    pub(super) channel: Option<u16>,
    pub(super) attributes: Vec<u16>,
    pub(super) lifetime: Option<u32>,
}

/// What leaves the server.
#[derive(Debug)]
pub(super) enum Out {
    ToClient(Vec<u8>),
    ToPeer(SocketAddr, Vec<u8>),
}

pub(super) struct Server {
    pub(super) relays: Vec<IpAddr>,
    pub(super) guard: Guard,
    pub(super) accounts: BTreeMap<String, String>,
    pub(super) realm: String,
    pub(super) lifetime: u32,
    pub(super) is_up: bool,
    /// For how long an allocation that was ended is still in the way of another, as with coturn.
    pub(super) lingers: Duration,
    lingering: BTreeMap<SocketAddr, Instant>,
    /// Codes for the next requests of a method.
    pub(super) scripted: VecDeque<(u16, u16)>,
    /// Where a 300 sends to.
    pub(super) alternate: Option<SocketAddr>,
    pub(super) grants: BTreeMap<SocketAddr, Grant>,
    pub(super) seen: Vec<Seen>,
    /// What the client did against the rules.
    pub(super) faults: Vec<String>,
    nonce: u32,
    next_port: u16,
}

impl Server {
    pub(super) fn new(guard: Guard) -> Server {
        Server {
            relays: vec!["198.51.100.1".parse().unwrap()],
            guard,
            accounts: BTreeMap::from([("user".to_owned(), "pass".to_owned())]),
            realm: "realm".to_owned(),
            lifetime: 600,
            is_up: true,
            lingers: Duration::ZERO,
            lingering: BTreeMap::new(),
            scripted: VecDeque::new(),
            alternate: None,
            grants: BTreeMap::new(),
            seen: Vec::new(),
            faults: Vec::new(),
            nonce: 1,
            next_port: 50_000,
        }
    }

    /// It was restarted: nothing is left.
    pub(super) fn restart(&mut self) {
        self.grants.clear();
        self.stale();
    }

    pub(super) fn stale(&mut self) {
        self.nonce += 1;
    }

    pub(super) fn count(&self, method: u16) -> usize {
        self.seen.iter().filter(|it| it.method == method).count()
    }

    pub(super) fn handle(&mut self, now: Instant, client: SocketAddr, bytes: &[u8]) -> Option<Out> {
        if !self.is_up {
            return None;
        }
        self.grants.retain(|_, grant| grant.until > now);
        if bytes[0] & 0xC0 == 0x40 {
            return self.channel_data(now, client, bytes);
        }
        let message = Message::from_bytes(bytes).unwrap();
        if message.method().value() == SEND {
            return self.indication(now, client, &message);
        }
        self.see(now, &message);
        Some(Out::ToClient(self.answer(now, client, &message)))
    }

    fn see(&mut self, at: Instant, message: &Message<'_>) {
        let number = |kind: u16| message.raw_attribute(kind.into()).map(|it| it.value.to_vec());
        self.seen.push(Seen {
            at,
            method: message.method().value(),
            id: message.transaction_id().into(),
            username: message.attribute::<Username>().ok().map(|it| it.username().to_owned()),
            peer: peer_of(message),
            channel: number(0x0C).map(|it| u16::from_be_bytes([it[0], it[1]])),
            attributes: message.iter_attributes().map(|(_, it)| it.get_type().value()).collect(),
            lifetime: number(0x0D).map(|it| u32::from_be_bytes(it.try_into().unwrap())),
        });
    }

    fn answer(&mut self, now: Instant, client: SocketAddr, request: &Message<'_>) -> Vec<u8> {
        let method = request.method().value();
        if self.scripted.front().is_some_and(|(of, _)| *of == method) {
            let code = self.scripted.pop_front().unwrap().1;
            if matches!(code, 401 | 438) {
                self.stale();
            }
            return self.error(request, code, None);
        }
        let username = match self.authenticate(request) {
            Ok(username) => username,
            Err(code) => return self.error(request, code, None),
        };
        match self.serve(now, client, request, username.as_ref()) {
            Ok(attributes) => self.respond(request, &attributes, username.as_deref()),
            Err(code) => self.error(request, code, username.as_deref()),
        }
    }

    fn is_256(&self) -> bool {
        matches!(self.guard, Guard::Sha256 | Guard::Anonymous)
    }

    fn credentials(&self, username: &str) -> Option<MessageIntegrityCredentials> {
        let password = self.accounts.get(username)?.clone();
        Some(LongTermKeyCredentials::new(username.into(), password, self.realm.clone()).into())
    }

    fn authenticate(&mut self, request: &Message<'_>) -> Result<Option<String>, u16> {
        if self.guard == Guard::Open {
            return Ok(None);
        }
        let Ok(nonce) = request.attribute::<Nonce>() else { return Err(401) };
        if nonce.nonce() != self.nonce() {
            return Err(438);
        }
        let username = match request.attribute::<Username>() {
            Ok(username) => username.username().to_owned(),
            Err(_) => {
                let hash = request.attribute::<Userhash>().map_err(|_| 400u16)?;
                let of = |name: &&String| Userhash::compute(name, &self.realm) == *hash.hash();
                self.accounts.keys().find(of).ok_or(401u16)?.clone()
            }
        };
        let value = |kind: u16| request.raw_attribute(kind.into()).map(|it| it.value.to_vec());
        let named = (value(0x8002), value(0x001D));
        let expected = (Some(ALGORITHMS.to_vec()), Some(vec![0, 2, 0, 0]));
        if self.is_256() && named != expected || self.is_256() == value(0x0008).is_some() {
            self.faults.push(format!("{:?} is answered with {named:?}", self.guard));
        }
        if self.guard == Guard::Anonymous && value(0x0006).is_some() {
            self.faults.push("a user name in the clear".into());
        }
        let credentials = self.credentials(&username).ok_or(401u16)?;
        request.validate_integrity(&credentials).map_err(|_| 401u16)?;
        Ok(Some(username))
    }

    fn serve(
        &mut self,
        now: Instant,
        client: SocketAddr,
        request: &Message<'_>,
        username: Option<&String>,
    ) -> Result<Vec<(u16, Vec<u8>)>, u16> {
        let (method, lifetime) = (request.method().value(), self.lifetime);
        if method == ALLOCATE {
            return self.allocate(now, client, request, username);
        }
        let grant = self.grants.get_mut(&client).ok_or(437u16)?;
        if grant.username.as_ref() != username {
            return Err(441);
        }
        let seen = self.seen.last().unwrap();
        if method == REFRESH {
            if seen.lifetime == Some(0) {
                self.grants.remove(&client);
                self.lingering.insert(client, now + self.lingers);
                return Ok(vec![(0x0D, vec![0; 4])]);
            }
            grant.until = now + Duration::from_secs(lifetime.into());
            return Ok(vec![(0x0D, lifetime.to_be_bytes().to_vec())]);
        }
        let peer = seen.peer.ok_or(400u16)?;
        if !grant.relayed.iter().any(|it| it.is_ipv4() == peer.is_ipv4()) {
            return Err(443);
        }
        if method == CHANNEL
            && let Err(fault) = grant.bind(now, seen.channel.unwrap(), peer)
        {
            self.faults.push(fault);
            return Err(400);
        }
        grant.permissions.insert(peer.ip(), now + Duration::from_secs(300));
        Ok(Vec::new())
    }

    fn allocate(
        &mut self,
        now: Instant,
        client: SocketAddr,
        request: &Message<'_>,
        username: Option<&String>,
    ) -> Result<Vec<(u16, Vec<u8>)>, u16> {
        let id: u128 = request.transaction_id().into();
        let lingers = self.lingering.get(&client).is_some_and(|until| now < *until);
        if lingers || self.grants.get(&client).is_some_and(|grant| grant.id != id) {
            return Err(437);
        }
        let asked = |kind: u16| request.raw_attribute(kind.into()).is_some();
        let wanted = |ip: &&IpAddr| match (asked(0x17), asked(0x8000)) {
            (true, _) => ip.is_ipv6(),
            (_, true) => true,
            _ => ip.is_ipv4(),
        };
        let relays: Vec<IpAddr> = self.relays.iter().filter(wanted).copied().collect();
        if relays.is_empty() {
            return Err(440);
        }
        self.next_port += 1;
        let relayed = relays.iter().map(|ip| SocketAddr::new(*ip, self.next_port)).collect();
        let until = now + Duration::from_secs(self.lifetime.into());
        let (permissions, channels) = (BTreeMap::new(), BTreeMap::new());
        let username = username.cloned();
        let fresh = Grant { id, username, relayed, until, permissions, channels };
        let grant = self.grants.entry(client).or_insert(fresh);
        let xor = |kind: u16, address: SocketAddr| {
            (kind, XorSocketAddr::new(address, id.into()).to_raw(kind.into()).value.to_vec())
        };
        let mut attributes: Vec<_> = grant.relayed.iter().map(|it| xor(0x16, *it)).collect();
        attributes.push(xor(0x20, client));
        attributes.push((0x0D, self.lifetime.to_be_bytes().to_vec()));
        Ok(attributes)
    }

    fn respond(
        &self,
        request: &Message<'_>,
        attributes: &[(u16, Vec<u8>)],
        username: Option<&str>,
    ) -> Vec<u8> {
        let mut response = Message::builder_success(request, MessageWriteVec::new());
        for (kind, value) in attributes {
            response.add_attribute(&RawAttribute::new((*kind).into(), value)).unwrap();
        }
        self.finish(response, username)
    }

    fn error(&self, request: &Message<'_>, code: u16, username: Option<&str>) -> Vec<u8> {
        let mut response = Message::builder_error(request, MessageWriteVec::new());
        response.add_attribute(&ErrorCode::builder(code).build().unwrap()).unwrap();
        if matches!(code, 401 | 438) {
            response.add_attribute(&Realm::new(&self.realm).unwrap()).unwrap();
            response.add_attribute(&Nonce::new(&self.nonce()).unwrap()).unwrap();
            if self.is_256() {
                response.add_attribute(&RawAttribute::new(0x8002.into(), ALGORITHMS)).unwrap();
            }
        }
        if let (300, Some(to)) = (code, self.alternate) {
            response.add_attribute(&AlternateServer::new(to)).unwrap();
        }
        self.finish(response, username)
    }

    fn finish(&self, mut response: MessageWriteVec, username: Option<&str>) -> Vec<u8> {
        if let Some(credentials) = username.and_then(|it| self.credentials(it)) {
            use IntegrityAlgorithm::{Sha1, Sha256};
            let algorithm = if self.is_256() { Sha256 } else { Sha1 };
            response.add_message_integrity(&credentials, algorithm).unwrap();
        }
        response.finish()
    }

    fn nonce(&self) -> String {
        let features = match self.guard {
            Guard::Open | Guard::Sha1 => "",
            Guard::Sha256 | Guard::BidDown => "obMatJos2gAAA",
            Guard::Anonymous => "obMatJos2wAAA",
        };
        format!("{features}nonce{}", self.nonce)
    }

    fn channel_data(&mut self, now: Instant, client: SocketAddr, bytes: &[u8]) -> Option<Out> {
        let number = u16::from_be_bytes([bytes[0], bytes[1]]);
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        let grant = self.grants.get(&client)?;
        let Some((peer, _)) = grant.channels.get(&number).filter(|(_, until)| *until > now) else {
            self.faults.push(format!("data on channel {number:#x}, which is not bound"));
            return None;
        };
        grant.permissions.get(&peer.ip()).filter(|until| **until > now)?;
        Some(Out::ToPeer(*peer, bytes[4..4 + length].to_vec()))
    }

    fn indication(&mut self, now: Instant, client: SocketAddr, it: &Message<'_>) -> Option<Out> {
        let grant = self.grants.get(&client)?;
        let peer = peer_of(it).unwrap();
        let payload = it.raw_attribute(0x13.into()).unwrap().value.to_vec();
        grant.permissions.get(&peer.ip()).filter(|until| **until > now)?;
        Some(Out::ToPeer(peer, payload))
    }
}

fn peer_of(message: &Message<'_>) -> Option<SocketAddr> {
    let raw = message.raw_attribute(0x12.into())?;
    Some(XorSocketAddr::from_raw(&raw).unwrap().addr(message.transaction_id()))
}

impl Grant {
    /// RFC 8656 §12.2: a number is one peer's and a peer has one number, until 5 min after.
    fn bind(&mut self, now: Instant, number: u16, peer: SocketAddr) -> Result<(), String> {
        for (other, (of, until)) in &self.channels {
            let is_kept = now < *until + Duration::from_secs(300);
            if is_kept && (*other == number) != (*of == peer) {
                return Err(format!("{peer} on {number:#x}, but {of} has {other:#x}"));
            }
        }
        self.channels.insert(number, (peer, now + Duration::from_secs(600)));
        Ok(())
    }
}
