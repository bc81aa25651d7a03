//! Waits as closely as the kernel can: a timeout in milliseconds would have the loop turn in place before each
//! frame, or send it late.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::ptr;
use std::time::Duration;

use anyhow::Result;

/// Waits until there is something to receive, the bell rings, or the time is over.
pub(crate) fn wait(socket: &UdpSocket, rings: &UnixDatagram, time: Duration) -> Result<()> {
    let on = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut fds = [on(socket.as_raw_fd()), on(rings.as_raw_fd())];
    let time =
        libc::timespec { tv_sec: time.as_secs().try_into()?, tv_nsec: time.subsec_nanos().into() };
    // SAFETY: two descriptors and a time, which all live through the call.
    let count = unsafe { libc::ppoll(fds.as_mut_ptr(), 2, &time, ptr::null()) };
    let error = io::Error::last_os_error();
    if count < 0 && error.kind() != io::ErrorKind::Interrupted {
        return Err(error.into());
    }
    Ok(())
}

/// Gives a socket room for bursts, both ways.
pub(crate) fn make_room(socket: &UdpSocket, bytes: i32) -> Result<()> {
    for option in [libc::SO_SNDBUFFORCE, libc::SO_RCVBUFFORCE] {
        let value: *const i32 = &bytes;
        // SAFETY: the option is an int, and so is what is pointed to.
        let done = unsafe {
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value.cast(), 4)
        };
        if done != 0 {
            return Err(io::Error::last_os_error().into());
        }
    }
    Ok(())
}
