//! Connections: their bytes are cut into messages again, because a message is what can be told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use super::Recorder;
use crate::base::StreamId;
use crate::trace::entry::What;
use crate::trace::packet::{Direction, Leg};
use crate::turn;

/// Bytes of a message that is not all there yet: the longest frame of RFC 4571 and some.
const INBOX_BYTES_MAX: usize = 70_000;

/// The connections that are known.
#[derive(Default)]
pub(super) struct StreamTexts {
    known: BTreeMap<StreamId, StreamText>,
}

struct StreamText {
    framing: Framing,
    inbox: Vec<u8>,
    broken: bool,
}

/// How messages are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::trace) enum Framing {
    /// RFC 4571: a viewer's.
    Length,
    /// RFC 8656 §12.5: a TURN server's.
    Turn,
}

impl StreamTexts {
    pub(super) fn open(&mut self, id: StreamId, framing: Framing) {
        let text = StreamText { framing, inbox: Vec::new(), broken: false };
        self.known.insert(id, text);
    }

    pub(super) fn close(&mut self, id: StreamId) {
        self.known.remove(&id);
    }
}

impl Recorder {
    /// Tells a connection that a viewer made; without an id the endpoint refused it.
    pub fn on_stream_accepted(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        stream: Option<StreamId>,
    ) {
        if let Some(id) = stream {
            self.streams.open(id, Framing::Length);
        }
        let local = self.scrub.addresses.socket(local);
        let remote = self.scrub.addresses.socket(remote);
        let stream = stream.map(|id| id.0);
        self.tell(now, What::StreamAccepted { local, remote, stream });
    }

    /// Tells that a connection which the endpoint asked for is up.
    pub fn on_stream_connected(&mut self, now: Instant, stream: StreamId) {
        self.tell(now, What::StreamConnected { stream: stream.0 });
    }

    /// Tells bytes that came on a connection.
    pub fn on_stream_data(&mut self, now: Instant, stream: StreamId, bytes: &[u8]) {
        let Some(text) = self.streams.known.get_mut(&stream).filter(|text| !text.broken) else {
            return;
        };
        let framing = text.framing;
        let mut inbox = std::mem::take(&mut text.inbox);
        inbox.extend_from_slice(bytes);
        let rest = self.on_messages(now, Direction::In, stream, framing, &inbox);
        let broken = rest.is_none_or(|rest| rest.len() > INBOX_BYTES_MAX);
        let rest = rest.map(<[u8]>::to_vec).unwrap_or_default();
        if let Some(text) = self.streams.known.get_mut(&stream) {
            (text.inbox, text.broken) = (rest, broken);
        }
        if broken {
            self.tell(now, What::StreamBroken { stream: stream.0 });
        }
    }

    /// Tells that a connection takes no more, or does again.
    pub fn on_stream_blocked(&mut self, now: Instant, stream: StreamId, blocked: bool) {
        self.tell(now, What::StreamBlocked { stream: stream.0, blocked });
    }

    /// Tells that a connection ended.
    pub fn on_stream_closed(&mut self, now: Instant, stream: StreamId) {
        self.streams.close(stream);
        self.tell(now, What::StreamClosed { stream: stream.0 });
    }

    pub(super) fn on_stream_out(&mut self, now: Instant, stream: StreamId, bytes: &[u8]) {
        let Some(framing) = self.streams.known.get(&stream).map(|text| text.framing) else {
            return;
        };
        self.on_messages(now, Direction::Out, stream, framing, bytes);
    }

    /// Tells all whole messages; what is left. `None`: these are none.
    fn on_messages<'a>(
        &mut self,
        now: Instant,
        direction: Direction,
        stream: StreamId,
        framing: Framing,
        mut bytes: &'a [u8],
    ) -> Option<&'a [u8]> {
        while let Some((header, len)) = next_message(framing, bytes)? {
            let Some((whole, rest)) = bytes.split_at_checked(header + len) else { break };
            let message = whole.get(header..).unwrap_or_default();
            self.on_packet(now, direction, Leg::Stream(stream.0), message);
            bytes = rest;
        }
        Some(bytes)
    }
}

/// Bytes before the next message, and its own. Inside `None`: too few to tell. Outside: it is none.
#[expect(clippy::option_option, reason = "not yet and never are different things")]
fn next_message(framing: Framing, bytes: &[u8]) -> Option<Option<(usize, usize)>> {
    match framing {
        Framing::Length => {
            let len = bytes.first_chunk::<2>();
            Some(len.map(|len| (2, usize::from(u16::from_be_bytes(*len)))))
        }
        Framing::Turn => Some(turn::next_message(bytes).ok()?.map(|len| (0, len))),
    }
}
