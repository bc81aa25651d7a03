//! Where frames go into a session: one RTP stream, and the rule that a frame is sent whole or not
//! at all.

use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::{MediaTime, Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpWrite};

use crate::h264::Packet;

/// How long a viewer's packets may wait to be sent before its frames are lost instead.
const BACKLOG_MAX: Duration = Duration::from_millis(100);

/// After a clog a viewer asks for an IDR no sooner than this, and twice as late for each further
/// clog: an IDR costs every other viewer too.
const RECOVERY_MIN: Duration = Duration::from_millis(500);
const RECOVERY_MAX: Duration = Duration::from_secs(2);
/// Without a clog for this long, a path counts as good again.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// The RTP stream of one viewer.
#[derive(Debug)]
pub(super) struct Outlet {
    mid: Mid,
    pt: Pt,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    /// Extended sequence number of the next packet.
    next_sequence: u64,
    /// Nothing but an IDR can be decoded next.
    waits_for_keyframe: bool,
    /// Since when the session was never seen drained.
    backlog_since: Option<Instant>,
    /// When the last clog was, and how long to wait from there before an IDR is asked for.
    clogged: Option<(Instant, Duration)>,
    frames: u64,
    frames_skipped: u64,
}

impl Outlet {
    /// `first_sequence` is 16 bits, so that the viewer starts with our rollover count of 0.
    pub(super) fn new(
        mid: Mid,
        pt: Pt,
        ssrc: u32,
        rtx_ssrc: Option<u32>,
        first_sequence: u16,
    ) -> Outlet {
        Outlet {
            mid,
            pt,
            ssrc,
            rtx_ssrc,
            next_sequence: u64::from(first_sequence),
            waits_for_keyframe: true,
            backlog_since: None,
            clogged: None,
            frames: 0,
            frames_skipped: 0,
        }
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) fn rtx_ssrc(&self) -> Option<u32> {
        self.rtx_ssrc
    }

    pub(super) fn pt(&self) -> Pt {
        self.pt
    }

    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) fn frames_skipped(&self) -> u64 {
        self.frames_skipped
    }

    pub(super) fn wait_for_keyframe(&mut self) {
        self.waits_for_keyframe = true;
    }

    /// Whether an IDR should be asked for: none of the frames before it can be shown.
    pub(super) fn needs_keyframe(&self, now: Instant) -> bool {
        let recovered = self.clogged.is_none_or(|(at, pause)| now >= at + pause);
        self.waits_for_keyframe && recovered
    }

    /// Whether the next frame may be sent. If not it is lost whole, and so is everything up to
    /// the next IDR that finds the way clear.
    ///
    /// Two things can be in the way: a shell that cannot send (the session is not `drained`), and,
    /// with the estimator on, a path that is thought too slow (str0m holds packets since `queued`).
    pub(super) fn admits(
        &mut self,
        now: Instant,
        drained: bool,
        queued: Option<Instant>,
        keyframe: bool,
    ) -> bool {
        if drained {
            self.backlog_since = None;
        }
        let since = *self.backlog_since.get_or_insert(now);
        let since = queued.map_or(since, |queued| queued.min(since));
        let clogged = now.saturating_duration_since(since) >= BACKLOG_MAX;
        if clogged {
            self.on_clog(now);
        }
        if clogged || (self.waits_for_keyframe && !keyframe) {
            self.waits_for_keyframe = true;
            self.frames_skipped += 1;
            return false;
        }
        self.waits_for_keyframe = false;
        self.frames += 1;
        true
    }

    fn on_clog(&mut self, now: Instant) {
        let pause = match self.clogged {
            // The same clog goes on.
            Some((_, pause)) if self.waits_for_keyframe => pause,
            Some((at, pause)) if now < at + GOOD_AFTER => (pause * 2).min(RECOVERY_MAX),
            Some(_) | None => RECOVERY_MIN,
        };
        self.clogged = Some((now, pause));
    }

    /// Since when the oldest packet waits in str0m's pacer. Without the estimator none does.
    pub(super) fn queued_since(&self, rtc: &mut Rtc) -> Option<Instant> {
        rtc.direct_api().stream_tx_by_mid(self.mid, None)?.queue_info()?.first_unsent()
    }

    pub(super) fn write(
        &mut self,
        rtc: &mut Rtc,
        captured: Instant,
        rtp_time: u32,
        packets: &[Packet],
    ) {
        let mut api = rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(self.mid, None) else { return };
        for packet in packets {
            // No playout delay is asked for on every packet, so that all have one size.
            let extensions = ExtensionValues {
                play_delay_min: Some(MediaTime::ZERO),
                play_delay_max: Some(MediaTime::ZERO),
                ..ExtensionValues::default()
            };
            let sequence = self.next_sequence.into();
            let payload = packet.payload.clone();
            let write = RtpWrite::new(self.pt, sequence, rtp_time, captured, payload);
            stream.write_rtp(write.marker(packet.marker).nackable(true).ext_vals(extensions));
            self.next_sequence += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlet() -> Outlet {
        Outlet::new(Mid::from("0"), Pt::from(96), 1, Some(2), 0)
    }

    #[test]
    fn nothing_is_sent_before_the_first_idr() {
        let now = crate::test_clock();
        let mut outlet = outlet();

        assert!(!outlet.admits(now, true, None, false));
        assert!(outlet.admits(now, true, None, true));
        assert!(outlet.admits(now, true, None, false));
        assert_eq!((outlet.frames(), outlet.frames_skipped()), (2, 1));
    }

    #[test]
    fn a_clogged_path_loses_whole_frames_until_an_idr_finds_it_clear() {
        let start = crate::test_clock();
        let at = |ms| start + Duration::from_millis(ms);
        let mut outlet = outlet();
        assert!(outlet.admits(at(0), true, None, true));

        assert!(outlet.admits(at(33), false, None, false), "one frame of backlog is no clog");
        assert!(outlet.admits(at(66), false, None, false));
        assert!(!outlet.admits(at(133), false, None, false));
        assert!(!outlet.admits(at(166), false, None, true), "an IDR does not pass a clog");
        assert!(!outlet.admits(at(200), true, None, false), "its reference was lost");
        assert!(outlet.admits(at(233), true, None, true));
        assert!(outlet.admits(at(266), true, None, false));
    }

    #[test]
    fn packets_that_wait_in_the_pacer_are_a_clog_too() {
        let start = crate::test_clock();
        let at = |ms| start + Duration::from_millis(ms);
        let mut outlet = outlet();
        assert!(outlet.admits(at(0), true, None, true));

        assert!(outlet.admits(at(99), true, Some(at(0)), false));
        assert!(!outlet.admits(at(100), true, Some(at(0)), false));
        assert!(!outlet.admits(at(200), true, None, false));
        assert!(outlet.admits(at(233), true, None, true));
    }

    #[test]
    fn who_clogs_again_and_again_asks_for_ever_fewer_idrs() {
        let mut now = crate::test_clock();
        let mut outlet = outlet();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert!(outlet.admits(now, true, None, true));
            now += Duration::from_millis(500);
            assert!(!outlet.admits(now, true, Some(now - BACKLOG_MAX), false));
            let clogged_at = now;
            while !outlet.needs_keyframe(now) {
                now += Duration::from_millis(100);
                assert!(!outlet.admits(now, true, None, false));
            }
            pauses.push((now - clogged_at).as_millis());
        }

        assert_eq!(pauses, [500, 1_000, 2_000, 2_000, 2_000, 2_000, 2_000, 2_000]);
    }
}
