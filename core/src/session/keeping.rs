//! How long packets are kept to be sent again: what the path of the viewer needs, and no longer, for they are most of
//! the memory that a viewer takes.
//!
//! A viewer asks for a lost packet when the next one comes, and again a round trip later where the answer is lost
//! too. What the round trip is, the handshake shows, before the first frame. Who has lost something has its packets kept
//! for as long as may be: on such a path nothing may arrive for half a second, and all of that is asked for at once.

use std::time::Duration;

/// Times that a viewer may ask for one packet.
const TRIES: u32 = 4;
/// Until the viewer gets to asking. What is lost with a change of its address is asked for when its silence was
/// noticed: the picture stands still for 1.68 s at most, and for 1.85 s with half of this time.
const ASKS_WITHIN: Duration = Duration::from_millis(400);

/// Below this one round trip is as good as another: nothing is set up anew for a millisecond.
const RTT_LEAST: Duration = Duration::from_millis(10);

/// How long the packets of one viewer are kept.
#[derive(Debug)]
pub(super) struct Keeping {
    most: Duration,
    time: Duration,
}

impl Keeping {
    /// For as long as the path needs, and no longer than `most`.
    pub(super) fn by_path(most: Duration) -> Keeping {
        Keeping { most, time: most.min(needed(RTT_LEAST)) }
    }

    /// For so long, whatever the path.
    pub(super) fn fixed(time: Duration) -> Keeping {
        Keeping { most: time, time }
    }

    pub(super) fn time(&self) -> Duration {
        self.time
    }

    /// The path takes so long, there and back.
    pub(super) fn on_rtt(&mut self, rtt: Duration) {
        if needed(rtt) > self.time {
            // With room for what comes.
            self.time = needed(rtt.saturating_add(rtt / 2)).min(self.most);
        }
    }

    /// The viewer has lost a packet.
    pub(super) fn on_loss(&mut self) {
        self.time = self.most;
    }
}

fn needed(rtt: Duration) -> Duration {
    rtt.saturating_mul(TRIES).saturating_add(ASKS_WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_short_path_keeps_packets_for_a_short_time() {
        let mut keeping = Keeping::by_path(ms(1_000));
        keeping.on_rtt(ms(2));
        assert_eq!(keeping.time(), ms(440));
        keeping.on_rtt(ms(10));
        assert_eq!(keeping.time(), ms(440), "for all that are short");
    }

    #[test]
    fn a_slower_path_keeps_them_for_longer_and_is_not_followed_step_by_step() {
        let mut keeping = Keeping::by_path(ms(1_000));
        keeping.on_rtt(ms(5));
        keeping.on_rtt(ms(50));
        assert_eq!(keeping.time(), ms(700));
        keeping.on_rtt(ms(75));
        assert_eq!(keeping.time(), ms(700), "there is room");
        keeping.on_rtt(ms(1));
        assert_eq!(keeping.time(), ms(700), "it never shrinks");
        keeping.on_rtt(ms(500));
        assert_eq!(keeping.time(), ms(1_000), "no longer than it was told");
    }

    #[test]
    fn who_loses_something_has_all_of_them_kept() {
        let mut keeping = Keeping::by_path(ms(1_000));
        keeping.on_loss();
        assert_eq!(keeping.time(), ms(1_000));
    }

    #[test]
    fn what_is_allowed_is_never_passed() {
        for most in [0, 100].map(ms) {
            let mut keeping = Keeping::by_path(most);
            keeping.on_rtt(Duration::MAX);
            keeping.on_loss();
            assert_eq!(keeping.time(), most);
        }
    }
}
