//! An endpoint and a viewer joined in memory, on a clock that moves when told.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pinhole_core::{Datagram, Endpoint, Limits, Transport};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::endpoint::{SERVER, endpoint};
use crate::viewer::{Offered, ViewerConfig};

/// Where the viewer is.
const VIEWER: &str = "192.0.2.7:6000";
/// A step of the clock: no timer of a handshake is much finer.
const STEP: Duration = Duration::from_millis(5);
/// Steps until a handshake is given up: a second of it.
const STEPS_MAX: usize = 200;

/// Both sides, and all that the viewer has sent.
pub struct Joined {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The clock.
    pub now: Instant,
    /// Every datagram of the viewer so far.
    pub sent_by_viewer: Vec<Vec<u8>>,
    rtc: Rtc,
    connected: bool,
    server: SocketAddr,
    viewer: SocketAddr,
}

/// An offer of a viewer that will never come.
pub(super) fn fresh_offer(now: Instant) -> String {
    offered(now).sdp
}

fn offered(now: Instant) -> Offered {
    let viewer: SocketAddr = VIEWER.parse().expect("a literal address");
    let candidate = Candidate::host(viewer, "udp").expect("a host candidate");
    ViewerConfig::default().make_offer(now, &candidate).expect("the default is an offer")
}

impl Joined {
    /// Connects a viewer through ICE and DTLS.
    ///
    /// # Panics
    /// They do not come together within a second of their clock: a fault of the core.
    pub fn new() -> Joined {
        let now = Instant::now();
        let mut endpoint = endpoint(now, "42c01f", Limits::default());
        let Offered { mut rtc, pending, sdp, .. } = offered(now);
        let accepted = endpoint.accept_offer(now, &sdp).expect("our own offer is good");
        answer(&mut rtc, pending, &accepted.answer);
        let mut joined = Joined {
            endpoint,
            now,
            sent_by_viewer: Vec::new(),
            rtc,
            connected: false,
            server: SERVER.parse().expect("a literal address"),
            viewer: VIEWER.parse().expect("a literal address"),
        };
        for _ in 0..STEPS_MAX {
            joined.step();
            if joined.connected && joined.endpoint.stats().connected == 1 {
                return joined;
            }
        }
        panic!("no connection: {:?}", joined.endpoint.stats());
    }

    /// Moves the clock and carries what both have to say, in order and without loss.
    pub fn step(&mut self) {
        self.now += STEP;
        self.endpoint.handle_timeout(self.now);
        self.carry_to_viewer();
        // The viewer is a peer of the tests: an error of it here ends the conversation and nothing else.
        let _ = self.rtc.handle_input(Input::Timeout(self.now));
        self.carry_to_endpoint();
        self.carry_to_viewer();
        while self.endpoint.poll_event().is_some() {}
    }

    /// Hands a datagram to the endpoint, as if the viewer or a stranger had sent it.
    pub fn inject(&mut self, from_viewer: bool, payload: &[u8]) {
        let stranger = SocketAddr::from(([192, 0, 2, 99], 9));
        let remote = if from_viewer { self.viewer } else { stranger };
        self.hand_in(remote, payload);
        self.carry_to_viewer();
    }

    fn hand_in(&mut self, remote: SocketAddr, payload: &[u8]) {
        let (local, transport) = (self.server, Transport::Udp);
        self.endpoint.handle_datagram(self.now, Datagram { local, remote, transport, payload });
    }

    fn carry_to_endpoint(&mut self) {
        for _ in 0..1000 {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => {
                    self.sent_by_viewer.push(transmit.contents.to_vec());
                    self.hand_in(self.viewer, &transmit.contents);
                }
                Ok(Output::Event(event)) => self.connected |= matches!(event, Event::Connected),
                Ok(Output::Timeout(_)) | Err(_) => return,
            }
        }
    }

    fn carry_to_viewer(&mut self) {
        let mut buffer = vec![0; Endpoint::TRANSMIT_BYTES_MAX];
        for _ in 0..1000 {
            let Some(transmit) = self.endpoint.poll_transmit(self.now, &mut buffer) else { return };
            assert!(transmit.len <= buffer.len() && transmit.segment_size > 0, "{transmit:?}");
            if transmit.remote != self.viewer {
                continue;
            }
            for bytes in buffer[..transmit.len].chunks(transmit.segment_size) {
                let received = Receive::new(Protocol::Udp, self.server, self.viewer, bytes);
                if let Ok(received) = received {
                    // As above: an error ends the conversation.
                    let _ = self.rtc.handle_input(Input::Receive(self.now, received));
                }
                self.carry_to_endpoint();
            }
        }
    }
}

impl Default for Joined {
    fn default() -> Joined {
        Joined::new()
    }
}

fn answer(rtc: &mut Rtc, pending: SdpPendingOffer, answer: &str) {
    let answer = SdpAnswer::from_sdp_string(answer).expect("our answer parses");
    rtc.sdp_api().accept_answer(pending, answer).expect("our answer fits our offer");
}
