//! Frames as plain RTP, for servers that take that (Janus).
//!
//! ```text
//! rtp-source --file FILE --fps 60 --to IP:PORT [--stamp] [--pause-us 100] [--seconds 900]
//! ```

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use anyhow::Result;
use peers::frames::nals;
use peers::{Args, Frames};

/// Bytes of an RTP payload.
const PAYLOAD_BYTES_MAX: usize = 1188;
/// A pause after so many packets lets Janus' socket, of default size, take a large frame.
const PACKETS_BETWEEN_PAUSES: u64 = 16;
const SSRC: u32 = 0x1122_3344;
const PAYLOAD_TYPE: u8 = 96;
const MARKER: u8 = 0x80;

fn main() -> Result<()> {
    let args = Args::of_process();
    let frames = Frames::of(&args)?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(args.needed::<String>("to")?)?;
    let pause = Duration::from_micros(args.or("pause-us", 0)?);
    let end = Instant::now() + Duration::from_secs(args.or("seconds", 900)?);
    let (mut sequence, mut sent) = (1_u16, 0_u64);
    for index in 0.. {
        if Instant::now() > end {
            break;
        }
        std::thread::sleep(frames.due(index).saturating_duration_since(Instant::now()));
        let frame = frames.frame(index);
        // RTP times wrap around.
        let time = frames.rtp_time(index) as u32;
        let payloads = payloads(&frame);
        for (place, payload) in payloads.iter().enumerate() {
            let marker = if place + 1 == payloads.len() { MARKER } else { 0 };
            let mut packet = vec![0x80, PAYLOAD_TYPE | marker];
            packet.extend_from_slice(&sequence.to_be_bytes());
            packet.extend_from_slice(&time.to_be_bytes());
            packet.extend_from_slice(&SSRC.to_be_bytes());
            packet.extend_from_slice(payload);
            // Janus may not listen yet.
            let _ = socket.send(&packet);
            sequence = sequence.wrapping_add(1);
            sent += 1;
            if !pause.is_zero() && sent.is_multiple_of(PACKETS_BETWEEN_PAUSES) {
                std::thread::sleep(pause);
            }
        }
    }
    Ok(())
}

/// RFC 6184: single NAL units, and FU-A.
fn payloads(frame: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for nal in nals(frame) {
        if nal.len() <= PAYLOAD_BYTES_MAX {
            payloads.push(nal.to_vec());
            continue;
        }
        let (indicator, kind) = ((nal[0] & 0xe0) | 28, nal[0] & 31);
        let parts: Vec<&[u8]> = nal[1..].chunks(PAYLOAD_BYTES_MAX - 2).collect();
        for (place, part) in parts.iter().enumerate() {
            let begin = if place == 0 { 0x80 } else { 0 };
            let end = if place + 1 == parts.len() { 0x40 } else { 0 };
            payloads.push([&[indicator, kind | begin | end], *part].concat());
        }
    }
    payloads
}
