//! What a world is made of, and where everything in it stands.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use pinhole_core::gather::{
    Audience, GatherConfig, Paths, ServerConfig, ServerKind, TurnTransport,
};
use pinhole_core::portmap::PortMap;
use pinhole_core::turn::Credentials;
use pinhole_core::{EndpointConfig, Limits, Seed, VideoFormat, WallClock};

use super::faults::Faults;
use super::nat::{FORWARDED, Nat, NatKind, Side};
use super::net::{INTERNET, NatId, Net, NodeId, Realm};
use super::turn::Users;
use crate::crypto;

/// The STUN server's first address.
pub const STUN: &str = "192.0.2.1:3478";
/// Its second one.
pub const STUN_OTHER: &str = "192.0.2.2:3479";
/// The TURN server.
pub const TURN: &str = "192.0.2.10:3478";
/// The outside address of the server's side.
const SERVER_OUTSIDE: &str = "198.51.100.10";
/// The Unix time at which every world begins.
pub const UNIX: Duration = Duration::from_secs(1_800_000_000);

/// What a world is made of.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// Where all chance comes from.
    pub seed: u64,
    /// What stands before the server.
    pub server: Side,
    /// Whether there is a STUN server, which both sides ask.
    pub stun: bool,
    /// Whether there is a TURN server, and who may use it.
    pub turn: Option<Users>,
    /// Servers that the endpoint is told of and that do not exist.
    pub dead: Vec<ServerConfig>,
    /// What links do to packets.
    pub faults: Faults,
    /// Which paths the endpoint offers.
    pub paths: Paths,
    /// Frames a second.
    pub fps: u32,
    /// A second interface of the server, public and without NAT.
    pub second_interface: bool,
    /// The endpoint's bounds.
    pub limits: Limits,
}

impl WorldConfig {
    /// A STUN server, no TURN server, no faults.
    ///
    /// # Panics
    /// `server` is no side.
    pub fn new(seed: u64, server: &str) -> WorldConfig {
        WorldConfig {
            seed,
            server: server.parse().expect("a side"),
            stun: true,
            turn: None,
            dead: Vec::new(),
            faults: Faults::NONE,
            paths: Paths::All,
            fps: 20,
            second_interface: false,
            limits: Limits::default(),
        }
    }

    /// The same with a TURN server.
    #[must_use]
    pub fn with_turn(self) -> WorldConfig {
        let users = Users::One("user".to_owned(), "password".to_owned());
        WorldConfig { turn: Some(users), ..self }
    }

    /// The endpoint's configuration, for these sockets.
    pub(super) fn endpoint(&self, now: Instant, bases: Vec<SocketAddr>) -> EndpointConfig {
        let outside = SocketAddr::new(ip(SERVER_OUTSIDE), FORWARDED);
        let entry = format!("{}/udp={outside}", bases[0].port());
        let map = match self.server.map {
            true => PortMap::parse([entry.as_str()]),
            false => Ok(PortMap::default()),
        };
        let gather = GatherConfig {
            map: map.expect("a map of one port"),
            audience: Audience::Public,
            paths: self.paths,
            servers: self.servers(),
            ..GatherConfig::lan(bases)
        };
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_be_bytes());
        EndpointConfig {
            seed: Seed::new(seed),
            wall_clock: WallClock { unix: UNIX, at: now },
            certificate: crypto::endpoint_certificate(),
            gather,
            video: VideoFormat { profile_level_id: "42c01f".parse().expect("a profile") },
            limits: self.limits,
            estimator: None,
        }
    }

    fn servers(&self) -> Vec<ServerConfig> {
        let mut servers = self.dead.clone();
        if self.stun {
            let kind = ServerKind::Stun;
            servers.push(ServerConfig { host: "stun".into(), addresses: vec![at(STUN)], kind });
        }
        if let Some(users) = &self.turn {
            let credentials = match users.clone() {
                Users::One(username, password) => Credentials::LongTerm { username, password },
                Users::Rest { secret, .. } => Credentials::Rest { secret, user: "user".into() },
            };
            let kind = ServerKind::Turn { transport: TurnTransport::Udp, credentials };
            servers.push(ServerConfig { host: "turn".into(), addresses: vec![at(TURN)], kind });
        }
        servers
    }
}

/// Where a node was put.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) realm: Realm,
    pub(super) address: SocketAddr,
    /// Its NATs, from the inside out.
    pub(super) nats: Vec<NatId>,
}

/// Puts the server behind its NATs.
pub(super) fn place_server(net: &mut Net, side: &Side, node: NodeId, seed: u64) -> Place {
    let inside = SocketAddr::new(ip("10.0.0.2"), 5_000);
    place(net, side, node, inside, ip(SERVER_OUTSIDE), seed)
}

/// Puts the viewer of this number behind its NATs.
pub(super) fn place_viewer(
    net: &mut Net,
    side: &Side,
    node: NodeId,
    number: u8,
    seed: u64,
) -> Place {
    let inside = SocketAddr::new(IpAddr::from([192, 168, number, 2]), 6_000);
    let outside = IpAddr::from([203, 0, 113, 10 + number]);
    place(net, side, node, inside, outside, seed ^ (u64::from(number) + 1) << 8)
}

/// NATs from the outside in, then the node. One without NAT, or behind a firewall, has the outside
/// address itself.
fn place(
    net: &mut Net,
    side: &Side,
    node: NodeId,
    inside: SocketAddr,
    outside: IpAddr,
    seed: u64,
) -> Place {
    let translates = |kind: &NatKind| !matches!(kind, NatKind::None | NatKind::Fw);
    let public = SocketAddr::new(outside, inside.port());
    let address = if side.nats.iter().any(translates) { inside } else { public };
    let mut realm = INTERNET;
    let mut nats = Vec::new();
    let mut next_outside = outside;
    for (depth, kind) in side.nats.iter().rev().enumerate() {
        let Some(config) = kind.config(address) else { continue };
        let own = if *kind == NatKind::Fw { neighbour(outside) } else { next_outside };
        let nat = Nat::new(config, own, seed ^ (depth as u64 + 1) << 16);
        let (id, behind) = net.add_nat(realm, nat);
        if *kind == NatKind::Fw {
            net.route(id, address.ip());
        }
        nats.insert(0, id);
        realm = behind;
        // Between two NATs lies a carrier's network (RFC 6598).
        next_outside = IpAddr::from([100, 64, 0, 10]);
    }
    net.attach(realm, address.ip(), node);
    Place { realm, address, nats }
}

/// The firewall's own address, which nobody sends to.
fn neighbour(outside: IpAddr) -> IpAddr {
    match outside {
        IpAddr::V4(v4) => IpAddr::V4(std::net::Ipv4Addr::from_bits(v4.to_bits() ^ 0x80)),
        IpAddr::V6(v6) => IpAddr::V6(std::net::Ipv6Addr::from_bits(v6.to_bits() ^ 0x80)),
    }
}

/// Parses an address that stands in the source.
pub(super) fn at(text: &str) -> SocketAddr {
    text.parse().expect("a literal address")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("a literal address")
}
