//! By a reflector: all ports at once, and then, one by one, those whose probes seem to have reached
//! this machine at a closed port.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use pinhole_core::diagnose::{ClockOffset, Proof, Witness};

use super::{Ports, counters};
use crate::doctor::token;
use crate::reflect::client::{Outcome, Reflector, ReflectorError, Target};
use crate::reflect::judge::{judge, passage};
use crate::settings::ReflectorSettings;

/// For all ports: a router asks for three seconds for a machine that is not there, before it says
/// so.
const ALL_TIME: Duration = Duration::from_millis(3_600);
/// For one port that is tried again.
const ONE_TIME: Duration = Duration::from_millis(400);

/// What a reflector says besides what it proves.
#[derive(Debug, Clone)]
pub(crate) struct Testimony {
    /// How far our clock is off.
    pub(crate) clock: ClockOffset,
    /// Where it sees us.
    pub(crate) seen_from: IpAddr,
    /// How long it took to answer.
    pub(crate) round_trip: Duration,
}

pub(super) async fn prove(
    settings: &ReflectorSettings,
    ports: &mut Ports,
    until: Instant,
) -> Result<Testimony, ReflectorError> {
    let ReflectorSettings { address, token } = settings;
    let outside = ports.ports.iter().map(|port| port.facts.external.ip());
    let mut families: Vec<Option<IpAddr>> = Vec::new();
    for ip in outside {
        if !families.iter().flatten().any(|known| known.is_ipv4() == ip.is_ipv4()) {
            families.push(Some(ip));
        }
    }
    if families.is_empty() {
        families.push(None);
    }
    let mut said: Result<Testimony, ReflectorError> = Err(ReflectorError::Foreign);
    for (count, towards) in families.into_iter().enumerate() {
        let proved = async {
            let mut reflector = Reflector::connect(address, token.as_deref(), towards).await?;
            prove_family(&mut reflector, ports, until).await?;
            Ok(testimony(&reflector))
        };
        match proved.await {
            Ok(testimony) => said = Ok(testimony),
            // One family is enough for the testimony; ports of the other say why they are not
            // proved.
            Err(error) => {
                note_untried(ports, towards, &error);
                if count == 0 {
                    said = Err(error);
                }
            }
        }
    }
    said
}

fn testimony(reflector: &Reflector) -> Testimony {
    // Half a second is rounded away: it is a matter of hours.
    let seconds = (reflector.clock_offset_ms as f64 / 1e3).round() as i64;
    Testimony {
        clock: ClockOffset { seconds, whose: "the reflector".to_string() },
        seen_from: reflector.seen_from.ip(),
        round_trip: reflector.round_trip,
    }
}

fn note_untried(ports: &mut Ports, family: Option<IpAddr>, error: &ReflectorError) {
    for port in &mut ports.ports {
        let is_of = family.is_some_and(|ip| ip.is_ipv4() == port.facts.external.is_ipv4());
        if is_of && port.facts.proof == Proof::Untried && port.note.is_none() {
            port.note = Some(error.to_string());
        }
    }
}

/// Those of the family of the connection.
async fn prove_family(
    reflector: &mut Reflector,
    ports: &mut Ports,
    until: Instant,
) -> Result<(), ReflectorError> {
    let is_v4 = reflector.address.ip().to_canonical().is_ipv4();
    let mut places = ports.free();
    places.retain(|place| ports.ports[*place].facts.external.is_ipv4() == is_v4);
    if places.is_empty() {
        return Ok(());
    }
    let sent_from = reflector.address.ip();
    let wait = ALL_TIME.min(until.saturating_duration_since(Instant::now()));
    let before = counters::no_ports();
    let outcomes = send(reflector, ports, &places, wait).await?;
    let rose = rise(before);
    let mut doubtful = Vec::new();
    for (place, outcome) in places.into_iter().zip(outcomes) {
        settle(ports, place, &outcome, false, sent_from);
        let is_lost = outcome.arrivals.is_empty() && outcome.sent > 0;
        if is_lost && rose >= enough(outcome.sent) {
            doubtful.push(place);
        }
    }
    for place in doubtful {
        if Instant::now() + ONE_TIME > until {
            ports.ports[place].note = Some("no time was left to try it alone".to_string());
            continue;
        }
        let before = counters::no_ports();
        let outcomes = send(reflector, ports, &[place], ONE_TIME).await?;
        let rose = rise(before);
        for outcome in outcomes.iter().filter(|outcome| outcome.sent > 0) {
            // Where it said nothing new, what was known stays.
            if rose >= enough(outcome.sent) || !outcome.arrivals.is_empty() {
                settle(ports, place, outcome, true, sent_from);
            }
        }
    }
    Ok(())
}

async fn send(
    reflector: &mut Reflector,
    ports: &mut Ports,
    places: &[usize],
    wait: Duration,
) -> Result<Vec<Outcome>, ReflectorError> {
    let target =
        |place: &usize| Target { address: ports.ports[*place].facts.external, token: token() };
    let targets: Vec<Target> = places.iter().map(target).collect();
    ports.listener.expect(targets.iter().map(|target| target.token.clone()).collect()).await;
    reflector.probe(&targets, &mut ports.listener.arrivals, wait).await
}

fn settle(
    ports: &mut Ports,
    place: usize,
    outcome: &Outcome,
    at_closed_port: bool,
    sent_from: IpAddr,
) {
    let port = &mut ports.ports[place];
    port.facts.proof = judge(port.facts.internal.port(), outcome, at_closed_port);
    port.facts.witness =
        if port.facts.proof == Proof::Untried { Witness::None } else { Witness::Reflector };
    port.passage = (!outcome.arrivals.is_empty()).then(|| passage(outcome));
    port.sent_from = Some(sent_from.to_canonical());
    port.note = outcome.refused.clone();
}

/// How much the count of datagrams without a socket has risen.
pub(super) fn rise(before: Option<u64>) -> u64 {
    let now = counters::no_ports();
    now.zip(before).map_or(0, |(now, before)| now.saturating_sub(before))
}

/// Some may be lost on the way.
pub(super) fn enough(sent: u16) -> u64 {
    (u64::from(sent) * 3).div_ceil(5)
}
