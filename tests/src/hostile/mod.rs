//! A viewer that has all it needs to be let in, and then does what it likes.
//!
//! It speaks STUN, DTLS (`dimpl`) and SRTP itself, without an ICE agent or a session of anybody's,
//! so that whatever it is told to send leaves with valid integrity, from any address, in any
//! number. [`Hostile::join`] brings it to the point where an honest viewer would watch.

mod attacks;
mod rtcp;
mod siege;
mod srtp;
mod stun;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use dimpl::{Dtls, Output};
use pinhole_core::{Datagram, Endpoint, Frame, SessionId, SessionState, Transport};

pub use attacks::{ATTACKS, Act};
pub use rtcp::{compound, feedback, nacks, report, transport_feedback};
pub use srtp::Protection;

use crate::access_unit::access_unit;
use crate::crypto;

/// Its ICE credentials.
pub const UFRAG: &str = "hostile1";
const PASSWORD: &str = "hostile-hostile-hostile1";
/// Checks that wait to be answered; more are lost.
const ANSWERS_MAX: usize = 1_000;
/// Inputs that joining may take.
const JOIN_MAX: usize = 1_000;

/// What came out of the endpoint for one input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answered {
    /// Datagrams.
    pub datagrams: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// A hostile viewer and its victim.
pub struct Hostile {
    /// The victim.
    pub endpoint: Endpoint,
    /// The virtual time.
    pub now: Instant,
    /// Its session.
    pub session: SessionId,
    /// Where it is.
    pub address: SocketAddr,
    /// Its DTLS.
    pub dtls: Dtls,
    /// Its SRTP, once it has joined.
    pub protection: Option<Protection>,
    /// The SSRC of the video.
    pub video: u32,
    /// The last RTP sequence number that it saw.
    pub last_sequence: u16,
    server: SocketAddr,
    server_ufrag: String,
    server_password: String,
    fingerprint: String,
    frames: u32,
    buffer: Vec<u8>,
    connected: bool,
    /// Answers to the victim's checks that have not left yet.
    answers: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Told when the victim begins to work (`true`) and when it has done.
    watch: fn(bool),
}

impl Hostile {
    /// Offers to an endpoint whose only base is `server`.
    ///
    /// # Panics
    /// The endpoint refuses a good offer.
    pub fn new(
        now: Instant,
        mut endpoint: Endpoint,
        server: SocketAddr,
        watch: fn(bool),
    ) -> Hostile {
        let (dtls, certificate) = crypto::client(now);
        let fingerprint = fingerprint(&certificate);
        let offer = offer(UFRAG, PASSWORD, &fingerprint);
        watch(true);
        let accepted = endpoint.accept_offer(now, &offer).expect("a good offer");
        watch(false);
        let ssrc = value(&accepted.answer, "a=ssrc:");
        let video = ssrc.split(' ').next().and_then(|ssrc| ssrc.parse().ok());
        Hostile {
            endpoint,
            now,
            session: accepted.session,
            address: ([203, 0, 113, 9], 6_000).into(),
            dtls,
            protection: None,
            video: video.expect("the answer names the stream"),
            last_sequence: 0,
            server,
            server_ufrag: value(&accepted.answer, "a=ice-ufrag:"),
            server_password: value(&accepted.answer, "a=ice-pwd:"),
            fingerprint,
            frames: 0,
            buffer: vec![0; Endpoint::TRANSMIT_BYTES_MAX],
            connected: false,
            answers: VecDeque::new(),
            watch,
        }
    }

    /// Does what an honest viewer does until it would watch.
    ///
    /// # Panics
    /// It does not come that far.
    pub fn join(&mut self) {
        let mut checks = 0_u8;
        for _ in 0..JOIN_MAX {
            if checks < 2 {
                checks += 1;
                let check = self.check(u128::from(checks), true);
                self.send(self.address, &check);
            }
            self.dtls.handle_timeout(self.now).expect("nothing is wrong yet");
            self.pump_dtls();
            if self.protection.is_some() && self.connected && self.is_connected() {
                return;
            }
            self.pass(Duration::from_millis(20));
        }
        panic!("the hostile viewer is not let in");
    }

    /// Whether the endpoint thinks that it is connected.
    pub fn is_connected(&self) -> bool {
        let sessions = self.endpoint.sessions();
        sessions.iter().any(|one| one.id == self.session && one.state == SessionState::Connected)
    }

    /// A check with integrity, of this transaction.
    pub fn check(&self, id: u128, nominates: bool) -> Vec<u8> {
        let username = format!("{}:{UFRAG}", self.server_ufrag);
        stun::check(id, &username, &self.server_password, nominates)
    }

    /// Restarts ICE, and takes the credentials of what it is answered.
    pub fn restart(
        &mut self,
        how: impl FnOnce(&mut Endpoint, Instant, SessionId) -> Option<String>,
    ) {
        let credentials = self.ask(|endpoint, now, session| {
            // The answer is given back before it counts as taken.
            let answer = how(endpoint, now, session)?;
            let mut kept = [0; 32];
            let (ufrag, password) = (value(&answer, "a=ice-ufrag:"), value(&answer, "a=ice-pwd:"));
            kept[..ufrag.len()].copy_from_slice(ufrag.as_bytes());
            kept[8..8 + password.len()].copy_from_slice(password.as_bytes());
            Some(kept)
        });
        if let Some(kept) = credentials {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (self.server_ufrag, self.server_password) = (text(&kept[..8]), text(&kept[8..]));
        }
    }

