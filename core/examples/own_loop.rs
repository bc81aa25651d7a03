//! The core in a loop of one's own, on nothing but the standard library: one UDP socket, one
//! thread, frames from a file.
//!
//! ```text
//! cargo run -p pinhole-core --example own_loop -- offer.sdp video.h264 > answer.sdp
//! ```
//!
//! answers the offer on standard output, then streams to whoever made it for a minute. `core/tests/
//! own_loop.rs` runs the loop against a real viewer.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is a shell")]
#![allow(clippy::disallowed_macros, reason = "and a command-line program")]

use std::error::Error;
use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pinhole_core::gather::GatherConfig;
use pinhole_core::h264::nals;
use pinhole_core::{
    Certificate, Datagram, Endpoint, EndpointConfig, Event, Frame, Limits, Seed, SessionState,
    Transport, VideoFormat, WallClock,
};

/// The largest datagram that a viewer sends.
const DATAGRAM_BYTES_MAX: usize = 2_048;

#[allow(dead_code, reason = "the test uses the loop alone")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, offer, video] = arguments.as_slice() else {
        return Err("usage: own_loop OFFER.sdp VIDEO.h264".into());
    };
    let frames = access_units(&std::fs::read(video)?);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut endpoint = endpoint(&socket)?;
    let accepted = endpoint.accept_offer(Instant::now(), &std::fs::read_to_string(offer)?)?;
    println!("{}", accepted.answer);
    let until = Instant::now() + Duration::from_secs(60);
    run(&socket, &mut endpoint, &frames, Duration::from_millis(33), until)?;
    Ok(())
}

/// An endpoint behind one socket, which must be bound to an address of its own.
pub fn endpoint(socket: &UdpSocket) -> Result<Endpoint, Box<dyn Error>> {
    let now = Instant::now();
    let bases = vec![socket.local_addr()?];
    let config = EndpointConfig {
        // A program takes 32 bytes from the operating system: `getrandom::fill`.
        seed: Seed::new([7; 32]),
        wall_clock: WallClock { unix: SystemTime::now().duration_since(UNIX_EPOCH)?, at: now },
        certificate: Certificate::generate()?,
        gather: GatherConfig::lan(bases),
        video: VideoFormat { profile_level_id: "42c01f".parse()? },
        limits: Limits::default(),
        estimator: None,
    };
    Ok(Endpoint::new(now, config)?)
}

/// The loop: wait, receive, fire what is due, hand over the frame that is due, send, read events.
/// Ends at `until`, or when the last viewer is gone.
pub fn run(
    socket: &UdpSocket,
    endpoint: &mut Endpoint,
    frames: &[Vec<u8>],
    interval: Duration,
    until: Instant,
) -> std::io::Result<()> {
    let local = socket.local_addr()?;
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    let mut outgoing = vec![0; Endpoint::TRANSMIT_BYTES_MAX];
    let (mut next_frame, mut frame_due) = (0, Instant::now());
    loop {
        send(socket, endpoint, &mut outgoing)?;
        while let Some(event) = endpoint.poll_event() {
            match event {
                // Only an encoder can answer this; a file starts over with its IDR.
                Event::KeyframeWanted => next_frame = 0,
                Event::Session { state: SessionState::Closed(_), .. } if endpoint.is_idle() => {
                    return Ok(());
                }
                // No servers are configured: nothing is to be connected or resolved.
                _ => {}
            }
        }

        let deadline = endpoint.poll_timeout().map_or(frame_due, |(at, _)| at.min(frame_due));
        let wait = deadline.min(until).saturating_duration_since(Instant::now());
        if let Some((length, remote)) = receive(socket, &mut datagram, wait)? {
            let payload = &datagram[..length];
            let transport = Transport::Udp;
            endpoint
                .handle_datagram(Instant::now(), Datagram { local, remote, transport, payload });
        }

        let now = Instant::now();
        if now >= until {
            return Ok(());
        }
        endpoint.handle_timeout(now);
        if now >= frame_due && !frames.is_empty() {
            let data = &frames[next_frame % frames.len()];
            endpoint.send_frame(now, Frame { data, captured: frame_due });
            next_frame += 1;
            frame_due += interval;
        }
    }
}

/// Takes everything that the endpoint has to send. A run is a batch for UDP GSO; here its
/// datagrams are sent one by one.
fn send(socket: &UdpSocket, endpoint: &mut Endpoint, buffer: &mut [u8]) -> std::io::Result<()> {
    while let Some(transmit) = endpoint.poll_transmit(Instant::now(), buffer) {
        for datagram in buffer[..transmit.len].chunks(transmit.segment_size) {
            socket.send_to(datagram, transmit.remote)?;
        }
    }
    Ok(())
}

/// Waits for a datagram. A wait of zero does not: `set_read_timeout` would take it for ever.
fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    wait: Duration,
) -> std::io::Result<Option<(usize, std::net::SocketAddr)>> {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    socket.set_nonblocking(wait.is_zero())?;
    if !wait.is_zero() {
        socket.set_read_timeout(Some(wait))?;
    }
    match socket.recv_from(buffer) {
        Ok(received) => Ok(Some(received)),
        Err(error) if matches!(error.kind(), TimedOut | WouldBlock) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Cuts an Annex B file into access units of one slice each.
#[allow(dead_code, reason = "the test makes its own frames")]
fn access_units(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut units, mut unit) = (Vec::new(), Vec::new());
    for nal in nals(file) {
        unit.extend_from_slice(&[0, 0, 0, 1]);
        unit.extend_from_slice(nal.bytes());
        if nal.kind().is_picture() {
            units.push(std::mem::take(&mut unit));
        }
    }
    units
}
