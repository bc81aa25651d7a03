//! `pinhole doctor`: looks at the network that a server with these settings would have, before
//! anybody connects, and says what is wrong and what to do.
//!
//! All is asked side by side, each question with a time limit of its own and all of them with one:
//!
//! ```text
//!  start ─────────── bind as serve would ─▶ candidates, port, map
//!  servers/ ──────── each STUN and TURN server: answer, credentials, echo through its relay
//!      └─ who answers ─▶ nat: mapping and filtering of the NAT (RFC 5780)
//!  ports/ ────────── each mapped port, by the reflector, or else by a relay once servers/ has one
//!  machine ───────── buffers, GPUs, encoder
//!            all of it ─▶ Surroundings ─▶ pinhole_core::diagnose::examine ─▶ Report
//! ```
//!
//! Facts are gathered here; what they mean is decided in [`pinhole_core::diagnose`], by the same
//! rules that judge a session which failed. [`table`](table()) and [`json`](json()) print one report.

mod json;
mod lines;
mod machine;
mod nat;
pub(crate) mod ports;
mod report;
mod servers;
mod start;
mod table;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pinhole_core::diagnose::{Answer, ClockOffset, Proof, Surroundings, examine};
use pinhole_core::gather::{
    Audience, CandidateKind, LocalCandidate, Paths, ServerConfig, ServerKind,
};
use pinhole_core::portmap::Protocol;
use pinhole_core::stun::NatReport;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout_at;
use tokio_rustls::rustls::ClientConfig;

use crate::gather_servers::GatherServers;
use crate::serve::StartError;
use crate::sessions::random;
use crate::settings::{ReflectorSettings, Settings};

pub use json::{failure, json};
pub use report::{Check, Grade, Report};
pub(crate) use table::wrapped;
pub use table::{COLUMNS, table};

use lines::Instead;
use machine::Machine;
use ports::{Ports, Testimony};
use servers::{Server, ServerCheck, Shared};
use start::Started;

/// When servers and the NAT are given up, counted from the beginning.
const ASK_TIME: Duration = Duration::from_millis(10_000);
/// When ports are given up, and with them everything, but for a goodbye to the last server.
const ALL_TIME: Duration = Duration::from_millis(13_000);
/// Servers that may answer before anybody listens.
const ANSWERS_MAX: usize = 64;

/// Hears a line whenever something was found out.
pub type Progress<'a> = &'a (dyn Fn(&Check) + Send + Sync);

/// Examines. Comes back within 15 s, names of the port map included.
///
/// # Errors
/// `serve` would not start either: the text says why.
pub async fn run(settings: &Settings, progress: Progress<'_>) -> Result<Report, StartError> {
    let begin = Instant::now();
    let gathered = settings.gather_servers();
    let Started { gather, candidates, port, mut checks, tls } =
        start::start(settings, gathered.servers.clone()).await?;
    // Beside the network, since drivers take their time.
    let stream = settings.stream.clone();
    let machine = tokio::task::spawn_blocking(move || Machine::look(&stream));
    let ports = Ports::bind(&gather, &settings.addresses, port);
    let Seen { servers, nat, ports, clock, reflector } =
        look(settings, &gathered, ports, tls, begin, progress).await;
    // It ends by itself; a panic in there is one of ours.
    let machine =
        machine.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let surroundings = Surroundings {
        audience: gather.audience,
        paths: gather.paths,
        candidates: told(&gather.bases, candidates, &servers, gather.audience, gather.paths),
        map: gather.map,
        servers: servers.iter().map(|server| server.facts.clone()).collect(),
        nat: nat.as_ref().ok().cloned(),
        ports: ports.ports.iter().map(|port| port.facts.clone()).collect(),
        clock: clock.clone(),
        unix_seconds: unix_seconds(),
        encoder_stalled: None,
    };
    checks.extend(lines::candidates(&surroundings.candidates));
    checks.extend(servers.iter().map(lines::server));
    if !servers.is_empty() {
        checks.push(lines::nat(&nat, instead(&servers, &ports)));
    }
    checks.extend(reflector);
    checks.extend(ports.ports.iter().map(lines::port));
    checks.extend(left_out(&ports));
    checks.extend(clock.as_ref().map(lines::clock));
    checks.extend(lines::machine(&machine));
    Ok(Report {
        checks,
        diagnoses: examine(&surroundings),
        surroundings,
        took: begin.elapsed(),
        servers,
        ports: ports.ports,
        machine,
    })
}

