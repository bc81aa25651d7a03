//! The beginning: what `serve` would bind and tell viewers, whether or not it runs already.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pinhole_core::gather::{
    Audience, GatherConfig, LocalCandidate, ServerConfig, local_candidates,
};
use pinhole_runtime::BindError;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

use super::lines;
use super::report::{Check, Grade};
use crate::serve::{StartError, addresses, tls};
use crate::settings::{Addresses, Settings, TcpPort};

/// For names of the port map.
const START_TIME: Duration = Duration::from_millis(6_000);

/// What `serve` would start with. Its ports are free again.
pub(super) struct Started {
    pub(super) gather: GatherConfig,
    /// The candidates that are known without any server.
    pub(super) candidates: Vec<LocalCandidate>,
    /// The UDP port that it would bind, or that is held by another program.
    pub(super) port: u16,
    pub(super) checks: Vec<Check>,
    /// For servers over TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// Binds as `serve` would; names of the port map and the system's roots are waited for.
///
/// # Errors
/// Those of `serve`, but for ports that are taken: a server at work has them, and all but its ports
/// can be looked at beside it.
pub(super) async fn start(
    settings: &Settings,
    servers: Vec<ServerConfig>,
) -> Result<Started, StartError> {
    let (wanted, http) = (settings.addresses.clone(), [settings.listen]);
    let ca = settings.turn_ca.clone();
    let starting = spawn_blocking(move || {
        let roots = ca.as_deref().map(tls::roots).transpose().map_err(StartError::Tls)?;
        let tls = pinhole_runtime::turn_tls_config(&roots.unwrap_or_default());
        match addresses::bind(&wanted, &http, servers.clone(), 1) {
            Ok(bound) => Ok(of_bound(bound, tls)),
            Err(StartError::Bind(error @ BindError::Taken { .. })) => {
                beside(&wanted, &http, servers, &error, tls)
            }
            Err(error) => Err(error),
        }
    });
    match timeout(START_TIME, starting).await {
        Ok(Ok(started)) => started,
        Ok(Err(error)) => Err(StartError::Addresses(format!("interrupted: {error}"))),
        Err(_) => Err(StartError::Addresses(format!(
            "the host names of the port map were not resolved within {} s; give addresses instead",
            START_TIME.as_secs()
        ))),
    }
}

fn of_bound(bound: addresses::Bound, tls: Option<Arc<ClientConfig>>) -> Started {
    let socket = Check::new("socket", "", Grade::Good, bound.sockets.describe());
    let mut checks = vec![socket];
    checks.extend(lines::start(&bound.resolved, bound.notes));
    let (gather, candidates, port) = (bound.gather, bound.candidates, bound.sockets.port());
    Started { gather, candidates, port, checks, tls }
}

/// The same beside the program that holds the ports, by way of another port.
fn beside(
    wanted: &Addresses,
    http: &[SocketAddr],
    servers: Vec<ServerConfig>,
    error: &BindError,
    tls: Option<Arc<ClientConfig>>,
) -> Result<Started, StartError> {
    let mut resolved = Vec::new();
    let (map, mapped) = addresses::port_map(wanted, &mut resolved)?;
    let audience = addresses::audience(wanted, &map, !servers.is_empty());
    let ports = wanted.udp_ports.clone().or(mapped);
    let port = ports.map_or(0, |ports| *ports.start());
    let tcp_port = match wanted.tcp_port {
        // That server has it, too.
        TcpPort::Own(_) => TcpPort::Off,
        shared => shared,
    };
    let any = Addresses {
        udp_ports: None,
        map: Vec::new(),
        public_ip: Vec::new(),
        advertise: Some(Audience::Both),
        tcp_port,
        ..wanted.clone()
    };
    let mut gather = addresses::bind(&any, http, servers, 1)?.gather;
    gather.bases.iter_mut().for_each(|base| base.set_port(port));
    if audience == Audience::Public && gather.bases.iter().any(|base| !base.ip().is_loopback()) {
        gather.bases.retain(|base| !base.ip().is_loopback());
    }
    (gather.map, gather.audience) = (map, audience);
    let text = format!(
        "{error}. If it is the server itself, it proves its ports while it runs, with --reflector"
    );
    let mut checks = vec![Check::new("socket", "", Grade::Bad, text)];
    checks.extend(lines::start(&resolved, Vec::new()));
    let candidates = local_candidates(&gather);
    Ok(Started { gather, candidates, port, checks, tls })
}
