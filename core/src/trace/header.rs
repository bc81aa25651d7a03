//! The first line: what the recorded endpoint was made of.

use std::net::SocketAddr;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::addresses::Addresses;
use super::entry::millis;
use crate::gather::{Audience, Paths, ServerConfig, ServerKind, TurnTransport};
use crate::turn::Credentials;
use crate::{EndpointConfig, Limits};

/// The version of the format. A reader refuses a higher one.
pub const VERSION: u32 = 1;
/// Grows with each addition that an older reader of this version may skip.
pub const MINOR: u32 = 1;

/// What the recorded endpoint was made of, secrets aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`] of the writer.
    pub pinhole_record: u32,
    /// [`MINOR`] of the writer.
    pub minor: u32,
    /// Version of the program or library that wrote it.
    pub program: String,
    /// Wall clock at time 0 of the entries, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Whether addresses and host names are replaced.
    pub addresses_hidden: bool,
    /// UDP sockets.
    pub bases: Vec<SocketAddr>,
    /// TCP listeners.
    pub tcp_bases: Vec<SocketAddr>,
    /// The port map, its entries as flags write them.
    pub map: Vec<String>,
    /// `public`, `lan` or `both`.
    pub audience: String,
    /// `all`, `direct` or `relay`.
    pub paths: String,
    /// STUN and TURN servers, in the order of their numbers.
    pub servers: Vec<Server>,
    /// `profile-level-id` of the stream.
    pub profile_level_id: String,
    /// Bounds.
    pub limits: Bounds,
    /// Bits per second that the estimator of bandwidth goes up to; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimator: Option<u64>,
}

/// A STUN or TURN server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// As it was configured.
    pub host: String,
    /// `stun`, or `turn` with its transport: `turn-udp`, `turn-tcp`, `turn-tls`.
    pub service: String,
    /// `none`, `long-term` or `rest`.
    pub credentials: String,
    /// Where it is known from the start.
    pub addresses: Vec<SocketAddr>,
}

/// Bounds of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Sessions at once.
    pub sessions: usize,
    /// Time to connect.
    pub connect_timeout_ms: u64,
    /// Time to come back.
    pub recovery_timeout_ms: u64,
    /// Bytes of an SDP.
    pub sdp_bytes: usize,
}

impl Header {
    /// The header of an endpoint with this configuration, recorded from `now`.
    pub(super) fn new(now: Instant, config: &EndpointConfig, addresses: &mut Addresses) -> Header {
        let gather = &config.gather;
        let map = gather.map.entries().iter();
        let map = map.map(|entry| addresses.text(&entry.to_string())).collect();
        Header {
            pinhole_record: VERSION,
            minor: MINOR,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix_ms: millis(config.wall_clock.unix_at(now)),
            addresses_hidden: addresses.are_hidden(),
            bases: addresses.sockets(&gather.bases),
            tcp_bases: addresses.sockets(&gather.tcp_bases),
            map,
            audience: audience(gather.audience).to_owned(),
            paths: paths(gather.paths).to_owned(),
            servers: gather.servers.iter().map(|server| Server::new(server, addresses)).collect(),
            profile_level_id: config.video.profile_level_id.to_string(),
            limits: Bounds::new(&config.limits),
            estimator: config.estimator,
        }
    }
}

impl Server {
    fn new(config: &ServerConfig, addresses: &mut Addresses) -> Server {
        let (service, credentials) = match &config.kind {
            ServerKind::Stun => ("stun", &Credentials::None),
            ServerKind::Turn { transport, credentials } => (turn(*transport), credentials),
        };
        let credentials = match credentials {
            Credentials::None => "none",
            Credentials::LongTerm { .. } => "long-term",
            Credentials::Rest { .. } => "rest",
        };
        Server {
            host: addresses.host(&config.host),
            service: service.to_owned(),
            credentials: credentials.to_owned(),
            addresses: addresses.sockets(&config.addresses),
        }
    }
}

impl Bounds {
    fn new(limits: &Limits) -> Bounds {
        Bounds {
            sessions: limits.sessions,
            connect_timeout_ms: millis(limits.connect_timeout),
            recovery_timeout_ms: millis(limits.recovery_timeout),
            sdp_bytes: limits.sdp_bytes,
        }
    }
}

pub(super) fn turn(transport: TurnTransport) -> &'static str {
    match transport {
        TurnTransport::Udp => "turn-udp",
        TurnTransport::Tcp => "turn-tcp",
        TurnTransport::Tls => "turn-tls",
    }
}

fn audience(audience: Audience) -> &'static str {
    match audience {
        Audience::Public => "public",
        Audience::Lan => "lan",
        Audience::Both => "both",
    }
}

fn paths(paths: Paths) -> &'static str {
    match paths {
        Paths::All => "all",
        Paths::Direct => "direct",
        Paths::Relay => "relay",
    }
}
