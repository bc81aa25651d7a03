//! One viewer: str0m's other side.

use std::net::SocketAddr;
use std::time::{Duration, Instant, UNIX_EPOCH};

use pinhole_core::StreamId;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Input, Output, Rtc, RtcConfig};

use super::address;

/// One viewer.
pub struct Viewer {
    pub rtc: Rtc,
    pub address: SocketAddr,
    /// Where its datagrams seem to come from: what its NAT makes of it.
    pub outside: SocketAddr,
    /// The connection that it made, if it goes over TCP.
    pub stream: Option<StreamId>,
    pub mid: Mid,
    pending: Option<SdpPendingOffer>,
    pub offer: String,
    server_ufrag: String,
    pub connected: bool,
    pub closed: bool,
    /// Access units received.
    pub frames: Vec<ReceivedFrame>,
    wake: Instant,
    pub(super) outgoing: Vec<(SocketAddr, Vec<u8>)>,
}

pub struct ReceivedFrame {
    pub rtp_time: u64,
    pub contiguous: bool,
    pub data: Vec<u8>,
    pub keyframe: bool,
    /// What `abs-capture-time` says, since the Unix epoch.
    pub captured: Option<Duration>,
}

impl Viewer {
    /// `told`: whether its candidate stands in the offer; if not, it is seen as peer-reflexive.
    pub fn new(now: Instant, at: &str, told: bool) -> Viewer {
        Viewer::with(now, at, told, RtcConfig::new())
    }

    /// One whose offer comes from a configuration of its own.
    pub fn with(now: Instant, at: &str, told: bool, config: RtcConfig) -> Viewer {
        let mut rtc = config.clear_codecs().enable_h264(true).build(now);
        let address = address(at);
        if told {
            rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        }
        let mut api = rtc.sdp_api();
        let mid = api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = api.apply().unwrap();
        if !told {
            rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        }
        Viewer {
            rtc,
            address,
            outside: address,
            stream: None,
            mid,
            pending: Some(pending),
            offer: offer.to_sdp_string(),
            server_ufrag: String::new(),
            connected: false,
            closed: false,
            frames: Vec::new(),
            wake: now,
            outgoing: Vec::new(),
        }
    }

    /// A viewer that goes over TCP only.
    pub fn over_tcp(now: Instant, at: &str) -> Viewer {
        let mut viewer = Viewer::new(now, at, false);
        let active = Candidate::builder().tcp().host(address(at)).tcptype(TcpType::Active);
        let udp = Candidate::host(address(at), "udp").unwrap();
        viewer.rtc.direct_api().invalidate_candidate(&udp);
        viewer.rtc.add_local_candidate(active.build().unwrap());
        viewer
    }

    pub fn accept(&mut self, answer: &str) {
        let mut ufrag = answer.lines().filter_map(|line| line.strip_prefix("a=ice-ufrag:"));
        self.server_ufrag = ufrag.next().unwrap().to_owned();
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        let pending = self.pending.take().unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
        self.drain();
    }

    pub fn server_ufrag(&self) -> String {
        self.server_ufrag.clone()
    }

    /// A new offer with new ICE credentials.
    pub fn restart_offer(&mut self) -> String {
        let mut api = self.rtc.sdp_api();
        api.ice_restart(true);
        let (offer, pending): (SdpOffer, _) = api.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    pub fn ask_for_keyframe(&mut self) {
        let kind = KeyframeRequestKind::Pli;
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx_by_mid(self.mid, None).unwrap();
        stream.request_keyframe(kind);
        self.drain();
    }

    /// Runs on a real socket until `done`, or `until`.
    #[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a shell")]
    pub fn run_on(
        &mut self,
        socket: &std::net::UdpSocket,
        until: Instant,
        done: impl Fn(&Viewer) -> bool,
    ) {
        let mut buffer = [0; 2_048];
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        while !done(self) && Instant::now() < until {
            self.flush_to(socket);
            if let Ok((length, source)) = socket.recv_from(&mut buffer) {
                self.receive(Instant::now(), source, &buffer[..length]);
            }
            self.timeout(Instant::now());
        }
    }

    #[expect(clippy::disallowed_types, reason = "a shell")]
    pub fn flush_to(&mut self, socket: &std::net::UdpSocket) {
        self.drain();
        for (destination, bytes) in self.outgoing.drain(..) {
            socket.send_to(&bytes, destination).unwrap();
        }
    }

    pub(super) fn receive(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        let protocol = if self.stream.is_some() { Protocol::Tcp } else { Protocol::Udp };
        let received = Receive::new(protocol, source, self.address, bytes).unwrap();
        self.rtc.handle_input(Input::Receive(now, received)).unwrap();
        self.drain();
    }

    pub fn timeout(&mut self, now: Instant) {
        if self.wake <= now && self.rtc.is_alive() {
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output() {
                // One that cannot finish its handshake ends.
                Err(_) => {
                    self.rtc.disconnect();
                    return;
                }
                Ok(output) => match output {
                    Output::Timeout(at) => {
                        self.wake = at;
                        return;
                    }
                    Output::Transmit(out) => {
                        self.outgoing.push((out.destination, out.contents.to_vec()));
                    }
                    Output::Event(str0m::Event::Connected) => self.connected = true,
                    Output::Event(str0m::Event::Closed) => self.closed = true,
                    Output::Event(str0m::Event::MediaData(media)) => {
                        let data = media.data.to_vec();
                        let idr = |window: &[u8]| window[..3] == [0, 0, 1] && window[3] & 31 == 5;
                        self.frames.push(ReceivedFrame {
                            rtp_time: media.time.numer(),
                            contiguous: media.contiguous,
                            captured: media.ext_vals.abs_capture_time.and_then(|captured| {
                                captured.capture_time.duration_since(UNIX_EPOCH).ok()
                            }),
                            keyframe: data.windows(4).any(idr),
                            data,
                        });
                    }
                    Output::Event(_) => {}
                },
            }
        }
    }
}
