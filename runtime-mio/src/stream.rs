//! One TCP connection's registration.
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use pinhole_core::StreamId;
use pinhole_runtime::{Descriptor, Stream, Streams};

/// That the system was asked to say of a connection when it can be read or written. Closing the
/// connection takes it back.
pub(crate) struct StreamRegistration {
    /// Keeps the descriptor's number from being another's while events of it may be on their way.
    _descriptor: Descriptor,
}

impl StreamRegistration {
    /// Asks for what a connection brings, and for room to write: TCP says so only when there was
    /// none.
    pub(crate) fn new(
        registry: &Registry,
        token: Token,
        stream: &Stream,
    ) -> io::Result<StreamRegistration> {
        let descriptor = stream.descriptor();
        let fd = descriptor.as_fd().as_raw_fd();
        registry.register(&mut SourceFd(&fd), token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(StreamRegistration { _descriptor: descriptor })
    }

    /// Tells the connection what the system said.
    pub(crate) fn hear(&self, event: &Event, id: StreamId, streams: &mut Streams) {
        // An error and the end are read like bytes.
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            streams.on_readable(id);
        }
        if event.is_writable() {
            streams.on_writable(id);
        }
    }
}
