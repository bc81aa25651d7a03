//! When a request is sent again, and when its sender gives up: RFC 8489 §6.2.1 and §6.2.2.

use std::time::{Duration, Instant};

/// How often and how long a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Time to the first retransmission; it doubles with each.
    pub(crate) first: Duration,
    /// The longest time between two.
    pub(crate) most: Duration,
    /// Transmissions in all; 1 over a reliable transport.
    pub(crate) transmissions: u32,
    /// Time for an answer after the last transmission.
    pub(crate) last: Duration,
}

impl Schedule {
    /// Over UDP: 0, 0.25, 0.75, 1.75, 3.75 s, and over after 7.75 s. RFC 8489 begins at 0.5 s and
    /// gives up after 39.5; a server that has not answered by then is of no use to a viewer, and is
    /// tried again later from the start.
    pub(crate) const UDP: Schedule = Schedule {
        first: Duration::from_millis(250),
        most: Duration::from_secs(4),
        transmissions: 5,
        last: Duration::from_secs(4),
    };
    /// Over TCP and TLS: once, and over after 10 s (RFC 8489 §6.2.2 has 39.5 s).
    pub(crate) const RELIABLE: Schedule = Schedule {
        first: Duration::from_secs(10),
        most: Duration::from_secs(10),
        transmissions: 1,
        last: Duration::from_secs(10),
    };
}

/// One request's timer. Made when the request is due for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retransmission {
    schedule: Schedule,
    sent: u32,
    interval: Duration,
    at: Instant,
}

/// What a timer that is due asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send the request, with the same transaction id (again).
    Send,
    /// Nobody answered.
    GiveUp,
    /// Nothing yet.
    Nothing,
}

impl Retransmission {
    /// Due for its first transmission at `at`.
    pub(crate) fn new(at: Instant, schedule: Schedule) -> Retransmission {
        Retransmission { schedule, sent: 0, interval: schedule.first, at }
    }

    /// When [`Self::on_timeout`] has something to say.
    pub(crate) fn deadline(&self) -> Instant {
        self.at
    }

    /// Whether it was sent more than once: then an answer's round trip is ambiguous (Karn).
    pub(crate) fn is_repeated(&self) -> bool {
        self.sent > 1
    }

    /// Says what is due, and moves on.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> Due {
        if now < self.at {
            return Due::Nothing;
        }
        if self.sent >= self.schedule.transmissions {
            return Due::GiveUp;
        }
        self.sent += 1;
        let is_last = self.sent == self.schedule.transmissions;
        self.at = now + if is_last { self.schedule.last } else { self.interval };
        self.interval = (self.interval * 2).min(self.schedule.most);
        Due::Send
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sent_ever_more_seldom_and_given_up() {
        let start = crate::test_clock();
        for (schedule, expected) in
            [(Schedule::UDP, vec![0, 250, 750, 1_750, 3_750]), (Schedule::RELIABLE, vec![0])]
        {
            let mut timer = Retransmission::new(start, schedule);
            let mut sent = Vec::new();
            let over = loop {
                let at = timer.deadline();
                match timer.on_timeout(at) {
                    Due::Send => sent.push((at - start).as_millis()),
                    Due::GiveUp => break at,
                    Due::Nothing => panic!("nothing was due at its own deadline"),
                }
            };
            assert_eq!(sent, expected);
            let most = if schedule == Schedule::UDP { 7_750 } else { 10_000 };
            assert_eq!((over - start).as_millis(), most);
        }
    }
}
