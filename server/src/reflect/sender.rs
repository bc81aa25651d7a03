//! Probes to one target, from a connected socket of its own, so that the system hands us what ICMP
//! answers.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use pinhole_core::stun::{PROOF_BYTES_MAX, write_proof};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use super::protocol::{Target, Tell, Unreachable};

/// How probes to one target leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) count: u16,
    pub(super) spacing: Duration,
    pub(super) listen: Duration,
}

/// Sends probes to the target with this number in the request, from `source` where that has its
/// family, and tells what became of them.
pub(super) async fn send(
    number: usize,
    target: Target,
    source: IpAddr,
    pace: Pace,
    tell: mpsc::Sender<Tell>,
) {
    let refused = |error: io::Error| {
        let text = format!("cannot send to {}: {error}", target.address);
        Tell::Refused { target: number, text }
    };
    let socket = match connect(source, target.address).await {
        Ok(socket) => socket,
        Err(error) => return drop(tell.send(refused(error)).await),
    };
    let mut buffer = [0; PROOF_BYTES_MAX];
    let (mut sent, mut unreachable) = (0, None);
    for sequence in 0..pace.count {
        if sequence > 0 {
            sleep(pace.spacing).await;
        }
        let Some(length) = write_proof(&mut buffer, &target.token, sequence) else {
            let text = "a token is 10 to 32 letters and digits".to_string();
            return drop(tell.send(Tell::Refused { target: number, text }).await);
        };
        // What ICMP said of an earlier one is told instead of sending this one: once more, then.
        for _ in 0..2 {
            match socket.send(&buffer[..length]).await {
                Ok(_) => {
                    sent += 1;
                    break;
                }
                Err(error) => unreachable = unreachable.or(said(&error)),
            }
        }
    }
    let _ = tell.send(Tell::Sent { target: number, count: sent }).await;
    let until = Instant::now() + pace.listen;
    while unreachable.is_none() {
        match timeout_at(until, socket.recv(&mut buffer)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => unreachable = said(&error),
            Err(_) => break,
        }
    }
    if let Some(what) = unreachable {
        let _ = tell.send(Tell::Unreachable { target: number, what }).await;
    }
}

async fn connect(source: IpAddr, target: SocketAddr) -> io::Result<UdpSocket> {
    let any = match target {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let source = if source.is_ipv4() == target.is_ipv4() { source } else { any };
    let socket = UdpSocket::bind((source, 0)).await?;
    hear_icmp(&socket, target)?;
    socket.connect(target).await?;
    Ok(socket)
}

fn said(error: &io::Error) -> Option<Unreachable> {
    match error.kind() {
        ErrorKind::ConnectionRefused => Some(Unreachable::Port),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some(Unreachable::Host),
        _ => None,
    }
}

/// Linux keeps "host unreachable" from a connected socket unless it is asked not to (ip(7)).
#[cfg(target_os = "linux")]
fn hear_icmp(socket: &UdpSocket, target: SocketAddr) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    let (level, option) = match target {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_RECVERR),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    };
    let on: libc::c_int = 1;
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open while `socket` is borrowed, and `on` is an int of that length
    // that the system reads during the call alone.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(target_os = "linux"))]
fn hear_icmp(_: &UdpSocket, _: SocketAddr) -> io::Result<()> {
    Ok(())
}
