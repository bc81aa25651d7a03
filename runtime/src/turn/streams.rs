//! Connections and the network around in a turn: what happened to them goes to the endpoint.
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use pinhole_core::StreamId;
use pinhole_core::gather::{ServerKind, TurnTransport};

use super::Turn;
use crate::handle::Adopted;
use crate::network::Watch;
use crate::record::RecordedEndpoint;
use crate::shards::LoopConfig;
use crate::stream::{News, TlsClient};

impl Turn {
    /// Reads and writes what can be, and tells the endpoint.
    pub(super) fn run_streams(&mut self) {
        let Turn { endpoint, streams, stats, now, .. } = self;
        streams.run(*now, stats, &mut |id, news| tell(endpoint, *now, id, news));
        self.more |= self.streams.is_ready();
    }

    /// Ends connections that took too long.
    pub(super) fn fire_streams(&mut self) {
        let Turn { endpoint, streams, stats, now, .. } = self;
        streams.fire(*now, stats, &mut |id, news| tell(endpoint, *now, id, news));
    }

    /// Queues what the endpoint wrote to the outbox's room.
    pub(super) fn send_on_stream(&mut self, id: StreamId, len: usize) {
        let Turn { endpoint, streams, outbox, stats, now, .. } = self;
        let bytes = outbox.room().get(..len).unwrap_or_default();
        streams.send(*now, id, bytes, stats, &mut |id, news| tell(endpoint, *now, id, news));
    }

    /// Writes what was queued. What the endpoint is told now it answers in the next turn.
    pub(super) fn flush_streams(&mut self) {
        let Turn { endpoint, streams, stats, now, more, .. } = self;
        streams.run(*now, stats, &mut |id, news| {
            *more = true;
            tell(endpoint, *now, id, news);
        });
        self.more |= self.streams.is_ready();
    }

    /// Begins to connect; where that fails at once, the endpoint answers in the next turn.
    pub(super) fn connect(&mut self, id: StreamId, remote: SocketAddr, tls: Option<&str>) {
        let Turn { endpoint, streams, now, more, .. } = self;
        streams.connect(*now, id, remote, tls, &mut |id, news| {
            *more = true;
            tell(endpoint, *now, id, news);
        });
        self.more |= self.streams.is_ready();
    }

    /// Tells the endpoint the addresses that were found since the last turn.
    pub(super) fn hear_network(&mut self) {
        for (server, addresses) in self.network.names.take() {
            self.endpoint.set_server_addresses(self.now, server, addresses);
        }
        if let Some((udp, tcp)) = self.network.watch.as_ref().and_then(Watch::take) {
            self.endpoint.set_bases(self.now, udp, tcp);
        }
    }

    /// Gives a viewer's connection to the endpoint, with what was read of it.
    pub(super) fn adopt_stream(
        &mut self,
        stream: TcpStream,
        first_bytes: Vec<u8>,
        only_known: bool,
    ) -> Adopted {
        if only_known && !self.endpoint.knows_check(&first_bytes) {
            return Adopted::NotOurs(stream, first_bytes);
        }
        if self.take_stream(stream, &first_bytes) { Adopted::Taken } else { Adopted::Refused }
    }

    /// Whether it was taken.
    fn take_stream(&mut self, stream: TcpStream, first_bytes: &[u8]) -> bool {
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else {
            return false;
        };
        let (local, remote) = (canonical(local), canonical(remote));
        let Some(id) = self.endpoint.accept_stream(self.now, local, remote) else {
            tracing::debug!(%local, %remote, "a connection for ICE is refused: there are too many");
            return false;
        };
        if let Err(error) = self.streams.adopt(id, stream) {
            tracing::debug!(?id, %error, "a connection cannot be taken over");
            self.endpoint.handle_stream_closed(self.now, id);
            return false;
        }
        tracing::debug!(?id, %local, %remote, "a connection for ICE");
        self.stats.stream_bytes_received += first_bytes.len() as u64;
        self.endpoint.handle_stream_data(self.now, id, first_bytes);
        true
    }
}

/// Trusts the system's roots where a server is to speak TLS.
pub(super) fn tls_client(config: &LoopConfig) -> TlsClient {
    let tls =
        |kind: &ServerKind| matches!(kind, ServerKind::Turn { transport: TurnTransport::Tls, .. });
    match config.endpoint.gather.servers.iter().any(|server| tls(&server.kind)) {
        true => TlsClient::with_system_roots(&config.network.roots),
        false => TlsClient::unused(),
    }
}

fn tell(endpoint: &mut RecordedEndpoint, now: Instant, id: StreamId, news: News<'_>) {
    match news {
        News::Connected => {
            tracing::debug!(?id, "connected");
            endpoint.handle_stream_connected(now, id);
        }
        News::Data(bytes) => {
            tracing::trace!(?id, len = bytes.len(), "in");
            endpoint.handle_stream_data(now, id, bytes);
        }
        News::Blocked(blocked) => {
            tracing::debug!(?id, blocked, "a connection takes no more, or does again");
            endpoint.set_stream_blocked(now, id, blocked);
        }
        News::Closed => endpoint.handle_stream_closed(now, id),
    }
}

/// A listener of both families writes an IPv4 address as an IPv6 one; our bases are not so written.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
