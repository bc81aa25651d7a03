//! By a reflector: all ports at once, and then, one by one, those whose probes seem to have reached
//! this machine at a closed port.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use pinhole_core::diagnose::{Proof, Witness};

use super::{Ports, counters};
use crate::doctor::token;
use crate::reflect::client::{Outcome, Reflector, ReflectorError, Target};
use crate::reflect::judge::{judge, passage};

/// For all ports: a router asks for three seconds for a machine that is not there, before it says
/// so.
const ALL_TIME: Duration = Duration::from_millis(3_600);
/// For one port that is tried again.
const ONE_TIME: Duration = Duration::from_millis(400);

pub(super) async fn prove(
    reflector: &mut Reflector,
    ports: &mut Ports,
    until: Instant,
) -> Result<(), ReflectorError> {
    let places = ports.free();
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
