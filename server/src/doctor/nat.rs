//! How the NAT in front of us behaves, by the core's [`Discovery`] (RFC 5780) over two sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use pinhole_core::Seed;
use pinhole_core::stun::{Discovery, DiscoveryConfig, NatReport, SocketId};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

use super::servers::way_to;
use crate::sessions::random;

/// After the first server has answered, others may.
const OTHERS: Duration = Duration::from_millis(500);

/// Waits for servers that answer, and asks them until `until`. The text of an error says for people
/// why nothing is known.
pub(super) async fn discover(
    mut answered: mpsc::Receiver<SocketAddr>,
    until: Instant,
) -> Result<NatReport, String> {
    let Some(first) = answered.recv().await else {
        return Err(
            "no STUN or TURN server answers over UDP, so the NAT cannot be seen".to_string()
        );
    };
    let mut servers = vec![first];
    let collect = async {
        while let Some(server) = answered.recv().await {
            servers.push(server);
        }
    };
    // The end of the time is the end of waiting.
    let _ = timeout(OTHERS, collect).await;
    servers.sort_by_key(SocketAddr::is_ipv6);
    let failed = |error: io::Error| format!("no socket for it: {error}");
    let local = way_to(servers[0]).await.map_err(failed)?;
    ask(local, servers, until).await.map_err(failed)?.ok_or_else(|| {
        "servers answer too slowly for it; more of them, or nearer ones, make it quick".to_string()
    })
}

async fn ask(
    local: IpAddr,
    servers: Vec<SocketAddr>,
    until: Instant,
) -> io::Result<Option<NatReport>> {
    let main = UdpSocket::bind((local, 0)).await?;
    let second = UdpSocket::bind((local, 0)).await?;
    let config = DiscoveryConfig { seed: Seed::new(random()), local: main.local_addr()?, servers };
    let now = Instant::now();
    let mut discovery = Discovery::new(now, config).map_err(io::Error::other)?;
    discovery.handle_timeout(now);
    let mut buffer = [0; Discovery::TRANSMIT_BYTES_MAX];
    let (mut from_main, mut from_second) = ([0; 2048], [0; 2048]);
    loop {
        while let Some(transmit) = discovery.poll_transmit(&mut buffer) {
            let socket = if transmit.socket == SocketId::MAIN { &main } else { &second };
            // What cannot be sent is silence.
            let _ = socket.send_to(&buffer[..transmit.length], transmit.destination).await;
        }
        if let Some(report) = discovery.poll_event() {
            return Ok(Some(report));
        }
        let next = discovery.poll_timeout().map_or(until, |at| at.min(until));
        let came = tokio::select! {
            came = main.recv_from(&mut from_main) => Some((SocketId::MAIN, came)),
            came = second.recv_from(&mut from_second) => Some((SocketId::SECOND, came)),
            () = sleep_until(next.into()) => None,
        };
        let now = Instant::now();
        if now >= until {
            return Ok(None);
        }
        match came {
            Some((id, Ok((length, from)))) => {
                let bytes = if id == SocketId::MAIN { &from_main } else { &from_second };
                // A stranger's datagram changes nothing.
                let _ = discovery.handle_datagram(now, id, from, &bytes[..length]);
            }
            Some((_, Err(_))) => {}
            None => discovery.handle_timeout(now),
        }
    }
}
