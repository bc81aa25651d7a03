//! Sorts what the operating system says about a socket.
use std::io::{self, ErrorKind};

use super::socket::Batching;

/// What to do about a socket error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Try again when the socket is ready.
    Later,
    /// Send the run in the next best way.
    Split,
    /// Drop what was sent, count it, go on.
    Ignore,
    /// Bind the socket anew.
    Rebind,
    /// End the loop.
    GiveUp,
}

/// Sorts an error of sending datagrams in this way, or of receiving (plainly).
pub(crate) fn sort(error: &io::Error, batching: Batching) -> Verdict {
    match error.kind() {
        // The queue to the network is full, or nothing has arrived.
        ErrorKind::WouldBlock => return Verdict::Later,
        // The system shut the socket down (`ss --kill`, a suspended machine): it stays deaf for ever.
        ErrorKind::BrokenPipe | ErrorKind::NotConnected | ErrorKind::ConnectionAborted => {
            return Verdict::Rebind;
        }
        _ => {}
    }
    match (error.raw_os_error(), batching) {
        // Not a socket of ours any more: somebody closed our descriptor, and going on would use a
        // stranger's.
        (Some(libc::EBADF | libc::ENOTSOCK), _) => Verdict::GiveUp,
        // A path or device without segmentation says EIO (IPsec, no checksum offload) or EINVAL, and
        // one whose MTU is smaller than a segment EINVAL or EMSGSIZE. Where the reason was another
        // (a source address that is gone), the datagrams by themselves show it.
        (Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE), Batching::Gso) => Verdict::Split,
        // A filter of system calls (seccomp) that was put up after the start. One that says EPERM is not
        // known from a firewall; that is why the call is tried when the socket is bound.
        (Some(libc::ENOSYS), Batching::Sendmmsg) => Verdict::Split,
        // Unreachable networks, firewalls, full device queues, an ICMP error of an earlier datagram:
        // about one viewer's path, and UDP may lose anything. ICE and retransmission deal with it.
        _ => Verdict::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAYS: [Batching; 3] = [Batching::Plain, Batching::Sendmmsg, Batching::Gso];

    fn verdict(errno: i32, batching: Batching) -> Verdict {
        sort(&io::Error::from_raw_os_error(errno), batching)
    }

    #[test]
    fn each_error_has_its_verdict_however_it_was_sent() {
        for way in WAYS {
            assert_eq!(verdict(libc::EAGAIN, way), Verdict::Later);
            assert_eq!(verdict(libc::EPIPE, way), Verdict::Rebind);
            assert_eq!(verdict(libc::ECONNABORTED, way), Verdict::Rebind);
            assert_eq!(verdict(libc::EBADF, way), Verdict::GiveUp);
            for path in [
                libc::ENETUNREACH,
                libc::EHOSTUNREACH,
                libc::EPERM,
                libc::ENOBUFS,
                libc::ECONNREFUSED,
                libc::EADDRNOTAVAIL,
            ] {
                assert_eq!(verdict(path, way), Verdict::Ignore, "errno {path}, {way:?}");
            }
        }
    }

    #[test]
    fn what_refuses_a_way_and_not_the_datagrams_has_the_next_one_tried() {
        for refused in [libc::EIO, libc::EINVAL, libc::EMSGSIZE] {
            assert_eq!(verdict(refused, Batching::Gso), Verdict::Split);
            assert_eq!(verdict(refused, Batching::Sendmmsg), Verdict::Ignore);
            assert_eq!(verdict(refused, Batching::Plain), Verdict::Ignore);
        }
        assert_eq!(verdict(libc::ENOSYS, Batching::Sendmmsg), Verdict::Split);
        assert_eq!(verdict(libc::ENOSYS, Batching::Plain), Verdict::Ignore);
    }
}
