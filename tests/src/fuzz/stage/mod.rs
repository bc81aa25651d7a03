//! An endpoint with everybody who may speak to it, on a clock that moves when told, and what must
//! hold after each input.
//!
//! Checked by [`Stage::settle`]: all that is to be sent ends and is bounded, leaves from an address
//! of ours, and goes nowhere that cannot receive; nothing is said to the [`MUTE`], who never proved
//! anything; the deadline is not due again and again; no limit is passed.

mod cast;
mod invariants;
mod viewer;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pinhole_core::gather::{GatherConfig, ServerConfig, ServerKind, TurnTransport};
use pinhole_core::portmap::{Audience, PortMap};
use pinhole_core::turn::Credentials;
use pinhole_core::{
    Datagram, Endpoint, EndpointConfig, Limits, Seed, SessionId, StreamId, Transport, VideoFormat,
    WallClock,
};

use crate::endpoint::certificate;
pub(super) use cast::{
    BASE, BASE_V6, LOCALS, MUTE, PASSWORD, REALM, SERVERS, SOURCES, TCP_BASE, USER, VIEWER,
};
pub(super) use viewer::{Viewer, fresh_offer};

/// Sessions that the endpoint admits.
pub(super) const SESSIONS_MAX: usize = 4;
/// Datagrams of the viewer that are remembered, to be sent again by others.
const OVERHEARD_MAX: usize = 64;
/// The longest time that the clock moves in one go.
pub(super) const LEAP_MAX: Duration = Duration::from_secs(30);

/// What an answer told about a session.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: SessionId,
    pub(super) ufrag: String,
    pub(super) password: String,
}

/// The endpoint and what is known of it from outside.
pub(super) struct Stage {
    pub(super) endpoint: Endpoint,
    pub(super) now: Instant,
    /// Sessions, in the order of their offers.
    pub(super) known: Vec<Known>,
    /// Connections that are open.
    pub(super) streams: BTreeSet<StreamId>,
    /// The viewer that plays, if there is one.
    pub(super) viewer: Option<Viewer>,
    /// Datagrams of the viewer, the latest last.
    pub(super) overheard: Vec<Vec<u8>>,
    /// The latest transaction id that each address was sent.
    ids: BTreeMap<SocketAddr, [u8; 12]>,
    /// Addresses that were ever ours.
    ours: BTreeSet<SocketAddr>,
    buffer: Vec<u8>,
}

impl Stage {
    /// An endpoint with sockets, a port map and servers, and nobody else.
    pub(super) fn new() -> Stage {
        let now = Instant::now();
        let endpoint = Endpoint::new(now, config(now)).expect("the configuration is right");
        let mut stage = Stage {
            endpoint,
            now,
            known: Vec::new(),
            streams: BTreeSet::new(),
            viewer: None,
            overheard: Vec::new(),
            ids: BTreeMap::new(),
            ours: [BASE, BASE_V6, TCP_BASE].into(),
            buffer: vec![0; Endpoint::TRANSMIT_BYTES_MAX],
        };
        stage.settle("start");
        stage
    }

    /// The same with a viewer that has come through ICE and DTLS.
    ///
    /// # Panics
    /// They do not come together within a second of their clock: a fault of the core.
    pub(super) fn with_viewer() -> Stage {
        let mut stage = Stage::new();
        let (viewer, accepted) = Viewer::join(&mut stage.endpoint, stage.now);
        stage.learn(accepted.session, &accepted.answer);
        stage.viewer = Some(viewer);
        stage.settle("offer");
        for _ in 0..200 {
            stage.pass(Duration::from_millis(5));
            let connected = stage.viewer.as_ref().is_some_and(|viewer| viewer.connected);
            if connected && stage.endpoint.stats().connected == 1 {
                return stage;
            }
        }
        panic!("no connection: {:?}", stage.endpoint.stats());
    }

