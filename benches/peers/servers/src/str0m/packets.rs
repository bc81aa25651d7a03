//! RTP payloads of a frame (RFC 6184), made once for all viewers.

use std::sync::Arc;

use peers::frames::nals;

/// Bytes of a payload.
const BYTES_MAX: usize = 1150;

/// Single NAL units, and fragments (FU-A) of about the same size each, so that they make runs.
pub(crate) fn of_frame(frame: &[u8]) -> Vec<Arc<[u8]>> {
    let mut packets: Vec<Arc<[u8]>> = Vec::new();
    for nal in nals(frame) {
        if nal.len() <= BYTES_MAX {
            packets.push(nal.into());
            continue;
        }
        let (indicator, kind) = ((nal[0] & 0xe0) | 28, nal[0] & 31);
        let body = &nal[1..];
        let count = body.len().div_ceil(BYTES_MAX - 2);
        let parts = body.chunks(body.len().div_ceil(count));
        for (place, part) in parts.enumerate() {
            let begin = if place == 0 { 0x80 } else { 0 };
            let end = if place + 1 == count { 0x40 } else { 0 };
            packets.push([&[indicator, kind | begin | end], part].concat().into());
        }
    }
    packets
}
