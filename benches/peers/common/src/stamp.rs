//! The moment at which a frame was handed to a server, as an SEI in front of it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Names the SEI.
const ID: &[u8; 16] = b"PEERS-S3-LATENCY";
/// Bytes at the begin of a payload among which it is looked for.
const LOOKED_AT: usize = 400;

/// Nanoseconds since 1970, by the clock that also stamps what the kernel receives.
pub fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// Writes an SEI (user data, unregistered) with the time in hexadecimal, where no byte needs escaping.
pub fn write(out: &mut Vec<u8>, ns: u64) {
    out.extend_from_slice(&[0, 0, 0, 1, 0x06, 0x05, 32]);
    out.extend_from_slice(ID);
    out.extend_from_slice(format!("{ns:016x}").as_bytes());
    out.push(0x80);
}

/// The time in an RTP payload that begins a frame.
pub fn find(payload: &[u8]) -> Option<u64> {
    let head = &payload[..payload.len().min(LOOKED_AT)];
    let at = head.windows(ID.len()).position(|window| window == ID)? + ID.len();
    let digits = std::str::from_utf8(head.get(at..at + 16)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}
