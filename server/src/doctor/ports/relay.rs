//! By a TURN server's relay, which sends from an address that our ports have never written to. It
//! does not tell what ICMP says.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use pinhole_core::diagnose::{Proof, Witness};
use pinhole_core::stun::{PROOF_BYTES_MAX, write_proof};
use tokio::time::sleep;

use super::witness::{enough, rise};
use super::{Ports, counters};
use crate::doctor::servers::{Client, Granted, Server};
use crate::doctor::token;
use crate::reflect::client::{Arrival, Outcome};
use crate::reflect::judge::{judge, passage};

/// For the allocation.
const GRANT_TIME: Duration = Duration::from_millis(2_000);
/// Tries, and the time between them: coturn has an ended allocation in the way for a good second.
const GRANT_TRIES: usize = 3;
const AGAIN: Duration = Duration::from_millis(700);
/// For the permissions.
const PERMIT_TIME: Duration = Duration::from_millis(400);
/// Probes for each port, the time between them, and the time after them.
const COUNT: u16 = 5;
const SPACING: Duration = Duration::from_millis(20);
const WAIT: Duration = Duration::from_millis(800);

pub(super) async fn prove(server: Server, ports: &mut Ports, until: Instant) -> Vec<(IpAddr, u16)> {
    let Some(mut client) = open(server, until).await else { return Vec::new() };
    // A leg that breaks leaves the ports unproved.
    let _ = send_to_all(&mut client, ports, until).await;
    let refused = client.peers_refused.clone();
    client.close().await;
    refused
}

/// An allocation; the one of the echo may still be in its way.
async fn open(server: Server, until: Instant) -> Option<Client> {
    for _ in 0..GRANT_TRIES {
        let mut client = Client::open(server.clone()).await.ok()?;
        let granted = (Instant::now() + GRANT_TIME).min(until);
        client.run_until(granted, |client| client.granted.is_some()).await.ok()?;
        match client.granted {
            Some(Granted::Relayed(_)) => return Some(client),
            Some(Granted::Refused(486)) if Instant::now() + AGAIN < until => sleep(AGAIN).await,
            _ => return None,
        }
    }
    None
}

async fn send_to_all(client: &mut Client, ports: &mut Ports, until: Instant) -> io::Result<()> {
    let places = ports.free();
    for place in &places {
        client.permit(ports.ports[*place].facts.external);
    }
    client.run_until(Instant::now() + PERMIT_TIME, |_| false).await?;
    let before = counters::no_ports();
    let outcomes = send(client, ports, &places, until).await?;
    let rose = rise(before);
    let mut doubtful = Vec::new();
    for (place, outcome) in places.into_iter().zip(outcomes) {
        settle(ports, place, &outcome, false, client);
        let is_lost = outcome.arrivals.is_empty() && outcome.sent > 0;
        if is_lost && rose >= enough(outcome.sent) {
            doubtful.push(place);
        }
    }
    for place in doubtful {
        if Instant::now() + WAIT + SPACING * 5 > until {
            ports.ports[place].note = Some("no time was left to try it alone".to_string());
            continue;
        }
        let before = counters::no_ports();
        let outcomes = send(client, ports, &[place], until).await?;
        let rose = rise(before);
        for outcome in &outcomes {
            if rose >= enough(outcome.sent) || !outcome.arrivals.is_empty() {
                settle(ports, place, outcome, true, client);
            }
        }
    }
    Ok(())
}

/// Sends to these ports and collects what arrives.
async fn send(
    client: &mut Client,
    ports: &mut Ports,
    places: &[usize],
    until: Instant,
) -> io::Result<Vec<Outcome>> {
    let target = |place: &usize| (ports.ports[*place].facts.external, token());
    let targets: Vec<(SocketAddr, String)> = places.iter().map(target).collect();
    let mut outcomes = vec![Outcome::default(); targets.len()];
    for sequence in 0..COUNT {
        for ((external, token), outcome) in targets.iter().zip(&mut outcomes) {
            let mut buffer = [0; PROOF_BYTES_MAX];
            let length = write_proof(&mut buffer, token, sequence).unwrap_or_default();
            if !client.refuses(external.ip()) {
                outcome.sent += u16::from(client.send(*external, &buffer[..length]).await?);
            }
        }
        client.run_until(Instant::now() + SPACING, |_| false).await?;
    }
    let end = (Instant::now() + WAIT).min(until);
    let all = |outcomes: &[Outcome]| {
        outcomes.iter().all(|outcome| outcome.arrivals.len() >= usize::from(outcome.sent))
    };
    while Instant::now() < end && !all(&outcomes) {
        tokio::select! {
            arrival = ports.listener.arrivals.recv() => match arrival {
                Some(arrival) => keep(&mut outcomes, &targets, arrival),
                None => break,
            },
            done = client.run_until(end, |_| false) => { done?; }
        }
    }
    Ok(outcomes)
}

fn keep(outcomes: &mut [Outcome], targets: &[(SocketAddr, String)], arrival: Arrival) {
    let place = targets.iter().position(|(_, token)| *token == arrival.token);
    let Some(outcome) = place.and_then(|place| outcomes.get_mut(place)) else { return };
    // A network may double them; a bound all the same.
    if outcome.arrivals.len() < 2 * usize::from(COUNT) {
        outcome.arrivals.push(arrival);
    }
}

fn settle(
    ports: &mut Ports,
    place: usize,
    outcome: &Outcome,
    at_closed_port: bool,
    client: &Client,
) {
    let port = &mut ports.ports[place];
    let refused = client.refuses(port.facts.external.ip());
    port.facts.proof = match judge(port.facts.internal.port(), outcome, at_closed_port) {
        Proof::Silent if refused => Proof::Untried,
        proof => proof,
    };
    let is_untried = port.facts.proof == Proof::Untried;
    port.facts.witness = if is_untried { Witness::None } else { Witness::Relay };
    port.facts.sent_from = client.relayed_for(port.facts.external.ip()).map(|relayed| relayed.ip());
    port.passage = (!outcome.arrivals.is_empty()).then(|| passage(outcome));
    port.note = match (is_untried, refused) {
        (true, true) => Some("the TURN server does not relay to it".to_string()),
        (true, false) => Some("the TURN server is not to be asked to reach it".to_string()),
        _ => None,
    };
}