    /// An offer with other ICE credentials.
    pub fn offer(&self, number: u64) -> String {
        offer(&format!("hostile{number}"), &format!("{PASSWORD}{number}"), &self.fingerprint)
    }

    /// Sends a datagram from an address.
    pub fn send(&mut self, from: SocketAddr, bytes: &[u8]) -> Answered {
        let (local, transport) = (self.server, Transport::Udp);
        let datagram = Datagram { local, remote: from, transport, payload: bytes };
        (self.watch)(true);
        self.endpoint.handle_datagram(self.now, datagram);
        (self.watch)(false);
        self.drain()
    }

    /// Asks something of the endpoint.
    pub fn ask<T>(&mut self, what: impl FnOnce(&mut Endpoint, Instant, SessionId) -> T) -> T {
        (self.watch)(true);
        let result = what(&mut self.endpoint, self.now, self.session);
        (self.watch)(false);
        result
    }

    /// Lets time pass. What the victim asks is answered, or it would find that nobody is there.
    pub fn pass(&mut self, time: Duration) -> Answered {
        let until = self.now + time;
        let mut all = Answered::default();
        for _ in 0..self.answers.len() {
            let Some((from, answer)) = self.answers.pop_front() else { break };
            self.send(from, &answer);
        }
        while let Some((at, _)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.ask(|endpoint, now, _| endpoint.handle_timeout(now));
            let answered = self.drain();
            all.datagrams += answered.datagrams;
            all.bytes += answered.bytes;
        }
        self.now = until;
        all
    }

    /// The server sends a frame of so many bytes.
    pub fn frame(&mut self, bytes: usize) -> Answered {
        let keyframe = self.frames.is_multiple_of(60);
        self.frames += 1;
        let data = access_unit(keyframe, std::iter::repeat_n(0xa5, bytes));
        self.ask(|endpoint, now, _| endpoint.send_frame(now, Frame { data: &data, captured: now }));
        self.drain()
    }

    /// Takes all that the endpoint has to say.
    pub fn drain(&mut self) -> Answered {
        let mut answered = Answered::default();
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Some(out) = self.ask(|endpoint, now, _| endpoint.poll_transmit(now, &mut buffer))
        {
            for bytes in buffer[..out.len].chunks(out.segment_size) {
                answered.datagrams += 1;
                answered.bytes += bytes.len();
                self.on_datagram(out.remote, bytes);
            }
        }
        self.buffer = buffer;
        while self.ask(|endpoint, _, _| endpoint.poll_event().is_some()) {}
        answered
    }

    /// Of DTLS it reads what it needs to join; afterwards it does not care.
    fn on_datagram(&mut self, to: SocketAddr, bytes: &[u8]) {
        match bytes {
            // Of the stream itself, not what is sent again.
            [0x80..=0x9f, kind, high, low, ..] if kind & 0x7f == 96 => {
                self.last_sequence = u16::from_be_bytes([*high, *low]);
            }
            [20..64, ..] if !self.connected => {
                // What is wrong shows in that it does not join.
                let _ = self.dtls.handle_packet(bytes);
            }
            [0, 1, ..] if self.answers.len() < ANSWERS_MAX => {
                let answer = stun::answer(bytes, self.server, PASSWORD);
                self.answers.extend(answer.map(|answer| (to, answer)));
            }
            _ => {}
        }
    }

    /// Sends what DTLS has to say.
    pub fn pump_dtls(&mut self) -> Answered {
        let mut all = Answered::default();
        let mut out = vec![0; 4_096];
        loop {
            let packet = match self.dtls.poll_output(&mut out) {
                Output::Packet(packet) => packet.to_vec(),
                Output::KeyingMaterial(material, profile) => {
                    self.protection = Some(Protection::new(&material, profile));
                    continue;
                }
                Output::Connected => {
                    self.connected = true;
                    continue;
                }
                Output::Timeout(_) => return all,
                _ => continue,
            };
            let answered = self.send(self.address, &packet);
            all.datagrams += answered.datagrams;
            all.bytes += answered.bytes;
        }
    }

    /// A whole SRTCP packet around compound RTCP.
    ///
    /// # Panics
    /// It has not joined.
    pub fn srtcp(&mut self, rtcp: &[u8]) -> Vec<u8> {
        self.protection.as_mut().expect("it has joined").rtcp(rtcp)
    }

    /// A whole SRTP packet.
    ///
    /// # Panics
    /// It has not joined.
    pub fn srtp(&mut self, ssrc: u32, sequence: u16, kind: u8, payload: &[u8]) -> Vec<u8> {
        self.protection.as_mut().expect("it has joined").rtp(ssrc, sequence, kind, payload)
    }
}

/// The value of the first line that begins so.
fn value(sdp: &str, prefix: &str) -> String {
    let found = sdp.lines().find_map(|line| line.strip_prefix(prefix));
    found.unwrap_or_else(|| panic!("no {prefix} in {sdp}")).to_owned()
}

fn fingerprint(certificate: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, certificate);
    let pairs: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn offer(ufrag: &str, password: &str, fingerprint: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\na=setup:active\r\na=mid:0\r\n\
         a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
         a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 H264/90000\r\n\
         a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n\
         a=rtcp-fb:96 transport-cc\r\n\
         a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42c01f\r\n\
         a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
    )
}
