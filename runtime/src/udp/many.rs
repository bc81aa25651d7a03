//! `sendmmsg`: several datagrams to one address in one system call.
//!
//! Own code over `libc`, because no crate fits: rustix has the call but no control message for a source
//! address; nix has both, but what it keeps between calls holds pointers and cannot change threads;
//! quinn-udp and socket2 lack the call. Here nothing is kept: all datagrams share one address and one
//! control message, and the headers of a call lie on the stack.

/// Datagrams of one call: a whole run, as with GSO.
pub(super) const DATAGRAMS_MAX: usize = 64;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod call {
    use std::io;
    use std::mem::zeroed;
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::{AsRawFd, BorrowedFd};
    use std::ptr;

    use libc::{
        c_int, c_uint, cmsghdr, in_addr, in_pktinfo, in6_addr, in6_pktinfo, iovec, mmsghdr,
    };
    use socket2::SockAddr;

    use super::DATAGRAMS_MAX;

    /// Room for the longer of the two control messages.
    const CONTROL_WORDS: usize = {
        // SAFETY: it computes with its argument alone.
        let bytes = unsafe { libc::CMSG_SPACE(size_of::<in6_pktinfo>() as c_uint) };
        (bytes as usize).div_ceil(size_of::<usize>())
    };

    /// Which source address the datagrams have, as `sendmsg` reads it.
    #[derive(Default)]
    struct Control {
        /// Words, because it begins with a `cmsghdr`.
        room: [usize; CONTROL_WORDS],
        bytes: usize,
    }

    impl Control {
        /// `None`: that of the socket.
        fn new(source: Option<IpAddr>) -> Control {
            match source {
                None => Control::default(),
                Some(IpAddr::V4(ip)) => {
                    let ipi_spec_dst = in_addr { s_addr: u32::from_ne_bytes(ip.octets()) };
                    let ipi_addr = in_addr { s_addr: 0 };
                    let value = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst, ipi_addr };
                    Control::of(libc::IPPROTO_IP, libc::IP_PKTINFO, value)
                }
                Some(IpAddr::V6(ip)) => {
                    let ipi6_addr = in6_addr { s6_addr: ip.octets() };
                    let value = in6_pktinfo { ipi6_addr, ipi6_ifindex: 0 };
                    Control::of(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, value)
                }
            }
        }

        fn of<T: Copy>(level: c_int, kind: c_int, value: T) -> Control {
            const { assert!(size_of::<T>() <= size_of::<in6_pktinfo>()) };
            let mut room = [0; CONTROL_WORDS];
            let length = size_of::<T>() as c_uint;
            // SAFETY: the room is aligned for a header and takes it with the larger of both values, which
            // the assertion and `CONTROL_WORDS` see to; the value may be unaligned and is written so.
            let bytes = unsafe {
                let header: *mut cmsghdr = room.as_mut_ptr().cast();
                (*header).cmsg_level = level;
                (*header).cmsg_type = kind;
                (*header).cmsg_len = libc::CMSG_LEN(length) as _;
                ptr::write_unaligned(libc::CMSG_DATA(header).cast(), value);
                libc::CMSG_SPACE(length) as usize
            };
            Control { room, bytes }
        }
    }

    /// Asks whether the system has the call, by sending nothing: an old one says ENOSYS, a filter of
    /// system calls (seccomp) that or EPERM.
    pub(crate) fn probe(socket: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: of no messages nothing is read.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), ptr::null_mut(), 0, 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Sends the first of these datagrams, in order, as many as the system takes. Returns how many they
    /// were; an error is that of the first.
    pub(crate) fn send<'a>(
        socket: BorrowedFd<'_>,
        source: Option<IpAddr>,
        remote: SocketAddr,
        datagrams: impl Iterator<Item = &'a [u8]>,
    ) -> io::Result<usize> {
        let (name, mut control) = (SockAddr::from(remote), Control::new(source));
        let mut parts = [iovec { iov_base: ptr::null_mut(), iov_len: 0 }; DATAGRAMS_MAX];
        // SAFETY: all zeros is a header that points to nothing.
        let mut headers = [unsafe { zeroed::<mmsghdr>() }; DATAGRAMS_MAX];
        // Once: each borrow of the room would end what the pointer before it may be used for.
        let (message, message_bytes) = (control.room.as_mut_ptr(), control.bytes);
        let mut count = 0;
        for ((datagram, part), header) in datagrams.zip(&mut parts).zip(&mut headers) {
            *part =
                iovec { iov_base: datagram.as_ptr().cast_mut().cast(), iov_len: datagram.len() };
            let header = &mut header.msg_hdr;
            header.msg_name = name.as_ptr().cast_mut().cast();
            header.msg_namelen = name.len();
            header.msg_iov = part;
            header.msg_iovlen = 1;
            if message_bytes > 0 {
                header.msg_control = message.cast();
                header.msg_controllen = message_bytes as _;
            }
            count += 1;
        }
        loop {
            // SAFETY: the first `count` headers point to the address, the control message and the parts
            // above and to the caller's datagrams, all of which live through the call, and of which the
            // system reads no more than the lengths beside them. It writes to `msg_len` alone.
            let sent =
                unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, 0) };
            match usize::try_from(sent) {
                Ok(sent) => return Ok(sent),
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
    }
}

/// Where there is no such call.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod call {
    use std::io::{Error, ErrorKind, Result};
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::BorrowedFd;

    pub(crate) fn probe(_: BorrowedFd<'_>) -> Result<()> {
        Err(Error::from(ErrorKind::Unsupported))
    }

    pub(crate) fn send<'a>(
        _: BorrowedFd<'_>,
        _: Option<IpAddr>,
        _: SocketAddr,
        _: impl Iterator<Item = &'a [u8]>,
    ) -> Result<usize> {
        Err(Error::from(ErrorKind::Unsupported))
    }
}

pub(super) use call::{probe, send};
