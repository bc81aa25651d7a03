//! A viewer in memory: str0m's other side, which receives and throws away.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::config::DtlsCert;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// One viewer.
pub struct Viewer {
    /// Where it is.
    pub address: SocketAddr,
    /// What it offers.
    pub offer: String,
    /// What it wants to send, and where to.
    pub outgoing: Vec<(SocketAddr, Vec<u8>)>,
    /// When it wants to be woken.
    pub wake: Instant,
    /// Whether ICE and DTLS are through.
    pub connected: bool,
    rtc: Rtc,
    mid: Mid,
    pending: Option<SdpPendingOffer>,
}

impl Viewer {
    /// A viewer at `address` that has made its offer. All may have one certificate: making each its
    /// own is most of what they would cost.
    ///
    /// # Panics
    /// str0m cannot make an offer.
    pub fn new(now: Instant, address: SocketAddr, certificate: &DtlsCert) -> Viewer {
        let config = RtcConfig::new().clear_codecs().enable_h264(true).set_rtp_mode(true);
        let config = config.set_crypto_provider(pinhole_core::crypto_provider());
        let mut rtc = config.set_dtls_cert(certificate.clone()).build(now);
        let candidate = Candidate::host(address, "udp").expect("a usable address");
        rtc.add_local_candidate(candidate);
        let mut api = rtc.sdp_api();
        let mid = api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = api.apply().expect("a section was added");
        Viewer {
            address,
            offer: offer.to_sdp_string(),
            outgoing: Vec::new(),
            wake: now,
            connected: false,
            rtc,
            mid,
            pending: Some(pending),
        }
    }

    /// Takes the answer.
    ///
    /// # Panics
    /// It is none.
    pub fn accept(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).expect("an answer");
        let pending = self.pending.take().expect("one answer only");
        self.rtc.sdp_api().accept_answer(pending, answer).expect("a good answer");
        self.drain();
    }

    /// Takes a datagram.
    ///
    /// # Panics
    /// It is none that a server would send.
    pub fn receive(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        let received = Receive::new(Protocol::Udp, source, self.address, bytes);
        let received = received.expect("a datagram of ours");
        self.rtc.handle_input(Input::Receive(now, received)).expect("a good datagram");
        self.drain();
    }

    /// Fires its timers, if they are due.
    ///
    /// # Panics
    /// str0m has failed.
    pub fn timeout(&mut self, now: Instant) {
        if self.wake <= now {
            self.rtc.handle_input(Input::Timeout(now)).expect("nothing is wrong");
            self.drain();
        }
    }

    /// Asks for an IDR.
    ///
    /// # Panics
    /// It has no video.
    pub fn ask_for_keyframe(&mut self) {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx_by_mid(self.mid, None).expect("it has seen video");
        stream.request_keyframe(KeyframeRequestKind::Pli);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().expect("nothing is wrong") {
                Output::Timeout(at) => {
                    self.wake = at;
                    return;
                }
                Output::Transmit(out) => {
                    self.outgoing.push((out.destination, out.contents.to_vec()));
                }
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(_) => {}
            }
        }
    }
}
