//! `pinhole doctor`: looks at the network that a server with these settings would have, before
//! anybody connects, and says what is wrong and what to do.
//!
//! All is asked side by side, each question with a time limit of its own and all of them with one:
//!
//! ```text
//!  serve::addresses ─ bind as serve would ─▶ candidates, port, map
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
mod table;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pinhole_core::diagnose::{Answer, ClockOffset, Surroundings, examine};
use pinhole_core::gather::{
    Audience, CandidateKind, LocalCandidate, Paths, ServerConfig, ServerKind,
};
use pinhole_core::portmap::Protocol;
use pinhole_core::stun::NatReport;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout_at;
use tokio_rustls::rustls::ClientConfig;

use crate::gather_servers::GatherServers;
use crate::reflect::client::Reflector;
use crate::serve::{StartError, addresses, tls};
use crate::sessions::random;
use crate::settings::{ReflectorSettings, Settings};

pub use json::{failure, json};
pub use report::{Check, Grade, Report};
pub use table::{COLUMNS, table};

use machine::Machine;
use ports::Ports;
use servers::{Server, ServerCheck, Shared};

/// When servers and the NAT are given up, counted from the first question.
const ASK_TIME: Duration = Duration::from_millis(10_000);
/// When ports are given up, and with them everything.
const ALL_TIME: Duration = Duration::from_millis(13_500);
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
    let Started { bound, tls } = start(settings, gathered.servers.clone()).await?;
    let (gather, candidates, port) = (bound.gather, bound.candidates, bound.sockets.port());
    let mut checks = lines::start(bound.sockets.describe(), &bound.resolved, bound.notes);
    // The ports are to be bound again, each by itself.
    drop((bound.sockets, bound.tcp));
    let machine = Machine::look(&settings.stream);
    let ports = Ports::bind(&gather, &settings.addresses, port);
    let Seen { servers, nat, ports, clock, reflector } =
        look(settings, &gathered, ports, tls, progress).await;
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
        checks.push(lines::nat(&nat));
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

/// What `serve` would start with.
struct Started {
    bound: addresses::Bound,
    tls: Option<Arc<ClientConfig>>,
}

/// Binds as `serve` would; names of the port map and the system's roots are waited for.
async fn start(settings: &Settings, servers: Vec<ServerConfig>) -> Result<Started, StartError> {
    let (wanted, http) = (settings.addresses.clone(), [settings.listen]);
    let ca = settings.turn_ca.clone();
    let starting = spawn_blocking(move || {
        let roots = ca.as_deref().map(tls::roots).transpose().map_err(StartError::Tls)?;
        let bound = addresses::bind(&wanted, &http, servers)?;
        Ok(Started { bound, tls: servers::client_config(&roots.unwrap_or_default()) })
    });
    match starting.await {
        Ok(started) => started,
        Err(error) => Err(StartError::Addresses(format!("interrupted: {error}"))),
    }
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
    progress: Progress<'_>,
) -> Seen {
    let begun = Instant::now();
    let until = begun + ALL_TIME;
    let (answered, answers) = mpsc::channel(ANSWERS_MAX);
    // It goes with the last one who asks: discovery ends once nobody is left who could answer.
    let shared = Shared { tls: tls.clone(), answered, udp_leaves: Arc::default() };
    let asking = ask_all(&gathered.servers, &gathered.urls, shared, begun, progress);
    let discovering = async {
        let report = nat::discover(answers, begun + ASK_TIME).await;
        if !gathered.servers.is_empty() {
            progress(&lines::nat(&report));
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
    let Some(ReflectorSettings { address, token }) = settings else { return (None, None) };
    let line = |grade, text| {
        let check = Check::new("reflect", address, grade, text);
        progress(&check);
        check
    };
    let mut reflector = match Reflector::connect(address, token.as_deref()).await {
        Ok(reflector) => reflector,
        Err(error) => return (None, Some(line(Grade::Bad, error.to_string()))),
    };
    // Half a second is rounded away: it is a matter of hours.
    let seconds = (reflector.clock_offset_ms as f64 / 1e3).round() as i64;
    let clock = Some(ClockOffset { seconds, whose: "the reflector".to_string() });
    let proved = ports.prove_by_reflector(&mut reflector, until).await;
    let check = match proved {
        Ok(()) => {
            let text = format!("answers, and sees us come from {}", reflector.seen_from.ip());
            line(Grade::Good, text)
        }
        Err(error) => line(Grade::Bad, error.to_string()),
    };
    (clock, Some(Check { round_trip: Some(reflector.round_trip), ..check }))
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
            let same = |known: &LocalCandidate| {
                known.protocol == protocol
                    && known.address.ip() == address.ip()
                    && (known.kind == kind || known.address == address)
            };
            if !candidates.iter().any(same) {
                candidates.push(candidate);
            }
        }
    }
    candidates
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
