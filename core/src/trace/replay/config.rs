//! An endpoint like the recorded one, from the header of its recording.

use std::time::{Duration, Instant};

use super::ReplayError;
use crate::base::{Seed, WallClock};
use crate::gather::{Audience, GatherConfig, Paths, ServerConfig, ServerKind, TurnTransport};
use crate::portmap::PortMap;
use crate::session::Certificate;
use crate::trace::header::{Header, Server};
use crate::turn::Credentials;
use crate::{EndpointConfig, Limits, VideoFormat};

/// The seed of every re-run: the same recording gives the same run.
const SEED: [u8; 32] = *b"a recording is played once again";
/// Who we are to TURN servers; their answers are signed with it, too.
pub(super) const USER: &str = "again";
pub(super) const PASSWORD: &str = "once-more";
/// Servers that a recording may name; no program configures as many.
const SERVERS_MAX: usize = 256;
/// Sockets that it may name.
const BASES_MAX: usize = 1_024;
/// Bytes of an SDP; those of a recording are not longer than its lines.
const SDP_BYTES_MAX: usize = 1024 * 1024;
const SESSIONS_MAX: usize = 100_000;

/// What to make an endpoint of.
pub(super) fn endpoint_config(
    start: Instant,
    header: &Header,
    certificate: &Certificate,
) -> Result<EndpointConfig, ReplayError> {
    let no = |field: &'static str| ReplayError::Header(field);
    let map = PortMap::parse(header.map.iter().map(String::as_str)).map_err(|_| no("map"))?;
    let audience = match header.audience.as_str() {
        "public" => Audience::Public,
        "lan" => Audience::Lan,
        "both" => Audience::Both,
        _ => return Err(no("audience")),
    };
    let paths = match header.paths.as_str() {
        "all" => Paths::All,
        "direct" => Paths::Direct,
        "relay" => Paths::Relay,
        _ => return Err(no("paths")),
    };
    if header.servers.len() > SERVERS_MAX {
        return Err(no("servers"));
    }
    if header.bases.len().max(header.tcp_bases.len()) > BASES_MAX {
        return Err(no("bases"));
    }
    let servers: Option<Vec<ServerConfig>> = header.servers.iter().map(server).collect();
    let limits = &header.limits;
    Ok(EndpointConfig {
        seed: Seed::new(SEED),
        wall_clock: WallClock { unix: Duration::from_millis(header.started_unix_ms), at: start },
        certificate: certificate.clone(),
        gather: GatherConfig {
            bases: header.bases.clone(),
            tcp_bases: header.tcp_bases.clone(),
            map,
            audience,
            paths,
            servers: servers.ok_or(no("servers"))?,
        },
        video: VideoFormat {
            profile_level_id: header
                .profile_level_id
                .parse()
                .map_err(|_| no("profile_level_id"))?,
        },
        limits: Limits {
            sessions: limits.sessions.min(SESSIONS_MAX),
            connect_timeout: span(limits.connect_timeout_ms),
            recovery_timeout: span(limits.recovery_timeout_ms),
            sdp_bytes: limits.sdp_bytes.min(SDP_BYTES_MAX),
            ..Limits::default()
        },
        estimator: header.estimator.map(|most| most.clamp(10_000, 1_000_000_000)),
    })
}

/// A day at most: clocks end somewhere.
fn span(ms: u64) -> Duration {
    Duration::from_millis(ms.min(86_400_000))
}

fn server(server: &Server) -> Option<ServerConfig> {
    let credentials = match server.credentials.as_str() {
        "none" => Credentials::None,
        "long-term" => {
            Credentials::LongTerm { username: USER.to_owned(), password: PASSWORD.to_owned() }
        }
        "rest" => Credentials::Rest { secret: PASSWORD.to_owned(), user: USER.to_owned() },
        _ => return None,
    };
    let turn = |transport| ServerKind::Turn { transport, credentials };
    let kind = match server.service.as_str() {
        "stun" => ServerKind::Stun,
        "turn-udp" => turn(TurnTransport::Udp),
        "turn-tcp" => turn(TurnTransport::Tcp),
        "turn-tls" => turn(TurnTransport::Tls),
        _ => return None,
    };
    Some(ServerConfig { host: server.host.clone(), addresses: server.addresses.clone(), kind })
}
