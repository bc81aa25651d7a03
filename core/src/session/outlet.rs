//! Where frames go into a session: one RTP stream, and the rule that a frame is sent whole or not
//! at all.

use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::{Mid, Pt};

use super::cache::Cache;
use super::writer::Writer;
use crate::h264::Packet;
use crate::wire::RtpPacket;

/// How long a viewer's packets may wait for a shell that cannot send before its frames are lost instead.
const BACKLOG_MAX: Duration = Duration::from_millis(100);
/// How long they may wait in str0m's pacer. An IDR takes a path that is full for longer than the other
/// limit, and the encoder hears of such a path and slows down; this is for one below the floor.
const QUEUED_MAX: Duration = Duration::from_millis(250);

/// Packets that may wait there, to be sent first or again: twice what is kept and what the other limit lets wait at 64
/// Mbit/s.
const QUEUED_PACKETS_MAX: usize = 4_096;

/// A viewer that breaks again gets its IDR no sooner than this, and twice as late for each further
/// break: an IDR costs every other viewer too.
const RECOVERY_MIN: Duration = Duration::from_millis(250);
const RECOVERY_MAX: Duration = Duration::from_secs(2);
/// Without a break for this long, a path counts as good again.
const GOOD_AFTER: Duration = Duration::from_secs(10);
/// A request that arrives this soon after an IDR left has crossed it on the way, on a path without
/// delay of its own. One that was lost is repeated by every browser.
const CROSSING: Duration = Duration::from_millis(50);

/// The RTP stream of one viewer.
#[derive(Debug)]
pub(super) struct Outlet {
    mid: Mid,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    /// What is kept to be sent again.
    cache: Cache,
    writer: Writer,
    /// Nothing but an IDR can be decoded next.
    waits_for_keyframe: bool,
    /// Since when the session was never seen drained.
    backlog_since: Option<Instant>,
    /// When the picture last broke, and how long from there no IDR is asked for.
    broken: Option<(Instant, Duration)>,
    /// When the last frame came, whether it was sent or not.
    frame_at: Option<Instant>,
    /// When the last packet left, since a frame was written last.
    left_at: Option<Instant>,
    /// When the last IDR was written.
    keyframe_at: Option<Instant>,
    frames: u64,
    frames_skipped: u64,
}

