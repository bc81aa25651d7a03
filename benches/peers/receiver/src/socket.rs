//! Receives datagrams in batches, with the times at which the kernel had them.

use std::io;
use std::mem::zeroed;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use anyhow::Result;
use peers::stamp::now_ns;

/// Datagrams of one call.
pub(crate) const BATCH: usize = 32;
/// Longest datagram.
const BYTES_MAX: usize = 2048;
/// Room for what the kernel says of one.
const CONTROL_BYTES: usize = 128;
/// Room in the socket for what comes while the receiver sleeps.
const SOCKET_BYTES: i32 = 4 << 20;

/// A socket that notes when datagrams came.
pub(crate) fn bind(address: &str) -> Result<UdpSocket> {
    let socket = UdpSocket::bind(format!("{address}:0"))?;
    socket.set_nonblocking(true)?;
    for (option, value) in [(libc::SO_RCVBUFFORCE, SOCKET_BYTES), (libc::SO_TIMESTAMPNS, 1)] {
        let value: *const i32 = &value;
        // SAFETY: the option is an int, and so is what is pointed to.
        let done = unsafe {
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value.cast(), 4)
        };
        if done != 0 {
            return Err(io::Error::last_os_error().into());
        }
    }
    Ok(socket)
}

/// Room for a batch.
pub(crate) struct Batch {
    bytes: Vec<[u8; BYTES_MAX]>,
    control: Vec<[u64; CONTROL_BYTES / 8]>,
    names: Vec<libc::sockaddr_in>,
    headers: Vec<libc::mmsghdr>,
}

impl Batch {
    pub(crate) fn new() -> Batch {
        Batch {
            bytes: vec![[0; BYTES_MAX]; BATCH],
            control: vec![[0; CONTROL_BYTES / 8]; BATCH],
            // SAFETY: all zeros is an address of no family.
            names: unsafe { vec![zeroed(); BATCH] },
            // SAFETY: all zeros is a header that points to nothing.
            headers: unsafe { vec![zeroed(); BATCH] },
        }
    }

    /// Receives what is there, and returns how many came: fewer than [`BATCH`], and no more wait.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> usize {
        let mut parts: Vec<libc::iovec> = Vec::with_capacity(BATCH);
        for index in 0..BATCH {
            let bytes = &mut self.bytes[index];
            parts.push(libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: BYTES_MAX });
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = ptr::from_mut(&mut self.names[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
            header.msg_iov = &mut parts[index];
            header.msg_iovlen = 1;
            header.msg_control = self.control[index].as_mut_ptr().cast();
            header.msg_controllen = CONTROL_BYTES;
        }
        // SAFETY: each header points to buffers of the stated lengths, which live through the call: `parts` never
        // grows beyond its capacity, so its elements stay where they are.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        usize::try_from(count).unwrap_or(0)
    }

    /// One of those received last: its bytes, where it came from, and when, in nanoseconds since 1970.
    pub(crate) fn datagram(&self, index: usize) -> (&[u8], SocketAddr, u64) {
        let length = self.headers[index].msg_len as usize;
        let name = self.names[index];
        let address = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
        let from = SocketAddr::from((address, u16::from_be(name.sin_port)));
        (&self.bytes[index][..length], from, self.time(index).unwrap_or_else(now_ns))
    }

    fn time(&self, index: usize) -> Option<u64> {
        let header = &self.headers[index].msg_hdr;
        // SAFETY: the kernel filled the control buffer, which lies in `self`, and set its length.
        unsafe {
            let mut message = libc::CMSG_FIRSTHDR(header);
            while !message.is_null() {
                let kind = ((*message).cmsg_level, (*message).cmsg_type);
                if kind == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
                    let time: libc::timespec = ptr::read_unaligned(libc::CMSG_DATA(message).cast());
                    return Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64);
                }
                message = libc::CMSG_NXTHDR(header, message);
            }
        }
        None
    }
}
