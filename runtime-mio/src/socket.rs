//! One socket's registration.
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use pinhole_runtime::Socket;

/// What the system was asked to say of one socket. Closing the socket takes it back.
pub(crate) struct Registration {
    token: Token,
    blocked: bool,
}

impl Registration {
    /// Asks for what arrives at a socket.
    pub(crate) fn new(
        registry: &Registry,
        token: Token,
        socket: &Socket,
    ) -> io::Result<Registration> {
        let fd = socket.descriptor().as_fd().as_raw_fd();
        registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
        Ok(Registration { token, blocked: false })
    }

    /// Asks for room to send while the socket lacks it, and not otherwise.
    pub(crate) fn update(&mut self, registry: &Registry, socket: &Socket) -> io::Result<()> {
        if socket.is_blocked() == self.blocked {
            return Ok(());
        }
        self.blocked = socket.is_blocked();
        let room = self.blocked.then_some(Interest::WRITABLE);
        let interest = room.map_or(Interest::READABLE, |room| room | Interest::READABLE);
        let fd = socket.descriptor().as_fd().as_raw_fd();
        // Says anew what is ready now, so nothing is missed between.
        registry.reregister(&mut SourceFd(&fd), self.token, interest)
    }

    /// Tells the socket what the system said.
    pub(crate) fn hear(&self, event: &Event, socket: &mut Socket) {
        // An error is read like a datagram.
        if event.is_readable() || event.is_error() {
            socket.on_readable();
        }
        if event.is_writable() {
            socket.on_writable();
        }
    }
}
