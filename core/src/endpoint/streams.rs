//! TCP and TLS connections: those that viewers made (RFC 6544) and those to TURN servers.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Endpoint, StreamId};

impl Endpoint {
    /// Takes a TCP connection that somebody made to one of our TCP bases, to speak ICE on it: its
    /// first bytes are an RFC 4571 frame with a STUN message. `None`: there are too many; close it.
    pub fn accept_stream(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<StreamId> {
        let _ = (now, local, remote);
        None
    }

    /// Tells that a connection that [`Event::Connect`](super::Event::Connect) asked for is up, TLS
    /// included where that was asked for.
    pub fn handle_stream_connected(&mut self, now: Instant, stream: StreamId) {
        let _ = (now, stream);
    }

    /// Takes bytes of a connection, as many as came.
    pub fn handle_stream_data(&mut self, now: Instant, stream: StreamId, bytes: &[u8]) {
        let _ = (now, stream, bytes);
    }

    /// Tells that a connection ended, or could not be made.
    pub fn handle_stream_closed(&mut self, now: Instant, stream: StreamId) {
        let _ = (now, stream);
    }

    /// Tells whether a connection takes more. While it does not, viewers behind it lose frames
    /// whole, and nothing is handed out for it beyond what was.
    pub fn set_stream_blocked(&mut self, now: Instant, stream: StreamId, blocked: bool) {
        let _ = (now, stream, blocked);
    }

    /// Tells the addresses of a server whose name was resolved, the preferred first. `server` is its
    /// place in [`GatherConfig::servers`](crate::gather::GatherConfig::servers).
    pub fn set_server_addresses(
        &mut self,
        now: Instant,
        server: usize,
        addresses: Vec<SocketAddr>,
    ) {
        let _ = (now, server, addresses);
    }

    /// Tells the addresses of our sockets anew: an interface went or came. Viewers whose path is gone
    /// are asked to restart ICE; the others keep theirs.
    pub fn set_bases(&mut self, now: Instant, udp: Vec<SocketAddr>, tcp: Vec<SocketAddr>) {
        let _ = (now, udp, tcp);
    }
}
