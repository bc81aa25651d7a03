//! Datagrams into an endpoint with a session that plays.

use super::joined::Joined;

/// Datagrams of one input; more are ignored.
const DATAGRAMS_MAX: usize = 64;
/// How long a network carries: longer lengths are cut.
const DATAGRAM_BYTES_MAX: usize = 2048;

/// Injects datagrams, written as a length of two bytes (its top bit: from a stranger) and the bytes. What a stranger
/// says changes nothing: the session stays, whatever the bytes.
pub fn datagrams(data: &[u8]) {
    let mut joined = Joined::new();
    let mut only_strangers = true;
    let mut rest = data;
    for _ in 0..DATAGRAMS_MAX {
        let Some((head, after)) = rest.split_first_chunk::<2>() else { break };
        let head = u16::from_be_bytes(*head);
        let from_viewer = head & 0x8000 == 0;
        let length = usize::from(head & 0x7fff).min(DATAGRAM_BYTES_MAX).min(after.len());
        let (datagram, after) = after.split_at(length);
        joined.inject(from_viewer, datagram);
        only_strangers &= !from_viewer;
        rest = after;
        joined.step();
    }
    let stats = joined.endpoint.stats();
    let sessions = stats.connected + stats.connecting + stats.interrupted;
    assert!(sessions <= 1, "{stats:?}");
    assert!(!only_strangers || stats.connected == 1, "a stranger ended a session: {stats:?}");
}

/// Writes datagrams as [`datagrams`] reads them.
pub fn record<'a>(from_viewer: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for datagram in from_viewer {
        let length = datagram.len().min(DATAGRAM_BYTES_MAX);
        out.extend_from_slice(&(length as u16).to_be_bytes());
        out.extend_from_slice(&datagram[..length]);
    }
    out
}
