//! What a recording makes of the bytes of one packet.

use std::net::SocketAddr;

use super::packet::{DtlsRecord, Packet, Via};
use super::scrub_sdp::Scrub;
use super::scrub_stun::unwrap_indication;
use crate::wire::{Kind, demux};

/// DTLS records of one datagram that are told.
const RECORDS_MAX: usize = 16;
const DTLS_HEADER_BYTES: usize = 13;
const HANDSHAKE: u8 = 22;
/// RFC 5761 §4: payload types that RTCP has, marker included.
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

/// A packet, read as far as it is told.
pub(super) struct Sight {
    pub(super) via: Option<Via>,
    pub(super) what: Seen,
    /// Bytes of it, without what wraps it.
    pub(super) len: usize,
}

/// What it is.
pub(super) enum Seen {
    /// One to tell by itself.
    Packet(Packet),
    /// SRTP, of this SSRC and sequence number.
    Rtp(u32, u16),
    /// SRTCP.
    Rtcp,
}

/// Reads a packet, and out of ChannelData and indications what they carry.
pub(super) fn sight(scrub: &mut Scrub, bytes: &[u8]) -> Sight {
    let (via, inner) = unwrap(scrub, bytes);
    let what = match demux(inner) {
        Some(Kind::Stun) => match scrub.stun(inner) {
            Some(message) => Seen::Packet(Packet::Stun(message)),
            None => other(inner),
        },
        Some(Kind::Dtls) => Seen::Packet(Packet::Dtls(dtls_records(inner))),
        Some(Kind::Media) => media(inner),
        None => other(inner),
    };
    Sight { via, what, len: inner.len() }
}

/// What TURN had wrapped a packet in, and the packet.
pub(super) fn unwrap<'a>(scrub: &mut Scrub, bytes: &'a [u8]) -> (Option<Via>, &'a [u8]) {
    match bytes.first() {
        // RFC 8656 §12.4: number, length, data, and over TCP padding.
        Some(64..=79) => {
            let Some((head, data)) = bytes.split_first_chunk::<4>() else { return (None, bytes) };
            let number = u16::from_be_bytes([head[0], head[1]]);
            let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
            (Some(Via::Channel(number)), data.get(..len).unwrap_or(data))
        }
        Some(0..=3) => match unwrap_indication(bytes) {
            Some((peer, data)) => (Some(Via::Peer(hidden(scrub, peer))), data),
            None => (None, bytes),
        },
        _ => (None, bytes),
    }
}

fn hidden(scrub: &mut Scrub, peer: SocketAddr) -> SocketAddr {
    scrub.addresses.socket(peer)
}

fn other(bytes: &[u8]) -> Seen {
    Seen::Packet(Packet::Other(bytes.first().copied()))
}

fn media(bytes: &[u8]) -> Seen {
    match (bytes.get(1), bytes.get(2..4), bytes.get(8..12)) {
        (Some(kind), ..) if RTCP_TYPES.contains(kind) => Seen::Rtcp,
        (_, Some(&[a, b]), Some(&[c, d, e, f])) => {
            Seen::Rtp(u32::from_be_bytes([c, d, e, f]), u16::from_be_bytes([a, b]))
        }
        _ => other(bytes),
    }
}

/// RFC 6347 §4.1: type, version, epoch, sequence number, length, fragment.
pub(super) fn dtls_records(mut bytes: &[u8]) -> Vec<DtlsRecord> {
    let mut records = Vec::new();
    while let Some(content) = bytes.first().copied().filter(|_| records.len() < RECORDS_MAX) {
        let Some((head, rest)) = bytes.split_first_chunk::<DTLS_HEADER_BYTES>() else { break };
        if content >= 32 {
            records.push(DtlsRecord { content, epoch: 0, handshake: None, len: len16(bytes) });
            break;
        }
        let epoch = u16::from_be_bytes([head[3], head[4]]);
        let len = u16::from_be_bytes([head[11], head[12]]);
        let in_clear = content == HANDSHAKE && epoch == 0;
        let handshake = rest.first().copied().filter(|_| in_clear);
        records.push(DtlsRecord { content, epoch, handshake, len });
        bytes = rest.get(usize::from(len)..).unwrap_or_default();
    }
    records
}

fn len16(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX)
}
