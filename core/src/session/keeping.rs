//! How long packets are kept to be sent again: what the path of the viewer needs, and no longer, for they are most of
//! the memory that a viewer takes.
//!
//! A viewer asks for a lost packet when the next one comes, and again a round trip later where the answer is lost
//! too. What the round trip is, the handshake shows, before the first frame. A path that turns out slower has its packets
//! kept for longer from then on; those kept before are forgotten with it, which is a picture lost if one of them is
//! missed, once.

use std::time::Duration;

/// Times that a viewer may ask for one packet.
const TRIES: u32 = 4;
/// Until the next packet comes behind a lost one, and the viewer gets to asking.
const ASKS_WITHIN: Duration = Duration::from_millis(200);

/// How long the packets of one viewer are kept.
#[derive(Debug)]
pub(super) struct Keeping {
    most: Duration,
    time: Duration,
}

impl Keeping {
    /// For as long as the path needs, and no longer than `most`.
    pub(super) fn by_path(most: Duration) -> Keeping {
        Keeping { most, time: most.min(ASKS_WITHIN) }
    }

    /// For so long, whatever the path.
    pub(super) fn fixed(time: Duration) -> Keeping {
        Keeping { most: time, time }
    }

    pub(super) fn time(&self) -> Duration {
        self.time
    }

    /// The path takes so long, there and back. Whether packets are to be kept for another time.
    pub(super) fn on_rtt(&mut self, rtt: Duration) -> bool {
        if needed(rtt) <= self.time {
            return false;
        }
        // With room for what comes: each change forgets.
        let time = needed(rtt.saturating_add(rtt / 2)).clamp(self.time, self.most);
        std::mem::replace(&mut self.time, time) != time
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
        assert!(keeping.on_rtt(ms(2)));
        assert_eq!(keeping.time(), ms(212));
        assert!(!keeping.on_rtt(ms(3)), "there is room");
        assert!(!keeping.on_rtt(ms(1)), "it never shrinks");
    }

    #[test]
    fn a_slower_path_keeps_them_for_longer_and_is_not_followed_step_by_step() {
        let mut keeping = Keeping::by_path(ms(1_000));
        keeping.on_rtt(ms(5));
        assert!(keeping.on_rtt(ms(50)));
        assert_eq!(keeping.time(), ms(500));
        assert!(!keeping.on_rtt(ms(75)), "there is room");
        assert!(keeping.on_rtt(ms(500)));
        assert_eq!(keeping.time(), ms(1_000), "no longer than it was told");
        assert!(!keeping.on_rtt(ms(5_000)));
    }

    #[test]
    fn what_is_allowed_is_never_passed() {
        let mut none = Keeping::by_path(ms(0));
        assert!(!none.on_rtt(ms(900)));
        assert_eq!(none.time(), ms(0));
        let mut little = Keeping::by_path(ms(100));
        assert!(!little.on_rtt(Duration::MAX));
        assert_eq!(little.time(), ms(100));
    }
}
