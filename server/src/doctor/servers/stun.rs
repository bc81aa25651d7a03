//! One question to a STUN server, asked again while it is silent (RFC 8489 §6.2.1, in haste).

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use pinhole_core::stun::{QUESTION_BYTES_MAX, read_answer, write_question};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::way_to;
use crate::sessions::random;

/// When it is asked, counted from the first time.
const ASK_AT_MS: [u64; 5] = [0, 200, 600, 1_200, 2_000];
/// When it is taken for silent.
const SILENT_AFTER: Duration = Duration::from_millis(3_000);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// It saw us there, and the round trip.
    Mapped(SocketAddr, Duration),
    /// It refuses with this code, and the round trip.
    Refused(u16, Duration),
    /// Nothing came.
    Silent,
    /// ICMP says that nothing listens there.
    Closed,
    /// This machine has no way to it.
    NoWay,
}

/// Asks from a socket of its own.
pub(super) async fn ask(server: SocketAddr) -> Reply {
    let connected = async {
        let socket = UdpSocket::bind((way_to(server).await?, 0)).await?;
        socket.connect(server).await?;
        std::io::Result::Ok(socket)
    };
    let Ok(socket) = connected.await else { return Reply::NoWay };
    let begin = Instant::now();
    let mut asked = Vec::new();
    let mut refusals = 0;
    for (place, at) in ASK_AT_MS.into_iter().enumerate() {
        let id = u128::from_be_bytes(random()) >> 32;
        let mut buffer = [0; QUESTION_BYTES_MAX];
        let length = write_question(&mut buffer, id).unwrap_or_default();
        asked.push((id, Instant::now()));
        if let Err(error) = socket.send(&buffer[..length]).await {
            refusals += usize::from(error.kind() == ErrorKind::ConnectionRefused);
        }
        let next = ASK_AT_MS.get(place + 1).copied().map(Duration::from_millis);
        let until = begin + next.unwrap_or(SILENT_AFTER).max(Duration::from_millis(at));
        if let Some(reply) = listen(&socket, until, &asked, &mut refusals).await {
            return reply;
        }
        // Twice, so that a server that is just being restarted is not taken for none.
        if refusals >= 2 {
            return Reply::Closed;
        }
    }
    Reply::Silent
}

async fn listen(
    socket: &UdpSocket,
    until: Instant,
    asked: &[(u128, Instant)],
    refusals: &mut usize,
) -> Option<Reply> {
    let mut buffer = [0; 2048];
    loop {
        match timeout_at(until, socket.recv(&mut buffer)).await {
            Ok(Ok(length)) => {
                let Some((id, answer)) = read_answer(&buffer[..length]) else { continue };
                let Some((_, at)) = asked.iter().find(|(ours, _)| *ours == id) else { continue };
                return Some(match answer {
                    Ok(mapped) => Reply::Mapped(mapped, at.elapsed()),
                    Err(code) => Reply::Refused(code, at.elapsed()),
                });
            }
            Ok(Err(_)) => *refusals += 1,
            Err(_) => return None,
        }
    }
}
