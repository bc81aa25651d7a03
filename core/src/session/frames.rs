//! Frames on their way into a session, and when it needs one that a viewer can begin with.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::{Session, SessionState};
use crate::adapt::PathRate;
use crate::h264::Packet;

/// Packets that str0m is given at once, without its estimator. Its queue keeps the room that it ever needed, 432 bytes a
/// packet: an IDR in one would be a tenth of a megabyte a viewer, for good.
const PART: usize = 32;
/// What a path takes within this may leave at once: a queue of that length is no freeze.
const AT_ONCE: Duration = Duration::from_millis(100);

impl Session {
    /// Sends a frame, or loses it whole. Whether it was sent.
    pub(crate) fn send_frame(
        &mut self,
        now: Instant,
        captured: Instant,
        rtp_time: u32,
        packets: &[Packet],
        keyframe: bool,
    ) -> bool {
        self.go_on();
        let Session { rtc, outlet, drained, path_rate, .. } = self;
        let queued = if path_rate.is_some() { outlet.queued_since(rtc) } else { None };
        if !outlet.admits(now, *drained, queued, keyframe) {
            return false;
        }
        if keyframe {
            outlet.on_keyframe(rtc);
        }
        outlet.take(captured, rtp_time, packets);
        self.part_due |= self.drained;
        self.drained = false;
        true
    }

    /// Gives str0m the next part of what it is to send.
    pub(super) fn write_part(&mut self, now: Instant) {
        self.part_due = false;
        let Session { rtc, ambient, outlet, path_rate, .. } = self;
        // Its pacer goes by all that waits.
        let most = if path_rate.is_some() { usize::MAX } else { PART };
        let write = || outlet.write(rtc, most);
        if catch_unwind(AssertUnwindSafe(|| ambient.scope(write))).is_err() {
            return self.kill();
        }
        // str0m releases what is written at its next timeout, and asks for it at once.
        self.handle_timeout(now);
    }

    /// Whether this many bytes of video may leave at once: without an estimate of the path as many as
    /// there are, with it what the path is thought to take in [`AT_ONCE`].
    pub(crate) fn takes_at_once(&self, bytes: usize) -> bool {
        let takes = |path: &PathRate| {
            let most = u128::from(path.rate()) * AT_ONCE.as_millis() / 8_000;
            bytes as u128 <= most
        };
        self.path_rate.as_ref().is_none_or(takes)
    }

    /// Whether the viewer has no picture until an IDR comes, and one could be sent to it now.
    pub(crate) fn needs_keyframe(&self, now: Instant) -> bool {
        let is_connected = self.state() == SessionState::Connected;
        is_connected && self.picture_from().is_some_and(|from| from <= now)
    }

    /// From when on an IDR may be asked for, if the viewer has no picture without one.
    pub(super) fn picture_from(&self) -> Option<Instant> {
        self.outlet.keyframe_from(self.offered_at)
    }
}