    /// Notes what an answer says of a session; its credentials are new after a restart.
    pub(super) fn learn(&mut self, id: SessionId, answer: &str) {
        let value = |name: &str| {
            let mut lines = answer.lines();
            lines.find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned()
        };
        let (ufrag, password) = (value("a=ice-ufrag:"), value("a=ice-pwd:"));
        assert!(ufrag.len() >= 4 && password.len() >= 22, "{answer}");
        self.known.retain(|known| known.id != id);
        self.known.push(Known { id, ufrag, password });
    }

    /// Hands in a datagram, to this address of ours.
    pub(super) fn hand_in(&mut self, local: SocketAddr, remote: SocketAddr, payload: &[u8]) {
        self.ours.insert(local);
        let transport = Transport::Udp;
        let datagram = Datagram { local, remote, transport, payload };
        self.endpoint.handle_datagram(self.now, datagram);
    }

    /// Notes addresses of ours.
    pub(super) fn owns(&mut self, addresses: &[SocketAddr]) {
        self.ours.extend(addresses);
    }

    /// The latest transaction id that this address was sent; zeros if none was.
    pub(super) fn asked(&self, remote: SocketAddr) -> [u8; 12] {
        self.ids.get(&remote).copied().unwrap_or_default()
    }

    /// Lets time pass: the endpoint is woken when it wants to be, and speaks with its viewer.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now + span.min(LEAP_MAX);
        let wakes_max = 50 + span.as_millis() as usize;
        for _ in 0..wakes_max {
            let due = self.endpoint.poll_timeout().map(|(at, _)| at);
            let due = due.into_iter().chain(self.viewer.as_ref().and_then(|viewer| viewer.wake));
            self.now = due.min().filter(|at| *at < end).unwrap_or(end).max(self.now);
            self.endpoint.handle_timeout(self.now);
            self.converse();
            if self.now >= end {
                return;
            }
        }
        panic!("woken more than {wakes_max} times within {span:?}");
    }

    /// Lets time pass without waking anybody: the machine was asleep.
    pub(super) fn oversleep(&mut self, span: Duration) {
        self.now += span.min(LEAP_MAX);
        self.endpoint.handle_timeout(self.now);
        self.converse();
    }

    /// Carries what endpoint and viewer have to say, in order and without loss.
    pub(super) fn converse(&mut self) {
        self.settle("time");
        let said = self.viewer.as_mut().map(|viewer| viewer.speak(self.now)).unwrap_or_default();
        for datagram in said {
            self.hand_in(BASE, VIEWER, &datagram);
            self.settle("viewer");
            self.overheard.push(datagram);
        }
        let more = self.overheard.len().saturating_sub(OVERHEARD_MAX);
        self.overheard.drain(..more);
    }
}

fn config(now: Instant) -> EndpointConfig {
    let credentials = Credentials::LongTerm { username: USER.into(), password: PASSWORD.into() };
    let turn = |transport| ServerKind::Turn { transport, credentials: credentials.clone() };
    let kinds = [ServerKind::Stun, turn(TurnTransport::Udp), turn(TurnTransport::Tcp)];
    let servers = SERVERS.iter().zip(kinds).map(|(address, kind)| ServerConfig {
        host: "server.example".to_owned(),
        addresses: vec![*address],
        kind,
    });
    EndpointConfig {
        seed: Seed::new([7; 32]),
        wall_clock: WallClock { unix: Duration::from_secs(1_800_000_000), at: now },
        certificate: certificate(),
        gather: GatherConfig {
            tcp_bases: vec![TCP_BASE],
            map: PortMap::parse(["5000/udp=203.0.113.10:30000"]).expect("it is a map"),
            audience: Audience::Both,
            servers: servers.collect(),
            ..GatherConfig::lan(vec![BASE, BASE_V6])
        },
        video: VideoFormat { profile_level_id: "42c01f".parse().expect("a profile") },
        limits: Limits { sessions: SESSIONS_MAX, ..Limits::default() },
        estimator: Some(3_000_000),
    }
}
