//! A real echo through a relay: a datagram of ours goes to the relayed address, comes out at our
//! allocation, and one goes back the same way.
//!
//! The far end is a second socket of this machine, as a viewer's would be. Where no UDP leaves this
//! machine it is a second allocation at the same server, which says less: nothing then passes the
//! firewall in front of the relay.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pinhole_core::stun::{PROOF_BYTES_MAX, read_proof, write_proof};
use tokio::net::UdpSocket;

use super::turn::{Client, Granted, Server};
use super::way_to;
use crate::doctor::token;

/// How often a datagram is sent again.
const STEP: Duration = Duration::from_millis(150);
/// When the way there, and the way back, is given up.
const LEG_TIME: Duration = Duration::from_millis(1_200);
/// For the second allocation.
const GRANT_TIME: Duration = Duration::from_millis(1_500);

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Echo {
    /// Whether it came back; `None`: it could not be tried.
    pub(super) came_back: Option<bool>,
    /// There and back.
    pub(super) round_trip: Option<Duration>,
    /// What people should know of it.
    pub(super) note: Option<String>,
}

/// Tries it through an allocation that is granted. `udp_leaves`: whether any server was seen to
/// answer over UDP.
pub(super) async fn echo(client: &mut Client, server: &Server, udp_leaves: bool) -> Echo {
    let without = |note: &str| Echo { note: Some(note.to_string()), ..Echo::default() };
    let Some(seen) = client.mapped() else {
        return without("the server does not say where it sees us");
    };
    let Some(relayed) = client.relayed_for(seen.ip()) else {
        return without("the server relays for the other family of addresses only");
    };
    let here = with_socket(client, seen, relayed).await;
    match here {
        Ok(Some(round_trip)) => {
            return Echo { came_back: Some(true), round_trip: Some(round_trip), note: None };
        }
        Ok(None) | Err(_) if client.refuses(seen.ip()) => {
            return without("the server does not relay to our own address");
        }
        _ if udp_leaves => return Echo { came_back: Some(false), ..Echo::default() },
        _ => {}
    }
    match with_second(client, server, relayed).await {
        Ok(Some(round_trip)) => Echo {
            came_back: Some(true),
            round_trip: Some(round_trip),
            note: Some("between two allocations, as no UDP leaves this machine".to_string()),
        },
        Ok(None) if client.refuses(relayed.ip()) => {
            without("no UDP leaves this machine, and the server does not relay to itself")
        }
        _ => without("no UDP leaves this machine, and a second allocation was not reached"),
    }
}

/// From a socket of ours, which the server sees at an address like `seen`.
async fn with_socket(
    client: &mut Client,
    seen: SocketAddr,
    relayed: SocketAddr,
) -> io::Result<Option<Duration>> {
    let socket = UdpSocket::bind((way_to(relayed).await?, 0)).await?;
    let token = token();
    client.permit(seen);
    let begin = Instant::now();
    let mut sent_at = Vec::new();
    let peer = loop {
        if begin.elapsed() > LEG_TIME || client.refuses(seen.ip()) {
            return Ok(None);
        }
        // It may be refused until the server has opened the way.
        let _ = socket.send_to(&probe(&token, sent_at.len()), relayed).await;
        sent_at.push(Instant::now());
        client.run_until(Instant::now() + STEP, |client| came(client, &token).is_some()).await?;
        if let Some((peer, sequence)) = came(client, &token) {
            break (peer, sequence);
        }
    };
    let (peer, sequence) = peer;
    let begin = Instant::now();
    while begin.elapsed() < LEG_TIME {
        if !client.send(peer, &probe(&token, usize::from(sequence))).await? {
            return Ok(None);
        }
        tokio::select! {
            () = hear(&socket, &token) => {
                return Ok(sent_at.get(usize::from(sequence)).map(Instant::elapsed));
            }
            done = client.run_until(Instant::now() + STEP, |_| false) => { done?; }
        }
    }
    Ok(None)
}

/// To a second allocation at the same server, and back.
async fn with_second(
    client: &mut Client,
    server: &Server,
    relayed: SocketAddr,
) -> io::Result<Option<Duration>> {
    let mut second = Client::open(server.clone()).await?;
    let until = Instant::now() + GRANT_TIME;
    second.run_until(until, |second| second.granted.is_some()).await?;
    let other = match second.granted {
        Some(Granted::Relayed(_)) => second.relayed_for(relayed.ip()),
        _ => None,
    };
    let Some(other) = other else { return Ok(None) };
    client.permit(other);
    second.permit(relayed);
    let begin = Instant::now();
    let there = pass(client, &mut second, other).await?;
    let back = there && pass(&mut second, client, relayed).await?;
    let taken = begin.elapsed();
    second.close().await;
    Ok(back.then_some(taken))
}

/// From one allocation to the address of another.
async fn pass(from: &mut Client, to: &mut Client, address: SocketAddr) -> io::Result<bool> {
    let token = token();
    let begin = Instant::now();
    while begin.elapsed() < LEG_TIME && !from.refuses(address.ip()) {
        if !from.send(address, &probe(&token, 0)).await? {
            return Ok(false);
        }
        let until = Instant::now() + STEP;
        tokio::select! {
            done = to.run_until(until, |to| came(to, &token).is_some()) => {
                if done? {
                    return Ok(true);
                }
            }
            done = from.run_until(until + STEP, |_| false) => { done?; }
        }
    }
    Ok(false)
}

fn probe(token: &str, sequence: usize) -> Vec<u8> {
    let mut buffer = [0; PROOF_BYTES_MAX];
    let length = write_proof(&mut buffer, token, sequence as u16).unwrap_or_default();
    buffer[..length].to_vec()
}

/// The peer whose probe came through the relay, and its number.
fn came(client: &Client, token: &str) -> Option<(SocketAddr, u16)> {
    client.received.iter().find_map(|(peer, payload)| {
        let (theirs, sequence) = read_proof(payload)?;
        (theirs == token).then_some((*peer, sequence))
    })
}

/// Waits for a probe.
async fn hear(socket: &UdpSocket, token: &str) {
    let mut buffer = [0; 2048];
    loop {
        let Ok((length, _)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(STEP).await;
            continue;
        };
        if read_proof(&buffer[..length]).is_some_and(|(theirs, _)| theirs == token) {
            return;
        }
    }
}
