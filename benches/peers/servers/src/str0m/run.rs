//! Datagrams of one size to one viewer, in one call (UDP GSO).

use std::mem::zeroed;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

/// Datagrams of one call; the kernel takes 64.
const DATAGRAMS_MAX: usize = 60;
/// Bytes of one call; the kernel takes 65,535 with headers.
const BYTES_MAX: usize = 64_000;

/// Datagrams that wait for each other.
#[derive(Default)]
pub(crate) struct Run {
    datagrams: Vec<Vec<u8>>,
    to: Option<SocketAddr>,
    bytes: usize,
}

impl Run {
    /// Adds a datagram; sends those before it, if it does not fit behind them.
    pub(crate) fn add(&mut self, datagram: Vec<u8>, to: SocketAddr, socket: &UdpSocket) {
        let size = self.datagrams.first().map_or(datagram.len(), Vec::len);
        // All but the last have the size of the first.
        let is_cut = self.datagrams.last().is_some_and(|last| last.len() < size);
        let fits = self.to.is_none_or(|before| before == to)
            && !is_cut
            && datagram.len() <= size
            && self.datagrams.len() < DATAGRAMS_MAX
            && self.bytes + datagram.len() <= BYTES_MAX;
        if !fits {
            self.send(socket);
        }
        self.to = Some(to);
        self.bytes += datagram.len();
        self.datagrams.push(datagram);
    }

    /// Sends what waits. What the kernel does not take is lost.
    pub(crate) fn send(&mut self, socket: &UdpSocket) {
        if let Some(SocketAddr::V4(to)) = self.to.take() {
            let mut name: libc::sockaddr_in = {
                // SAFETY: all zeros is an address of no family.
                unsafe { zeroed() }
            };
            name.sin_family = libc::AF_INET as libc::sa_family_t;
            name.sin_port = to.port().to_be();
            name.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
            self.send_to(socket, &mut name);
        }
        self.datagrams.clear();
        self.bytes = 0;
    }

    fn send_to(&self, socket: &UdpSocket, name: &mut libc::sockaddr_in) {
        let part = |datagram: &Vec<u8>| libc::iovec {
            iov_base: datagram.as_ptr().cast_mut().cast(),
            iov_len: datagram.len(),
        };
        let mut parts: Vec<libc::iovec> = self.datagrams.iter().map(part).collect();
        let mut control = [0_u64; 4];
        // SAFETY: all zeros is a header that points to nothing.
        let mut header: libc::msghdr = unsafe { zeroed() };
        header.msg_name = ptr::from_mut(name).cast();
        header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
        header.msg_iov = parts.as_mut_ptr();
        header.msg_iovlen = parts.len();
        // SAFETY: everything that the header points to lives through the call; the control message has room
        // for the two bytes of a segment's size; the kernel only reads what is sent.
        unsafe {
            if parts.len() > 1 {
                header.msg_control = control.as_mut_ptr().cast();
                header.msg_controllen = libc::CMSG_SPACE(2) as usize;
                let message = libc::CMSG_FIRSTHDR(&header);
                (*message).cmsg_level = libc::SOL_UDP;
                (*message).cmsg_type = libc::UDP_SEGMENT;
                (*message).cmsg_len = libc::CMSG_LEN(2) as usize;
                let size = self.datagrams[0].len() as u16;
                ptr::write_unaligned(libc::CMSG_DATA(message).cast(), size);
            }
            libc::sendmsg(socket.as_raw_fd(), &header, 0);
        }
    }
}
