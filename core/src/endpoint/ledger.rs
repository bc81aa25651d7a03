//! The latency ledger: where the time of a frame goes, from its capture until it has left.
//!
//! Stages follow one another, so that their times add up: a frame is encoded, waits for the event
//! loop, is cut into packets, and leaves: its first packet, then its last one to the slowest of its
//! viewers. All times are handed in; who drives the endpoint without [`Endpoint::note_frame`] and
//! [`Endpoint::note_sent`] has no figures, and loses nothing else. Nothing here decides anything, and
//! so nothing of it is recorded.
//!
//! What a viewer acknowledges cannot be told of each frame: of the transport-wide feedback str0m hands
//! out how long the newest packet took, there and back, and that is counted whenever it is new. It is
//! the one stage that is counted by feedback rather than by frame. The way to the viewer alone is an
//! estimate, half the round trip of ICE's checks.

use std::time::{Duration, Instant};

use super::Endpoint;
use super::histogram::Histogram;
use crate::wire::RtpPacket;

/// Frames followed at once. Where more are under way, the oldest is closed with what is known of it:
/// a viewer whose packets wait that long is slow by seconds, and has lost frames whole by then.
const FRAMES_MAX: usize = 16;
/// How much the newest frame counts in [`StageTimes`], as a divisor.
const RECENT: u32 = 16;

/// A part of a frame's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// From the capture to the end of encoding; what a picture waits for its encoder is in it.
    Encode,
    /// From there until the event loop has taken the access unit.
    Queue,
    /// Cutting it into packets, and writing them to every viewer's session.
    Packetize,
    /// From there until the first datagram of the frame has been sent, to whichever viewer.
    FirstPacket,
    /// From there until the last datagram of the frame has been sent to the slowest viewer that the
    /// frame was written to. Encryption, pacing and full sockets are in it.
    LastPacket,
    /// Half the round trip of the farthest of its viewers, by ICE's latest check: an estimate.
    TravelEstimated,
    /// From the moment at which a packet was sent until the viewer's transport-wide feedback said that
    /// it came: both ways, and how long the viewer kept it to itself. Once for each look at new
    /// feedback of a viewer, which is 50 ms apart at least.
    Acknowledged,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Stage; 7] = [
        Stage::Encode,
        Stage::Queue,
        Stage::Packetize,
        Stage::FirstPacket,
        Stage::LastPacket,
        Stage::TravelEstimated,
        Stage::Acknowledged,
    ];
}

/// The moments of a frame that was just given to [`Endpoint::send_frame`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTimes {
    /// When it was captured.
    pub captured: Instant,
    /// When encoding ended.
    pub encoded: Instant,
    /// When the event loop took it.
    pub taken: Instant,
    /// When [`Endpoint::send_frame`] came back.
    pub packetized: Instant,
}

/// How long each stage took of late: a mean in which a frame counts half after a dozen more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimes([Option<Duration>; Stage::ALL.len()]);

impl StageTimes {
    /// Of one stage; `None` before its first frame.
    pub fn of(&self, stage: Stage) -> Option<Duration> {
        self.0.get(stage as usize).copied().flatten()
    }

    /// Of each stage the longer time, of two endpoints that stand beside.
    #[must_use]
    pub fn longer(self, other: StageTimes) -> StageTimes {
        StageTimes(std::array::from_fn(|stage| self.0[stage].max(other.0[stage])))
    }

    fn observe(&mut self, stage: Stage, took: Duration) {
        let Some(mean) = self.0.get_mut(stage as usize) else { return };
        *mean = Some(mean.map_or(took, |mean| (mean * (RECENT - 1) + took) / RECENT));
    }
}

/// Where the time of frames went, since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    stages: [Histogram; Stage::ALL.len()],
    recent: StageTimes,
    frames: [Option<Departing>; FRAMES_MAX],
    /// Where the next frame is noted.
    next: usize,
    /// Whether the transmit at hand begins or ends a frame.
    awaits_sent: bool,
}

/// A frame on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Departing {
    rtp_time: u32,
    /// Viewers whose last packet of it has not left.
    viewers_left: usize,
    packetized: Option<Instant>,
    first: Option<Instant>,
    last: Option<Instant>,
    /// Packets of it, and how many last ones, are in the transmit at hand.
    leaving: bool,
    ending: usize,
}

impl Ledger {
    /// How long a stage took, each time.
    pub fn histogram(&self, stage: Stage) -> &Histogram {
        &self.stages[stage as usize]
    }

    /// How long each stage took of late.
    pub fn recent(&self) -> StageTimes {
        self.recent
    }

