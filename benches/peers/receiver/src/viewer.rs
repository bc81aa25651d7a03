//! One viewer: str0m and a socket.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use peers::stamp::now_ns;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::frames::FrameLog;
use crate::media::Media;
use crate::socket;

/// Datagrams that wait for the server's answer at most.
const EARLY_MAX: usize = 16;
/// No deadline at all: longer than any run.
const NEVER: Duration = Duration::from_secs(3600);

/// One viewer.
pub(crate) struct Viewer {
    pub(crate) socket: UdpSocket,
    local: SocketAddr,
    rtc: Rtc,
    /// The server's checks may overtake its answer; a browser answers them, so they wait for it. `None`: the
    /// answer is in.
    early: Option<Vec<(SocketAddr, Vec<u8>)>>,
    pending: Option<SdpPendingOffer>,
    pub(crate) deadline: Instant,
    /// When its offer was posted, and when DTLS was ready; 0 before.
    pub(crate) posted_ns: u64,
    pub(crate) ready_ns: u64,
    pub(crate) media: Media,
    pub(crate) frames: FrameLog,
    /// Where it says goodbye.
    pub(crate) location: Option<String>,
    pub(crate) has_failed: bool,
    reports: bool,
}

impl Viewer {
    /// A viewer, and its offer: empty, if the server makes one.
    pub(crate) fn new(bind: &str, reports: bool, is_offered: bool) -> Result<(Viewer, String)> {
        let socket = socket::bind(bind)?;
        let local = socket.local_addr()?;
        let mut config = RtcConfig::new().clear_codecs().set_rtp_mode(true);
        config.codec_config().add_h264(96.into(), Some(97.into()), true, 0x42_e0_1f);
        let mut rtc = config.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(local, "udp")?);
        let (mut offer, mut pending) = (String::new(), None);
        if !is_offered {
            let mut change = rtc.sdp_api();
            change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
            let (made, waits) = change.apply().context("an offer with a medium")?;
            (offer, pending) = (made.to_sdp_string(), Some(waits));
        }
        let viewer = Viewer {
            socket,
            local,
            rtc,
            early: Some(Vec::new()),
            pending,
            deadline: Instant::now() + NEVER,
            posted_ns: now_ns(),
            ready_ns: 0,
            media: Media::default(),
            frames: FrameLog::default(),
            location: None,
            has_failed: false,
            reports,
        };
        Ok((viewer, offer))
    }

    /// Whether it sees the stream.
    pub(crate) fn is_up(&self) -> bool {
        self.ready_ns > 0 && self.media.first_ns > 0 && !self.has_failed
    }

    /// Takes the server's answer; or its offer, to which it returns the answer.
    pub(crate) fn on_description(&mut self, sdp: &str) -> Result<Option<String>> {
        let answer = match self.pending.take() {
            Some(pending) => {
                let answer = SdpAnswer::from_sdp_string(sdp)?;
                self.rtc.sdp_api().accept_answer(pending, answer)?;
                None
            }
            None => {
                let offer = SdpOffer::from_sdp_string(sdp)?;
                Some(self.rtc.sdp_api().accept_offer(offer)?.to_sdp_string())
            }
        };
        let early = self.early.take().unwrap_or_default();
        self.drive(now_ns());
        for (from, bytes) in early {
            self.give(&bytes, from, now_ns());
        }
        Ok(answer)
    }

    /// Takes a datagram.
    pub(crate) fn on_datagram(&mut self, bytes: &[u8], from: SocketAddr, at_ns: u64) {
        let Some([first, second, ..]) = bytes.first_chunk::<12>() else { return };
        // RFC 7983 and RFC 5761.
        let is_rtp_or_rtcp = (128..192).contains(first);
        let is_rtcp = is_rtp_or_rtcp && (192..=223).contains(second);
        if is_rtp_or_rtcp && !is_rtcp {
            self.media.on_packet(bytes, at_ns);
        }
        if is_rtp_or_rtcp && !self.reports {
            return;
        }
        match &mut self.early {
            Some(early) if early.len() < EARLY_MAX => early.push((from, bytes.to_vec())),
            Some(_) => {}
            None => self.give(bytes, from, at_ns),
        }
    }

    /// Fires its timeout, if that is due.
    pub(crate) fn on_time(&mut self, now: Instant) {
        if self.early.is_none() && !self.has_failed && self.deadline <= now {
            self.input(Input::Timeout(now), now_ns());
        }
    }

    /// Tells the server's stack that it is over.
    pub(crate) fn close(&mut self) {
        let _ = self.rtc.close();
        self.drive(now_ns());
    }

    fn give(&mut self, bytes: &[u8], from: SocketAddr, at_ns: u64) {
        if let Ok(receive) = Receive::new(Protocol::Udp, from, self.local, bytes) {
            self.input(Input::Receive(Instant::now(), receive), at_ns);
        }
    }

    fn input(&mut self, input: Input<'_>, at_ns: u64) {
        if !self.has_failed && self.rtc.handle_input(input).is_ok() {
            self.drive(at_ns);
        } else {
            self.fail();
        }
    }

    fn drive(&mut self, at_ns: u64) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(deadline)) => {
                    self.deadline = deadline;
                    return;
                }
                Ok(Output::Transmit(transmit)) => {
                    let _ = self.socket.send_to(&transmit.contents, transmit.destination);
                }
                Ok(Output::Event(Event::Connected)) => self.ready_ns = now_ns(),
                Ok(Output::Event(Event::RtpPacket(packet))) => {
                    let header = &packet.header;
                    self.frames.on_packet(header.timestamp, header.marker, &packet.payload, at_ns);
                }
                Ok(Output::Event(_)) => {}
                Err(_) => {
                    self.fail();
                    return;
                }
            }
        }
    }

    fn fail(&mut self) {
        self.has_failed = true;
        self.deadline = Instant::now() + NEVER;
    }
}
