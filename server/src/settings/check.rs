//! What settings must satisfy together.

use std::path::Path;
use std::time::Duration;

use pinhole_core::gather::Paths;
use pinhole_encoder::{Content, SourceKind, StreamConfig};

use super::choices::BitrateFloor;
use super::flags::ServeFlags;
use super::{
    Access, Addresses, HttpLimits, RecordSettings, ReflectorSettings, Settings, SettingsError,
    TlsFiles,
};
use crate::ice_servers::{IceServer, IceServers};

/// Frames a second of the test picture.
const TEST_FPS: u32 = 30;

/// Bits a second below which no viewer brings down a stream that is encoded here.
const BITRATE_FLOOR: u32 = 300_000;

/// Turns flags into settings, or says what does not fit together.
pub(super) fn settings(flags: ServeFlags, access: Access) -> Result<Settings, SettingsError> {
    let (stream, bitrate_floor) = (stream(&flags), bitrate_floor(&flags));
    if !flags.listen.ip().is_loopback() && access == Access::Local {
        return Err(SettingsError::Refused(format!(
            "--listen {} can be reached from other machines, so say who may watch:\n  \
             --token SECRET   viewers must present this secret\n  \
             --open           whoever reaches the port may watch\n\
             or listen on 127.0.0.1 only",
            flags.listen
        )));
    }
    let tls = match (flags.tls_cert, flags.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (None, None) => None,
        (Some(_), None) => {
            return refused("--tls-cert needs --tls-key, the private key of the certificate");
        }
        (None, Some(_)) => {
            return refused("--tls-key needs --tls-cert, the certificate of the key");
        }
    };
    let mut servers = flags.ice_server;
    if let Some(path) = &flags.ice_servers {
        servers.extend(ice_servers_of(path)?);
    }
    let ice_servers =
        IceServers::new(servers, flags.turn_secret).map_err(SettingsError::Refused)?;
    if flags.reflector_token.is_some() && flags.reflector.is_none() {
        return refused("--reflector-token needs --reflector HOST:PORT, whose secret it is");
    }
    if flags.record.is_some() && flags.threads.is_some_and(|count| count > 1) {
        return refused("--record is of one event loop: leave --threads out, or write --threads 1");
    }
    let settings = Settings {
        listen: flags.listen,
        access,
        allow_origin: flags.allow_origin,
        tls,
        max_viewers: flags.max_viewers,
        stream,
        bitrate_floor,
        retransmit_for: Duration::from_millis(flags.retransmit_ms),
        runtime: flags.runtime,
        threads: flags.threads,
        addresses: Addresses {
            udp_ports: flags.udp_ports,
            udp_bind: flags.udp_bind,
            udp_send: flags.udp_send,
            map: flags.mapping.map,
            public_ip: flags.mapping.public_ip,
            advertise: flags.mapping.advertise,
            tcp_port: flags.tcp_port,
            paths: flags.ice_policy,
        },
        ice_servers,
        ice_for: flags.ice_for,
        turn_ca: flags.turn_ca,
        record: RecordSettings::new(flags.record, flags.record_max, flags.record_addresses),
        reflector: flags
            .reflector
            .map(|address| ReflectorSettings { address, token: flags.reflector_token }),
        log: flags.log,
        http: http_limits(flags.max_viewers),
        warnings: Vec::new(),
    };
    check_servers(settings)
}

/// The source, the encoder, and what follows for one from the other.
fn stream(flags: &ServeFlags) -> StreamConfig {
    let fps = match flags.source {
        SourceKind::Test => Some(flags.fps.unwrap_or(TEST_FPS)),
        _ => flags.fps,
    };
    let content = match flags.source {
        SourceKind::X11(_) => Content::Screen,
        _ => Content::Camera,
    };
    StreamConfig {
        source: flags.source.clone(),
        encoder: flags.encoder,
        size: flags.size,
        fps,
        bitrate: flags.bitrate,
        content: flags.content.unwrap_or(content),
        openh264_library: flags.openh264_library.clone(),
    }
}

/// A file that is encoded already keeps its bitrate. Its viewers' paths are estimated, and its packets
/// paced, where that is asked for.
fn bitrate_floor(flags: &ServeFlags) -> BitrateFloor {
    let default = match flags.source {
        SourceKind::H264File(_) => BitrateFloor::Off,
        _ => BitrateFloor::At(BITRATE_FLOOR),
    };
    flags.bitrate_floor.unwrap_or(default)
}

/// What is said of STUN and TURN servers must fit the servers that there are.
fn check_servers(mut settings: Settings) -> Result<Settings, SettingsError> {
    let servers = settings.gather_servers();
    if settings.addresses.paths == Paths::Relay && !servers.has_turn() {
        return refused(
            "--ice-policy relay needs a TURN server that this server uses: --ice-server \
             turn:HOST,USER,CREDENTIAL, and not --ice-for browsers",
        );
    }
    if settings.turn_ca.is_some() && !servers.has_tls() {
        let text = "--turn-ca is of no use without a server over TLS: --ice-server turns:HOST";
        settings.warnings.push(text.to_string());
    }
    settings.warnings.extend(servers.warnings);
    Ok(settings)
}

/// Room for every viewer's WebSocket and request, and as many again that come and go.
fn http_limits(max_viewers: usize) -> HttpLimits {
    let usual = HttpLimits::default();
    HttpLimits {
        connections: usual.connections.max(2 * max_viewers),
        sockets: usual.sockets.max(2 * max_viewers),
        ..usual
    }
}

fn refused(text: &str) -> Result<Settings, SettingsError> {
    Err(SettingsError::Refused(text.to_string()))
}

fn ice_servers_of(path: &Path) -> Result<Vec<IceServer>, SettingsError> {
    let refuse = |what: String| SettingsError::File { path: path.to_path_buf(), what };
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    IceServers::parse_json(&text).map_err(refuse)
}