    /// Counts the frames of another endpoint beside; of late, whichever stage took longer is told.
    pub fn add(&mut self, other: &Ledger) {
        self.stages.iter_mut().zip(&other.stages).for_each(|(stage, more)| stage.add(more));
        self.recent = self.recent.longer(other.recent);
    }

    /// A frame was written to some viewers' sessions; `rtt` is that of the farthest.
    pub(super) fn on_frame(&mut self, rtp_time: u32, viewers: usize, rtt: Option<Duration>) {
        if viewers == 0 {
            return;
        }
        if let Some(rtt) = rtt {
            self.observe(Stage::TravelEstimated, rtt / 2);
        }
        let frame = Departing {
            rtp_time,
            viewers_left: viewers,
            packetized: None,
            first: None,
            last: None,
            leaving: false,
            ending: 0,
        };
        let old = self.frames.get_mut(self.next).and_then(|place| place.replace(frame));
        self.next = (self.next + 1) % FRAMES_MAX;
        old.into_iter().for_each(|old| self.close(&old));
    }

    /// Moments of the frame that was noted last.
    fn on_times(&mut self, rtp_time: u32, times: FrameTimes) {
        let FrameTimes { captured, encoded, taken, packetized } = times;
        self.observe(Stage::Encode, encoded.saturating_duration_since(captured));
        self.observe(Stage::Queue, taken.saturating_duration_since(encoded));
        self.observe(Stage::Packetize, packetized.saturating_duration_since(taken));
        let frames = self.frames.iter_mut().flatten();
        for frame in frames.filter(|frame| frame.rtp_time == rtp_time) {
            frame.packetized = Some(packetized);
        }
    }

    /// A datagram of a session's stream was written into the transmit at hand.
    pub(super) fn on_leaving(&mut self, ssrc: u32, datagram: &[u8]) {
        let packet = RtpPacket::parse(datagram).filter(|packet| packet.ssrc == ssrc);
        let Some(packet) = packet else { return };
        let mut frames = self.frames.iter_mut().flatten();
        let Some(frame) = frames.find(|frame| frame.rtp_time == packet.timestamp) else { return };
        let begins = frame.first.is_none() && !frame.leaving;
        frame.leaving |= begins;
        frame.ending += usize::from(packet.marker);
        self.awaits_sent |= begins || packet.marker;
    }

    /// The transmit at hand has been sent.
    fn on_sent(&mut self, at: Instant) {
        self.awaits_sent = false;
        for place in 0..FRAMES_MAX {
            let Some(frame) = self.frames.get_mut(place).and_then(Option::as_mut) else { continue };
            if std::mem::take(&mut frame.leaving) {
                frame.first.get_or_insert(at);
            }
            let ended = std::mem::take(&mut frame.ending);
            if ended == 0 {
                continue;
            }
            frame.last = Some(at);
            frame.viewers_left = frame.viewers_left.saturating_sub(ended);
            if frame.viewers_left == 0 {
                let frame = *frame;
                self.close(&frame);
                self.frames[place] = None;
            }
        }
    }

    /// New feedback of a viewer: the newest packet in it was sent so long before.
    pub(super) fn on_acknowledged(&mut self, took: Duration) {
        self.observe(Stage::Acknowledged, took);
    }

    /// Counts a frame that has left, or of which nothing more is awaited: of one that a viewer never
    /// got whole, because it went or was slow, the slowest of the others is told.
    fn close(&mut self, frame: &Departing) {
        let (Some(packetized), Some(first)) = (frame.packetized, frame.first) else { return };
        self.observe(Stage::FirstPacket, first.saturating_duration_since(packetized));
        if let Some(last) = frame.last {
            self.observe(Stage::LastPacket, last.saturating_duration_since(first));
        }
    }

    fn observe(&mut self, stage: Stage, took: Duration) {
        self.stages[stage as usize].observe(took);
        self.recent.observe(stage, took);
    }
}

impl Endpoint {
    /// Where the time of frames goes.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Tells the moments of the frame that [`Self::send_frame`] was given last, for the ledger.
    pub fn note_frame(&mut self, times: FrameTimes) {
        let rtp_time = self.rtp_time(times.captured);
        self.ledger.on_times(rtp_time, times);
    }

    /// Whether the ledger wants to hear of the end of the latest transmit: it holds a frame's first or
    /// last packet.
    pub fn awaits_sent(&self) -> bool {
        self.ledger.awaits_sent
    }