/// What the network showed.
struct Seen {
    servers: Vec<ServerCheck>,
    nat: Result<NatReport, String>,
    ports: Ports,
    clock: Option<ClockOffset>,
    reflector: Option<Check>,
}

/// Asks everybody, side by side.
async fn look(
    settings: &Settings,
    gathered: &GatherServers,
    mut ports: Ports,
    tls: Option<Arc<ClientConfig>>,
    begun: Instant,
    progress: Progress<'_>,
) -> Seen {
    let until = begun + ALL_TIME;
    let (answered, answers) = mpsc::channel(ANSWERS_MAX);
    // It goes with the last one who asks: discovery ends once nobody is left who could answer.
    let shared = Shared { tls: tls.clone(), answered, udp_leaves: Arc::default() };
    let asking = ask_all(&gathered.servers, &gathered.urls, shared, begun, progress);
    let discovering = async {
        let report = nat::discover(answers, begun + ASK_TIME).await;
        if !gathered.servers.is_empty() {
            progress(&lines::nat(&report, Instead::Unknown));
        }
        report
    };
    let proving = async {
        let by_reflector =
            prove_by_reflector(settings.reflector.as_ref(), &mut ports, until, progress);
        let (mut servers, (clock, reflector)) = tokio::join!(asking, by_reflector);
        if ports.are_untried() {
            prove_by_relay(&gathered.servers, &mut servers, &mut ports, tls, until).await;
        }
        ports.ports.iter().for_each(|port| progress(&lines::port(port)));
        (servers, clock, reflector)
    };
    let (nat, (servers, clock, reflector)) = tokio::join!(discovering, proving);
    Seen { servers, nat, ports, clock, reflector }
}

/// All servers side by side, in their order.
async fn ask_all(
    configs: &[ServerConfig],
    urls: &[String],
    shared: Shared,
    begun: Instant,
    progress: Progress<'_>,
) -> Vec<ServerCheck> {
    let both = configs.iter().zip(urls);
    let mut checks: Vec<ServerCheck> =
        both.map(|(config, url)| ServerCheck::pending(url, config)).collect();
    let mut asking = JoinSet::new();
    for (place, (check, config)) in checks.iter().zip(configs).enumerate() {
        let work = servers::check(check.clone(), config.clone(), shared.clone());
        asking.spawn(async move { (place, work.await) });
    }
    drop(shared);
    let until = (begun + ASK_TIME).into();
    while let Ok(Some(done)) = timeout_at(until, asking.join_next()).await {
        let Ok((place, check)) = done else { continue };
        progress(&lines::server(&check));
        checks[place] = check;
    }
    checks
}

/// Where there is a reflector: our clock, and what it was good for.
async fn prove_by_reflector(
    settings: Option<&ReflectorSettings>,
    ports: &mut Ports,
    until: Instant,
    progress: Progress<'_>,
) -> (Option<ClockOffset>, Option<Check>) {
    let Some(settings) = settings else { return (None, None) };
    let line = |grade, text| Check::new("reflect", &settings.address, grade, text);
    let (clock, check) = match ports.prove_by_reflector(settings, until).await {
        Ok(Testimony { clock, seen_from, round_trip }) => {
            let text = format!("answers, and sees us come from {seen_from}");
            let round_trip = Some(round_trip);
            (Some(clock), Check { round_trip, ..line(Grade::Good, text) })
        }
        Err(error) => (None, line(Grade::Bad, error.to_string())),
    };
    progress(&check);
    (clock, Some(check))
}

