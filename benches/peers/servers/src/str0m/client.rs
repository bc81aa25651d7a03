//! One viewer's str0m.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use str0m::bwe::Bitrate;
use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{Frequency, MediaTime, Mid, Pt};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};

use crate::run::Run;

/// What the estimator begins with: more than the stream takes.
const ESTIMATE_BEGIN: Bitrate = Bitrate::mbps(20);
/// How far the estimator's clock is let ahead while a frame leaves.
const AHEAD: Duration = Duration::from_millis(5);
/// Timeouts that are fired ahead at most, for one frame.
const AHEAD_TIMEOUTS_MAX: usize = 400;
/// Sequence numbers must begin below 65536.
const SEQUENCE_BEGIN: u64 = 1000;

/// What str0m is given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// Frames, which it packetizes for each viewer.
    Frames,
    /// Packets that are the same for all.
    Runs {
        /// Whether it estimates each path.
        estimator: bool,
    },
}

impl Mode {
    pub(crate) fn config(self) -> RtcConfig {
        let config = RtcConfig::new().clear_codecs().enable_h264(true).set_ice_lite(true);
        match self {
            Mode::Frames => config,
            Mode::Runs { estimator: false } => config.set_rtp_mode(true),
            Mode::Runs { estimator: true } => {
                config.set_rtp_mode(true).enable_bwe(Some(ESTIMATE_BEGIN))
            }
        }
    }
}

/// Answers an offer; `None`, if str0m refuses it.
pub(crate) fn answer(rtc: &mut Rtc, local: SocketAddr, offer: &str) -> Result<Option<String>> {
    rtc.add_local_candidate(Candidate::host(local, "udp")?);
    let Ok(offer) = SdpOffer::from_sdp_string(offer) else { return Ok(None) };
    let answer = rtc.sdp_api().accept_offer(offer);
    Ok(answer.ok().map(|answer| answer.to_sdp_string()))
}

/// One viewer.
pub(crate) struct Client {
    pub(crate) number: u64,
    pub(crate) deadline: Instant,
    rtc: Rtc,
    remote: Option<SocketAddr>,
    mid: Option<Mid>,
    pt: Option<Pt>,
    is_up: bool,
    has_ended: bool,
    sequence: u64,
    run: Run,
}

impl Client {
    pub(crate) fn new(number: u64, rtc: Rtc) -> Client {
        Client {
            number,
            deadline: Instant::now(),
            rtc,
            remote: None,
            mid: None,
            pt: None,
            is_up: false,
            has_ended: false,
            sequence: SEQUENCE_BEGIN,
            run: Run::default(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.has_ended
    }

    /// Whether a datagram is this viewer's: by where it comes from, and the first time by what is in it.
    pub(crate) fn accepts(&mut self, from: SocketAddr, input: &Input<'_>) -> bool {
        match self.remote {
            Some(remote) => remote == from,
            None if self.rtc.accepts(input) => {
                self.remote = Some(from);
                true
            }
            None => false,
        }
    }

    pub(crate) fn input(&mut self, input: Input<'_>, socket: &UdpSocket) {
        self.has_ended |= self.rtc.handle_input(input).is_err();
        self.drain(socket);
    }

    pub(crate) fn on_time(&mut self, now: Instant, socket: &UdpSocket) {
        if self.deadline <= now {
            self.input(Input::Timeout(now), socket);
        }
    }

    pub(crate) fn send_frame(
        &mut self,
        now: Instant,
        frame: &Arc<[u8]>,
        time: u64,
        socket: &UdpSocket,
    ) {
        let Some(writer) = self.mid.filter(|_| self.is_up).and_then(|mid| self.rtc.writer(mid))
        else {
            return;
        };
        let of_h264 = writer.payload_params().find(|params| params.spec().codec == Codec::H264);
        let Some(pt) = self.pt.or(of_h264.map(|params| params.pt())) else { return };
        self.pt = Some(pt);
        let time = MediaTime::new(time, Frequency::NINETY_KHZ);
        self.has_ended |= writer.write(pt, now, time, frame.clone()).is_err();
        let _ = self.rtc.handle_input(Input::Timeout(now));
        while let Some((bytes, to)) = self.poll() {
            // A full queue is the receiver's loss.
            let _ = socket.send_to(&bytes, to);
        }
    }

    pub(crate) fn send_packets(
        &mut self,
        now: Instant,
        packets: &[Arc<[u8]>],
        time: u64,
        socket: &UdpSocket,
        estimator: bool,
    ) {
        let Some(mid) = self.mid.filter(|_| self.is_up) else { return };
        let of_media = self.rtc.media(mid).and_then(|media| media.remote_pts().first().copied());
        let Some(pt) = self.pt.or(of_media) else { return };
        self.pt = Some(pt);
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else { return };
        for (place, packet) in packets.iter().enumerate() {
            self.sequence += 1;
            // RTP times wrap around.
            let write = RtpWrite::new(pt, self.sequence.into(), time as u32, now, packet.clone())
                .marker(place + 1 == packets.len())
                .nackable(true);
            stream.write_rtp(write);
        }
        // Packets are released by the timeout after them.
        self.gather(socket);
        let _ = self.rtc.handle_input(Input::Timeout(now));
        self.gather(socket);
        let ahead = if estimator { now + AHEAD } else { now };
        for _ in 0..AHEAD_TIMEOUTS_MAX {
            if self.deadline > ahead {
                break;
            }
            let _ = self.rtc.handle_input(Input::Timeout(self.deadline));
            self.gather(socket);
        }
        self.run.send(socket);
    }

    /// Sends all that str0m has to send.
    pub(crate) fn drain(&mut self, socket: &UdpSocket) {
        while let Some((bytes, to)) = self.poll() {
            let _ = socket.send_to(&bytes, to);
        }
    }

    fn gather(&mut self, socket: &UdpSocket) {
        while let Some((bytes, to)) = self.poll() {
            self.run.add(bytes, to, socket);
        }
    }

    /// The next datagram; events before it are taken.
    fn poll(&mut self) -> Option<(Vec<u8>, SocketAddr)> {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(deadline)) => {
                    self.deadline = deadline;
                    return None;
                }
                Ok(Output::Transmit(transmit)) => {
                    return Some((transmit.contents.into(), transmit.destination));
                }
                Ok(Output::Event(Event::MediaAdded(media))) => self.mid = Some(media.mid),
                Ok(Output::Event(Event::Connected)) => self.is_up = true,
                Ok(Output::Event(
                    Event::IceConnectionStateChange(IceConnectionState::Disconnected)
                    | Event::Closed,
                ))
                | Err(_) => {
                    self.has_ended = true;
                    return None;
                }
                Ok(Output::Event(_)) => {}
            }
        }
    }
}
