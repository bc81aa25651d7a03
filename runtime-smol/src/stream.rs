//! One TCP connection's registration.
use std::io;
use std::task::{Context, Waker};

use async_io::Async;
use pinhole_core::StreamId;
use pinhole_runtime::{Descriptor, Stream, Streams};

/// What the reactor was asked to say of one connection. Dropping it takes it back.
pub(crate) struct StreamRegistration {
    io: Async<Descriptor>,
    waker: Waker,
}

impl StreamRegistration {
    /// Makes a connection known to the reactor, which wakes `waker`.
    pub(crate) fn new(waker: Waker, stream: &Stream) -> io::Result<StreamRegistration> {
        Ok(StreamRegistration { io: Async::new(stream.descriptor())?, waker })
    }

    /// Tells the connection what the reactor said, and begins to wait for what it says next. An
    /// error of the reactor's is left to the connection: its own calls meet it too.
    pub(crate) fn hear(&self, id: StreamId, streams: &mut Streams) {
        let mut context = Context::from_waker(&self.waker);
        if self.io.poll_readable(&mut context).is_ready() {
            streams.on_readable(id);
            // Only a look that finds nothing waits: one more, and else another in the next turn.
            if self.io.poll_readable(&mut context).is_ready() {
                self.waker.wake_by_ref();
            }
        }
        let wants_room = streams.get(id).is_some_and(Stream::wants_room);
        if wants_room && self.io.poll_writable(&mut context).is_ready() {
            streams.on_writable(id);
        }
    }
}