/// By the first server that relays, and whose relay is not known to be useless.
async fn prove_by_relay(
    configs: &[ServerConfig],
    servers: &mut [ServerCheck],
    ports: &mut Ports,
    tls: Option<Arc<ClientConfig>>,
    until: Instant,
) {
    let relays = |check: &ServerCheck| {
        matches!(check.facts.answer, Answer::Relayed(_)) && check.facts.echo != Some(false)
    };
    let found = servers.iter_mut().zip(configs).find(|(check, _)| relays(check));
    let Some((check, config)) = found else { return };
    let (Some(address), ServerKind::Turn { transport, credentials }) =
        (check.address, config.kind.clone())
    else {
        return;
    };
    let server = Server { transport, host: config.host.clone(), address, credentials, tls };
    let refused = ports.prove_by_relay(server, until).await;
    for peer in refused {
        if !check.facts.peers_refused.contains(&peer) {
            check.facts.peers_refused.push(peer);
        }
    }
}

/// The candidates of the start, and those that the servers found.
fn told(
    bases: &[std::net::SocketAddr],
    mut candidates: Vec<LocalCandidate>,
    servers: &[ServerCheck],
    audience: Audience,
    paths: Paths,
) -> Vec<LocalCandidate> {
    if audience == Audience::Lan {
        return candidates;
    }
    for server in servers {
        let (addresses, kind) = match (&server.facts.answer, server.facts.relay) {
            (Answer::Mapped(address), _) if paths != Paths::Relay => {
                (vec![*address], CandidateKind::ServerReflexive)
            }
            (Answer::Relayed(addresses), Some(transport)) if paths != Paths::Direct => {
                (addresses.clone(), CandidateKind::Relayed(transport))
            }
            _ => continue,
        };
        for address in addresses {
            let base = bases.iter().find(|base| base.is_ipv4() == address.is_ipv4());
            let Some(base) = base.or(bases.first()) else { continue };
            let protocol = Protocol::Udp;
            let candidate = LocalCandidate { base: *base, address, kind, protocol };
            // The port that a server saw is that of the socket which asked it, not of the one for
            // viewers: it says no more than the address.
            let same = |known: &LocalCandidate| match kind {
                CandidateKind::ServerReflexive => known.address.ip() == address.ip(),
                _ => known.address == address,
            } && known.protocol == protocol;
            if !candidates.iter().any(same) {
                candidates.push(candidate);
            }
        }
    }
    candidates
}

/// What viewers have where the NAT is symmetric.
fn instead(servers: &[ServerCheck], ports: &Ports) -> Instead {
    let is_forward =
        |port: &ports::Port| matches!(port.facts.proof, Proof::Proved { .. } | Proof::Untried);
    let mut relays = servers.iter().filter(|server| server.facts.relay.is_some()).peekable();
    let has_turn = relays.peek().is_some();
    let works = |server: &ServerCheck| matches!(server.facts.answer, Answer::Relayed(_));
    match (ports.ports.iter().any(is_forward), relays.any(works)) {
        (true, _) => Instead::Forward,
        (false, true) => Instead::Relay,
        (false, false) if has_turn => Instead::NoRelay,
        (false, false) => Instead::Nothing,
    }
}

fn left_out(ports: &Ports) -> Option<Check> {
    let text = || {
        format!(
            "{} more mapped ports were not tried: {} are enough for one run; name others with \
             --udp-ports",
            ports.left_out,
            ports::PORTS_MAX
        )
    };
    (ports.left_out > 0).then(|| Check::new("port", "", Grade::Unknown, text()))
}

fn unix_seconds() -> Option<u64> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|unix| unix.as_secs())
}

/// A token for probes that nobody can guess.
fn token() -> String {
    let bytes: [u8; 10] = random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