    /// Tells when what [`Self::poll_transmit`] returned last had been sent, for the ledger.
    pub fn note_sent(&mut self, at: Instant) {
        self.ledger.on_sent(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSRC: u32 = 7;

    /// The header of an RTP packet.
    fn rtp(rtp_time: u32, marker: bool, ssrc: u32) -> Vec<u8> {
        let head = [0x90, u8::from(marker) << 7 | 96, 0, 1];
        [&head[..], &rtp_time.to_be_bytes(), &ssrc.to_be_bytes(), &[9; 20]].concat()
    }

    struct Bench {
        start: Instant,
        ledger: Ledger,
    }

    impl Bench {
        fn new() -> Bench {
            Bench { start: crate::test_clock(), ledger: Ledger::default() }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// A frame captured at a moment: 8 ms to encode, 2 to be taken, 1 to be cut.
        fn frame(&mut self, ms: u64, viewers: usize) {
            let [captured, encoded, taken, packetized] =
                [0, 8, 10, 11].map(|after| self.at(ms + after));
            self.ledger.on_frame(ms as u32, viewers, Some(Duration::from_millis(30)));
            let times = FrameTimes { captured, encoded, taken, packetized };
            self.ledger.on_times(ms as u32, times);
        }

        fn sent(&mut self, ms: u64, packets: &[(u32, bool)]) {
            for (rtp_time, marker) in packets {
                self.ledger.on_leaving(SSRC, &rtp(*rtp_time, *marker, SSRC));
            }
            self.ledger.on_sent(self.at(ms));
        }

        /// How often each stage was counted, and the milliseconds of all.
        fn told(&self) -> [(u64, u128); 7] {
            Stage::ALL.map(|stage| {
                let histogram = self.ledger.histogram(stage);
                (histogram.count(), histogram.sum().as_millis())
            })
        }
    }

    #[test]
    fn the_stages_of_a_frame_follow_one_another() {
        let mut bench = Bench::new();

        bench.frame(100, 1);
        bench.sent(113, &[(100, false), (100, false)]);
        bench.sent(117, &[(100, true)]);

        assert_eq!(bench.told(), [(1, 8), (1, 2), (1, 1), (1, 2), (1, 4), (1, 15), (0, 0)]);
        let recent = bench.ledger.recent();
        assert_eq!(recent.of(Stage::LastPacket), Some(Duration::from_millis(4)));
    }

    #[test]
    fn the_slowest_viewer_ends_a_frame_also_when_the_next_one_has_begun() {
        let mut bench = Bench::new();

        bench.frame(100, 2);
        bench.sent(112, &[(100, false), (100, true)]);
        bench.frame(133, 2);
        bench.sent(145, &[(133, true)]);
        assert_eq!(bench.told()[4], (0, 0), "one viewer waits");
        bench.sent(150, &[(100, false), (100, true), (133, true)]);

        assert_eq!(bench.told()[3..5], [(2, 2), (2, 43)]);
    }

    #[test]
    fn what_is_retransmitted_or_no_media_tells_nothing() {
        let mut bench = Bench::new();
        bench.frame(100, 1);

        bench.ledger.on_leaving(SSRC, &rtp(100, true, SSRC + 1));
        bench.ledger.on_leaving(SSRC, &rtp(99, true, SSRC));
        bench.ledger.on_leaving(SSRC, &[0x90, 200, 0, 1]);
        bench.ledger.on_leaving(SSRC, &[]);

        assert!(!bench.ledger.awaits_sent);
        bench.ledger.on_leaving(SSRC, &rtp(100, false, SSRC));
        assert!(bench.ledger.awaits_sent, "the first packet");
        bench.ledger.on_sent(bench.at(112));
        bench.ledger.on_leaving(SSRC, &rtp(100, false, SSRC));
        assert!(!bench.ledger.awaits_sent, "one in the middle");
    }

    #[test]
    fn a_viewer_that_goes_leaves_the_frame_to_the_others() {
        let mut bench = Bench::new();
        bench.frame(0, 2);
        bench.sent(13, &[(0, true)]);
        for later in 1..=FRAMES_MAX as u64 {
            bench.frame(later * 33, 0);
        }
        assert_eq!(bench.told()[4], (0, 0), "frames for nobody take no place");
        for later in 1..=FRAMES_MAX as u64 {
            bench.frame(later * 33, 1);
        }
        assert_eq!(bench.told()[3..5], [(1, 2), (1, 0)]);
    }

    #[test]
    fn who_tells_no_times_has_no_figures() {
        let mut bench = Bench::new();
        bench.ledger.on_frame(100, 1, None);
        bench.sent(112, &[(100, true)]);
        assert_eq!(bench.told(), [(0, 0); 7]);
    }
}
