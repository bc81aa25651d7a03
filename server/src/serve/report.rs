//! What the program says when it has started: where to look, what is sent, which addresses are
//! offered.

use std::net::{IpAddr, SocketAddr};

use pinhole_core::gather::{Audience, CandidateKind, LocalCandidate, Paths};
use pinhole_core::trace::AddressPolicy;
use pinhole_encoder::{EncoderChoice, EncoderPlan, SourceKind, StreamConfig, StreamFormat};

use super::addresses::Bound;
use crate::gather_servers::GatherServers;
use crate::settings::{Access, RuntimeKind, Settings};

/// The lines, in order.
pub(super) fn lines(
    settings: &Settings,
    bound: &Bound,
    servers: &GatherServers,
    format: &StreamFormat,
    url: &str,
) -> Vec<String> {
    let fps = f64::from(format.frames_per_1000s) / 1000.0;
    let source = &settings.stream.source;
    let mut lines = vec![
        format!("Pinhole {} serves {url}", env!("CARGO_PKG_VERSION")),
        format!("  access   {}", access(&settings.access)),
        format!("  source   {source}, {}x{}, {fps} fps", format.width, format.height),
        format!("  encoder  {}", format.encoder),
    ];
    lines.extend(gpus(&settings.stream));
    lines.extend([format!(
        "  socket   {}, on {}",
        bound.sockets.describe(),
        runtime(settings.runtime)
    )]);
    lines.push(format!("  threads  {}", threads(bound.sockets.ports().len())));
    if let Some(record) = &settings.record {
        let addresses = match record.addresses {
            AddressPolicy::Keep => "with addresses of viewers, without passwords and keys",
            AddressPolicy::Hide => "without addresses, passwords and keys",
        };
        lines.push(format!("  record   {}, {addresses}", record.path.display()));
    }
    let audience = match bound.gather.audience {
        Audience::Public => "public: only outside addresses",
        Audience::Lan => "lan: addresses of this machine",
        Audience::Both => "both: addresses of this machine, then outside ones",
    };
    let paths = match bound.gather.paths {
        Paths::All => "",
        Paths::Direct => ", no relays",
        Paths::Relay => ", relays only",
    };
    lines.push(format!("  viewers are told ({audience}{paths})"));
    for candidate in &bound.candidates {
        let LocalCandidate { protocol, address, base, kind } = candidate;
        lines.push(match kind {
            CandidateKind::Host => format!("    {protocol} {address}"),
            _ => format!("    {protocol} {address} forwarded to {base}"),
        });
    }
    for url in &servers.urls {
        lines.push(format!("    and what {url} finds"));
    }
    lines.extend(bound.notes.iter().map(|note| format!("    ({note})")));
    for (name, address) in &bound.resolved {
        lines.push(format!("    ({name} is {address} now)"));
    }
    lines
}

/// The GPUs that were looked at for an encoder.
fn gpus(stream: &StreamConfig) -> Vec<String> {
    let is_asked =
        stream.encoder == EncoderChoice::Auto && !matches!(stream.source, SourceKind::H264File(_));
    let plan = is_asked.then(|| EncoderPlan::here(stream.encoder));
    plan.map(|plan| plan.devices().map(|line| format!("           {line}")).collect())
        .unwrap_or_default()
}

/// The address to open: a wildcard is no address, so loopback stands for it.
pub(super) fn url(settings: &Settings, listening: SocketAddr) -> String {
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let host = match listening.ip() {
        IpAddr::V4(address) if address.is_unspecified() => "127.0.0.1".to_string(),
        IpAddr::V6(address) if address.is_unspecified() => "[::1]".to_string(),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    format!("{scheme}://{host}:{}/", listening.port())
}

fn access(access: &Access) -> &'static str {
    match access {
        Access::Local => "programs and pages of this machine",
        Access::Token(_) => "whoever has the token (add ?token=… to the address)",
        Access::Open => "whoever reaches the port",
    }
}

fn threads(loops: usize) -> String {
    match loops {
        1 => "1 event loop".to_string(),
        loops => format!("{loops} event loops, one for each UDP port, with viewers shared out"),
    }
}

fn runtime(runtime: RuntimeKind) -> &'static str {
    match runtime {
        RuntimeKind::Mio => "mio",
        RuntimeKind::Smol => "smol",
    }
}
