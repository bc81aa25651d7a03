//! One socket's registration.
use std::io;
use std::task::{Context, Poll};

use async_io::Async;
use pinhole_runtime::{Descriptor, Socket};

/// What the reactor was asked to say of one socket. Dropping it takes it back.
pub(crate) struct Registration {
    io: Async<Descriptor>,
    blocked: bool,
}

impl Registration {
    /// Makes a socket known to the reactor.
    pub(crate) fn new(socket: &Socket) -> io::Result<Registration> {
        Ok(Registration { io: Async::new(socket.descriptor())?, blocked: false })
    }

    /// Asks for room to send while the socket lacks it, and not otherwise.
    pub(crate) fn update(&mut self, socket: &Socket) {
        self.blocked = socket.is_blocked();
    }

    /// Tells the socket what the reactor said. Ready if it said anything.
    pub(crate) fn hear(
        &self,
        context: &mut Context<'_>,
        socket: &mut Socket,
    ) -> Poll<io::Result<()>> {
        let readable = self.io.poll_readable(context)?.is_ready();
        let writable = self.blocked && self.io.poll_writable(context)?.is_ready();
        if readable {
            socket.on_readable();
        }
        if writable {
            socket.on_writable();
        }
        if readable || writable { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}
