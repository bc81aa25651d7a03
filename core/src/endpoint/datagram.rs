//! Datagrams in and out, frames in: the bytes that cross the endpoint's border.

use std::net::SocketAddr;
use std::time::Instant;

use crate::base::StreamId;

/// How a datagram travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Plain UDP.
    Udp,
    /// Bytes of a TCP or TLS connection, framed by us. Only in a [`Transmit`]: what comes in goes to
    /// [`Endpoint::handle_stream_data`](super::Endpoint::handle_stream_data).
    Stream(StreamId),
}

/// One datagram as it came from a socket.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// The address it was sent to (pktinfo), with the socket's port. May be one we do not offer (loopback, say).
    pub local: SocketAddr,
    /// The address it came from.
    pub remote: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// Datagrams to send: a run of equal-sized ones (the last may be shorter) to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// The address to send from.
    pub local: SocketAddr,
    /// The address to send to.
    pub remote: SocketAddr,
    /// How to send.
    pub transport: Transport,
    /// Bytes per datagram. Equal to `len` when there is one, and on a stream.
    pub segment_size: usize,
    /// Bytes in the caller's buffer, all datagrams together.
    pub len: usize,
}

/// One access unit to send.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Annex B, one access unit.
    pub data: &'a [u8],
    /// When it was captured: decides its RTP timestamp.
    pub captured: Instant,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameReport {
    /// RTP packets it was cut into.
    pub packets: usize,
    /// Viewers it was sent to.
    pub viewers: usize,
    /// Connected viewers that lost it whole: too slow, or waiting for an IDR.
    pub skipped: usize,
    /// Whether it holds an IDR picture.
    pub keyframe: bool,
}
