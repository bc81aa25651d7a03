//! Sorts what the operating system says about a socket.
use std::io::{self, ErrorKind};

/// What to do about a socket error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Try again when the socket is ready.
    Later,
    /// Send the run's datagrams one by one.
    Split,
    /// Drop what was sent, count it, go on.
    Ignore,
    /// Bind the socket anew.
    Rebind,
    /// End the loop.
    GiveUp,
}

/// Sorts an error of sending `datagrams` in one call, or of receiving (0).
pub(crate) fn sort(error: &io::Error, datagrams: usize) -> Verdict {
    match error.kind() {
        // The queue to the network is full, or nothing has arrived.
        ErrorKind::WouldBlock => return Verdict::Later,
        // The system shut the socket down (`ss --kill`, a suspended machine): it stays deaf for ever.
        ErrorKind::BrokenPipe | ErrorKind::NotConnected | ErrorKind::ConnectionAborted => {
            return Verdict::Rebind;
        }
        _ => {}
    }
    match error.raw_os_error() {
        // Not a socket of ours any more: somebody closed our descriptor, and going on would use a
        // stranger's.
        Some(libc::EBADF | libc::ENOTSOCK) => Verdict::GiveUp,
        // A path or device without segmentation says EIO (IPsec, no checksum offload) or EINVAL, and
        // one whose MTU is smaller than a segment EINVAL or EMSGSIZE. Where the reason was another
        // (a source address that is gone), the single datagrams show it.
        Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE) if datagrams > 1 => Verdict::Split,
        // Unreachable networks, firewalls, full device queues, an ICMP error of an earlier datagram:
        // about one viewer's path, and UDP may lose anything. ICE and retransmission deal with it.
        _ => Verdict::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(errno: i32, datagrams: usize) -> Verdict {
        sort(&io::Error::from_raw_os_error(errno), datagrams)
    }

    #[test]
    fn each_error_has_its_verdict() {
        assert_eq!(verdict(libc::EAGAIN, 7), Verdict::Later);
        assert_eq!(verdict(libc::EPIPE, 1), Verdict::Rebind);
        assert_eq!(verdict(libc::ECONNABORTED, 0), Verdict::Rebind);
        assert_eq!(verdict(libc::EBADF, 1), Verdict::GiveUp);
        for path in [
            libc::ENETUNREACH,
            libc::EHOSTUNREACH,
            libc::EPERM,
            libc::ENOBUFS,
            libc::ECONNREFUSED,
            libc::EADDRNOTAVAIL,
        ] {
            assert_eq!(verdict(path, 7), Verdict::Ignore, "errno {path}");
        }
    }

    #[test]
    fn only_a_run_of_several_datagrams_is_split() {
        for refused in [libc::EIO, libc::EINVAL, libc::EMSGSIZE] {
            assert_eq!(verdict(refused, 2), Verdict::Split);
            assert_eq!(verdict(refused, 1), Verdict::Ignore);
            assert_eq!(verdict(refused, 0), Verdict::Ignore);
        }
    }
}
