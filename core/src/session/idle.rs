//! While no frame comes: the viewer is to have the last one whole, and to cost next to nothing.
//!
//! A viewer finds out that a packet is missing when a later one comes. Behind the last frame of a picture that stands
//! still none does, and the viewer would show an old picture until it moves. But its receiver reports say how far it
//! has come (RFC 3550 §6.4.1).

use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::Direction;
use str0m::stats::MediaEgressStats;

use super::{Session, SessionState};

/// Without a frame for this long a session is idle.
const IDLE_AFTER: Duration = Duration::from_secs(1);
/// How much later than a round trip after a packet a report comes that knows of it: packets wait in queues.
const ARRIVES_WITHIN: Duration = Duration::from_millis(300);

impl Session {
    /// Whether it stands well and has had nothing to send for a while. Before the first frame str0m looks what
    /// its path takes, and is not kept waiting.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.state() == SessionState::Connected && self.outlet.is_idle(now, IDLE_AFTER)
    }

    /// Whether the viewer reported, when it could have had all of the last frame, that it has not.
    pub(super) fn lacks_last_packets(&self, stats: &MediaEgressStats) -> bool {
        let Some((left_at, last)) = self.outlet.last_packet() else { return false };
        let arrived_by = left_at + self.seen.rtt.unwrap_or_default() + ARRIVES_WITHIN;
        // str0m's statistics of the moment at which a report comes are those before it.
        let is_told = |report: Instant| report >= arrived_by && report < stats.timestamp;
        let lacks = stats.remote.as_ref().is_some_and(|it| *it.maximum_sequence_number < last);
        lacks && self.observed.receiver_report_at.is_some_and(is_told)
    }

    /// Lets the estimator rest until [`Self::go_on`]: str0m would pad the path to 50 kbit/s, a hundred packets a second
    /// that the viewer answers with reports, and would take what arrives of that for all that the path takes. It
    /// does neither while our side of the stream is inactive, of which the viewer is not told; the estimate stays.
    pub(super) fn rest(&mut self) {
        // What waits would be lost.
        let waits =
            self.outlet.has_unwritten() || self.outlet.queued_since(&mut self.rtc).is_some();
        if !waits && !self.rests() {
            self.set_direction(Direction::Inactive);
        }
    }

    /// There is something to send.
    pub(super) fn go_on(&mut self) {
        if self.rests() {
            self.set_direction(Direction::SendOnly);
        }
    }

    /// A further offer ends it too: str0m takes the direction from there.
    pub(super) fn rests(&self) -> bool {
        self.rtc.media(self.outlet.mid()).is_some_and(|media| !media.direction().is_sending())
    }

    fn set_direction(&mut self, direction: Direction) {
        let mid = self.outlet.mid();
        self.call(|rtc: &mut Rtc| rtc.sdp_api().set_direction(mid, direction));
    }
}
