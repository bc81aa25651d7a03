//! Checks of ours that are on their way to where nothing came from yet.
//!
//! We know the viewer's candidates before it knows ours, so our first checks reach it first, and it
//! answers before it asks anything itself. Such an answer comes from an address that belongs to nobody
//! yet; its transaction id, which only who got the check can know, says whose it is (RFC 8445 §7.2.5.2).
//! Without it our side of the pair would wait for str0m's next check, 120 ms on loopback, and DTLS with
//! it. An answer is no route: the address becomes the session's with a check of the viewer's own.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use super::SessionId;
use super::routes::Via;

/// Checks remembered; the oldest is forgotten. What a viewer with ten candidates is sent at once, for
/// a hundred viewers that join at once.
const CHECKS_MAX: usize = 1_024;

/// The latest checks.
#[derive(Debug, Default)]
pub(super) struct FirstChecks {
    by_id: BTreeMap<u128, Sent>,
    oldest_first: VecDeque<u128>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    session: SessionId,
    via: Via,
    remote: SocketAddr,
}

impl FirstChecks {
    /// Notes that a check left, with this transaction id.
    pub(super) fn on_sent(&mut self, id: u128, session: SessionId, via: Via, remote: SocketAddr) {
        if self.by_id.insert(id, Sent { session, via, remote }).is_some() {
            return;
        }
        self.oldest_first.push_back(id);
        if self.oldest_first.len() > CHECKS_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }

    /// Whose check it was, if the answer came from where that one went. It is good for one answer.
    pub(super) fn take(&mut self, id: u128, via: Via, remote: SocketAddr) -> Option<SessionId> {
        let sent = self.by_id.get(&id).filter(|sent| (sent.via, sent.remote) == (via, remote))?;
        let session = sent.session;
        self.by_id.remove(&id);
        Some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn an_answer_belongs_to_whose_check_went_there_once() {
        let mut checks = FirstChecks::default();
        checks.on_sent(7, SessionId(1), Via::Socket, remote(5));

        assert_eq!(checks.take(8, Via::Socket, remote(5)), None, "another transaction");
        assert_eq!(checks.take(7, Via::Socket, remote(6)), None, "from elsewhere");
        assert_eq!(checks.take(7, Via::Relay(remote(9)), remote(5)), None, "by another way");
        assert_eq!(checks.take(7, Via::Socket, remote(5)), Some(SessionId(1)));
        assert_eq!(checks.take(7, Via::Socket, remote(5)), None, "a second time");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut checks = FirstChecks::default();
        for id in 0..3 * CHECKS_MAX as u128 {
            checks.on_sent(id, SessionId(1), Via::Socket, remote(5));
        }

        let first = 2 * CHECKS_MAX as u128;
        assert_eq!(checks.by_id.len(), CHECKS_MAX);
        assert_eq!(checks.take(first - 1, Via::Socket, remote(5)), None);
        assert_eq!(checks.take(first, Via::Socket, remote(5)), Some(SessionId(1)));
    }
}