impl Outlet {
    pub(super) fn new(
        mid: Mid,
        ssrc: u32,
        rtx_ssrc: Option<u32>,
        cache: Cache,
        writer: Writer,
    ) -> Outlet {
        Outlet {
            mid,
            ssrc,
            rtx_ssrc,
            cache,
            writer,
            waits_for_keyframe: true,
            backlog_since: None,
            broken: None,
            frame_at: None,
            left_at: None,
            keyframe_at: None,
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

    pub(super) fn mid(&self) -> Mid {
        self.mid
    }

    pub(super) fn pt(&self) -> Pt {
        self.writer.pt()
    }

    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) fn frames_skipped(&self) -> u64 {
        self.frames_skipped
    }

    /// Whether frames came, but none for so long.
    pub(super) fn is_idle(&self, now: Instant, time: Duration) -> bool {
        self.frame_at.is_some_and(|at| now >= at + time)
    }

    /// Takes note of a datagram that leaves, where it is a packet of the stream, for the first time or again.
    pub(super) fn on_leaving(&mut self, now: Instant, datagram: &[u8], rtc: &mut Rtc) {
        let Some(RtpPacket { ssrc, .. }) = RtpPacket::parse(datagram) else { return };
        let again = Some(ssrc) == self.rtx_ssrc;
        if ssrc == self.ssrc {
            self.left_at = Some(now);
        } else if !again {
            return;
        }
        if self.cache.on_leaving(now, datagram.len(), again) {
            self.empty_cache(rtc);
        }
    }

    /// When the last packet left, and its extended sequence number; `None` while nothing but an IDR can be shown.
    pub(super) fn last_packet(&self) -> Option<(Instant, u64)> {
        let at = self.left_at.filter(|_| !self.waits_for_keyframe)?;
        Some((at, self.writer.last_sequence()?))
    }

    pub(super) fn wait_for_keyframe(&mut self) {
        self.waits_for_keyframe = true;
    }

    /// From when on an IDR may be asked for, if none of the frames before it can be shown; from the
    /// `beginning` where the path never broke.
    pub(super) fn keyframe_from(&self, beginning: Instant) -> Option<Instant> {
        let from = self.broken.map_or(beginning, |(at, pause)| at + pause);
        self.waits_for_keyframe.then_some(from)
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
        self.frame_at = Some(now);
        if drained {
            self.backlog_since = None;
        }
        let since = *self.backlog_since.get_or_insert(now);
        let waits = |since: Instant, most: Duration| now.saturating_duration_since(since) >= most;
        let clogged =
            waits(since, BACKLOG_MAX) || queued.is_some_and(|since| waits(since, QUEUED_MAX));
        if clogged {
            self.on_break(now, RECOVERY_MIN);
        }
        if clogged || (self.waits_for_keyframe && !keyframe) {
            self.waits_for_keyframe = true;
            self.frames_skipped += 1;
            return false;
        }
        if keyframe {
            self.keyframe_at = Some(now);
        }
        self.waits_for_keyframe = false;
        self.frames += 1;
        true
    }

    /// The viewer asked for an IDR: it can show nothing until it has one, so nothing else is sent.
    pub(super) fn on_keyframe_request(&mut self, now: Instant, rtt: Option<Duration>) {
        let crossing = CROSSING + rtt.unwrap_or_default();
        let crossed = self.keyframe_at.is_some_and(|at| now < at + crossing);
        if !crossed {
            self.on_broken_picture(now);
        }
    }

    /// Forgets what was sent, so that none of it is sent again; nothing but an IDR follows.
    pub(super) fn give_up(&mut self, now: Instant, rtc: &mut Rtc) {
        self.empty_cache(rtc);
        self.forget_unwritten();
        self.on_broken_picture(now);
    }

    /// An IDR is sent next.
    pub(super) fn on_keyframe(&mut self, rtc: &mut Rtc) {
        if let Some(stream) = rtc.direct_api().stream_tx_by_mid(self.mid, None) {
            self.cache.on_keyframe(stream);
        }
    }

    /// Its path takes so long, there and back.
    pub(super) fn on_rtt(&mut self, rtt: Duration) {
        self.cache.on_rtt(rtt);
    }

    /// The viewer has asked for a packet again.
    pub(super) fn on_loss(&mut self) {
        self.cache.on_loss();
    }

    fn empty_cache(&mut self, rtc: &mut Rtc) {
        if let Some(stream) = rtc.direct_api().stream_tx_by_mid(self.mid, None) {
            self.cache.empty(stream);
        }
    }

    /// Nothing but an IDR can be shown from now on, and one may be asked for at once.
    fn on_broken_picture(&mut self, now: Instant) {
        if !self.waits_for_keyframe {
            self.on_break(now, Duration::ZERO);
            self.waits_for_keyframe = true;
        }
    }

    /// `pause`: how long the first break of a good path goes without an IDR.
    fn on_break(&mut self, now: Instant, pause: Duration) {
        let pause = match self.broken {
            // The same break goes on.
            Some((_, pause)) if self.waits_for_keyframe => pause,
            Some((at, pause)) if now < at + GOOD_AFTER => {
                (pause * 2).clamp(RECOVERY_MIN, RECOVERY_MAX)
            }
            Some(_) | None => pause,
        };
        self.broken = Some((now, pause));
    }

    /// Since when the oldest packet waits in str0m's pacer. Without the estimator none does.
    pub(super) fn queued_since(&self, rtc: &mut Rtc) -> Option<Instant> {
        rtc.direct_api().stream_tx_by_mid(self.mid, None)?.queue_info()?.first_unsent()
    }

    /// Forgets what was sent where too much of it waits to be sent again: str0m queues a packet as often as it is asked
    /// for, and its pacer looks at all of them whenever it sends one. What is queued of a forgotten packet goes with it.
    pub(super) fn bound_queue(&mut self, rtc: &mut Rtc) {
        let mut api = rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(self.mid, None) else { return };
        if stream.queue_info().is_some_and(|info| info.packet_count() > QUEUED_PACKETS_MAX) {
            self.cache.empty(stream);
        }
    }

    /// Takes a frame, to be written in parts.
    pub(super) fn take(&mut self, captured: Instant, rtp_time: u32, packets: &[Packet]) {
        self.left_at = None;
        self.writer.take(captured, rtp_time, packets);
    }

    pub(super) fn has_unwritten(&self) -> bool {
        self.writer.has_unwritten()
    }

    pub(super) fn forget_unwritten(&mut self) {
        self.writer.forget_unwritten();
    }

    /// Gives str0m so many of the packets that it does not have yet.
    pub(super) fn write(&mut self, rtc: &mut Rtc, most: usize) {
        match rtc.direct_api().stream_tx_by_mid(self.mid, None) {
            Some(stream) => self.writer.write(stream, most),
            None => self.writer.forget_unwritten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::WallClock;

    fn needs_keyframe(outlet: &Outlet, now: Instant) -> bool {
        outlet.keyframe_from(now).is_some_and(|from| from <= now)
    }

    fn outlet() -> Outlet {
        let wall_clock = WallClock { unix: Duration::ZERO, at: crate::test_clock() };
        let writer = Writer::new(Pt::from(96), 0, wall_clock);
        Outlet::new(Mid::from("0"), 1, Some(2), Cache::new(Duration::ZERO), writer)
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

        assert!(outlet.admits(at(249), true, Some(at(0)), false));
        assert!(!outlet.admits(at(250), true, Some(at(0)), false));
        assert!(!outlet.admits(at(300), true, None, false));
        assert!(outlet.admits(at(333), true, None, true));
    }

    #[test]
    fn who_clogs_again_and_again_asks_for_ever_fewer_idrs() {
        let mut now = crate::test_clock();
        let mut outlet = outlet();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert!(outlet.admits(now, true, None, true));
            now += Duration::from_millis(500);
            assert!(!outlet.admits(now, true, Some(now - QUEUED_MAX), false));
            let clogged_at = now;
            while !needs_keyframe(&outlet, now) {
                now += Duration::from_millis(100);
                assert!(!outlet.admits(now, true, None, false));
            }
            pauses.push((now - clogged_at).as_millis());
        }

        assert_eq!(pauses, [300, 500, 1_000, 2_000, 2_000, 2_000, 2_000, 2_000]);
    }

    #[test]
    fn a_request_stops_the_frames_that_nobody_could_show_until_the_idr() {
        let start = crate::test_clock();
        let at = |ms| start + Duration::from_millis(ms);
        let rtt = Some(Duration::from_millis(40));
        let mut outlet = outlet();
        assert!(outlet.admits(at(0), true, None, true));

        outlet.on_keyframe_request(at(80), rtt);
        assert!(outlet.admits(at(83), true, None, false), "it crossed the IDR on the way");
        outlet.on_keyframe_request(at(100), rtt);
        assert!(needs_keyframe(&outlet, at(100)), "the first break is mended at once");
        assert!(!outlet.admits(at(116), true, None, false));
        assert!(outlet.admits(at(150), true, None, true));
        outlet.on_keyframe_request(at(1_000), rtt);
        assert!(!needs_keyframe(&outlet, at(1_249)), "the second one soon after is not");
        assert!(needs_keyframe(&outlet, at(1_250)));
    }
}
