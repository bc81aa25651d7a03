//! Packets on their way into str0m: numbered and timed, a part of a frame at a time.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use str0m::media::{MediaTime, Pt};
use str0m::rtp::{AbsCaptureTime, ExtensionValues, RtpWrite, StreamTx};

use crate::base::WallClock;
use crate::h264::Packet;

/// A frame this long after the last one that carried its capture time carries it again: in between,
/// receivers go on by RTP time (Chromium for five seconds), and on every packet it would be a
/// hundredth of all bytes.
const CAPTURE_TIME_EVERY: Duration = Duration::from_secs(1);

/// The packets of one viewer's stream.
#[derive(Debug)]
pub(super) struct Writer {
    pt: Pt,
    /// Extended sequence number of the next packet.
    next_sequence: u64,
    /// What str0m is given as soon as it has sent what came before.
    unwritten: VecDeque<Unwritten>,
    wall_clock: WallClock,
    /// When the last frame that carries it was captured.
    capture_told: Option<Instant>,
}

/// A packet that str0m has not been given yet.
#[derive(Debug)]
struct Unwritten {
    packet: Packet,
    captured: Instant,
    rtp_time: u32,
    /// Whether it carries its capture time.
    tells_capture: bool,
}

impl Writer {
    /// `first_sequence` is 16 bits, so that the viewer starts with our rollover count of 0.
    pub(super) fn new(pt: Pt, first_sequence: u16, wall_clock: WallClock) -> Writer {
        Writer {
            pt,
            next_sequence: u64::from(first_sequence),
            unwritten: VecDeque::new(),
            wall_clock,
            capture_told: None,
        }
    }

    pub(super) fn pt(&self) -> Pt {
        self.pt
    }

    /// Extended sequence number of the last packet that str0m was given.
    pub(super) fn last_sequence(&self) -> Option<u64> {
        self.next_sequence.checked_sub(1)
    }

    /// Takes a frame, to be written in parts.
    pub(super) fn take(&mut self, captured: Instant, rtp_time: u32, packets: &[Packet]) {
        let told = self.capture_told;
        // On all packets of a frame or none, so that they have one size.
        let tells_capture = told.is_none_or(|told| captured >= told + CAPTURE_TIME_EVERY);
        if tells_capture {
            self.capture_told = Some(captured);
        }
        let packets = packets.iter().cloned();
        let packets = packets.map(|packet| Unwritten { packet, captured, rtp_time, tells_capture });
        self.unwritten.extend(packets);
    }

    pub(super) fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    pub(super) fn forget_unwritten(&mut self) {
        self.unwritten.clear();
    }

    /// Gives str0m so many of the packets that it does not have yet.
    pub(super) fn write(&mut self, stream: &mut StreamTx, most: usize) {
        let part = self.unwritten.len().min(most);
        for Unwritten { packet, captured, rtp_time, tells_capture } in self.unwritten.drain(..part)
        {
            let abs_capture_time = tells_capture.then(|| AbsCaptureTime {
                capture_time: SystemTime::UNIX_EPOCH + self.wall_clock.unix_at(captured),
                clock_offset: None,
            });
            // No playout delay is asked for on every packet. str0m leaves out what was not negotiated.
            let extensions = ExtensionValues {
                play_delay_min: Some(MediaTime::ZERO),
                play_delay_max: Some(MediaTime::ZERO),
                abs_capture_time,
                ..ExtensionValues::default()
            };
            let sequence = self.next_sequence.into();
            let write = RtpWrite::new(self.pt, sequence, rtp_time, captured, packet.payload);
            stream.write_rtp(write.marker(packet.marker).nackable(true).ext_vals(extensions));
            self.next_sequence += 1;
        }
    }
}
