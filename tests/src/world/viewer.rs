//! A viewer under the world's clock: str0m as the controlling side, a STUN question through its own
//! NAT, and a decoder's view of what arrives.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pinhole_core::{OfferError, SessionId};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaData, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use super::net::{NodeId, Realm};
use super::stun::{binding_request, mapped_address};
use super::video;

/// Times that it asks the STUN server before it goes without.
const QUESTIONS_MAX: u32 = 7;
/// First wait for the STUN server; it doubles, as RFC 8489 §6.2.1 has it.
const QUESTION_RTO: Duration = Duration::from_millis(250);
/// Between two requests for a keyframe.
const PLI_INTERVAL: Duration = Duration::from_millis(300);

/// What a viewer is like, besides its NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habits {
    /// Offers at once and sends candidates later; otherwise it waits for its STUN server.
    pub trickles: bool,
    /// Tells its own address; browsers mostly do not.
    pub tells_host: bool,
    /// Restarts ICE when the server says that it should.
    pub restarts: bool,
}

/// One viewer.
pub struct Viewer {
    /// Its place in the network.
    pub node: NodeId,
    /// Where it is.
    pub realm: Realm,
    /// Its socket.
    pub address: SocketAddr,
    /// What it is like.
    pub habits: Habits,
    /// Its session at the server, once it has one.
    pub session: Option<SessionId>,
    /// When it got its answer.
    pub answered: Option<Instant>,
    /// When DTLS was through.
    pub connected: Option<Instant>,
    /// Why its offer was refused, if it was.
    pub refused: Option<OfferError>,
    /// Whether it was told that the session is over, or broke.
    pub closed: bool,
    /// When each picture came that could be decoded.
    pub pictures: Vec<Instant>,
    /// Where its media packets (DTLS, RTCP) go: the remote that its ICE agent selected.
    pub selected: Option<SocketAddr>,
    /// Its own address as its STUN server sees it.
    pub outside: Option<SocketAddr>,
    /// When it next asks its STUN server, and how often it has.
    question: Option<(Instant, u32)>,
    stun: Option<SocketAddr>,
    rtc: Rtc,
    mid: Mid,
    pending: Option<SdpPendingOffer>,
    offered: bool,
    gone: bool,
    decodes: bool,
    /// The number of the last picture.
    picture: u32,
    asked_for_keyframe: Option<Instant>,
    /// When it is next to be woken.
    wake: Instant,
    /// Candidates to send to the server.
    candidates: Vec<String>,
    outgoing: Vec<(SocketAddr, Vec<u8>)>,
    /// Candidates that came before the answer did.
    early: Vec<String>,
}

impl Viewer {
    /// Makes a viewer that asks `stun` where it is, if there is one.
    pub fn new(
        now: Instant,
        node: NodeId,
        (realm, address): (Realm, SocketAddr),
        habits: Habits,
        stun: Option<SocketAddr>,
    ) -> Viewer {
        let mut rtc = RtcConfig::new().clear_codecs().enable_h264(true).build(now);
        let host = Candidate::host(address, "udp").expect("an address of a host");
        rtc.add_local_candidate(host);
        let mut viewer = Viewer {
            node,
            realm,
            address,
            habits,
            session: None,
            answered: None,
            connected: None,
            refused: None,
            closed: false,
            pictures: Vec::new(),
            selected: None,
            outside: None,
            question: stun.map(|_| (now, 0)),
            stun,
            rtc,
            mid: Mid::from("none"),
            pending: None,
            offered: false,
            gone: false,
            decodes: false,
            picture: 0,
            asked_for_keyframe: None,
            wake: now,
            candidates: Vec::new(),
            outgoing: Vec::new(),
            early: Vec::new(),
        };
        viewer.drain(now);
        viewer
    }

    /// The first offer, once it is due: at once, or when its candidates are gathered.
    pub fn poll_offer(&mut self, now: Instant) -> Option<String> {
        let gathered = self.question.is_none();
        if self.gone || self.offered || !(self.habits.trickles || gathered) {
            return None;
        }
        self.offered = true;
        let mut api = self.rtc.sdp_api();
        self.mid = api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = api.apply().expect("a section was added");
        self.pending = Some(pending);
        self.drain(now);
        Some(self.told(&offer.to_sdp_string()))
    }

    /// A new offer with new ICE credentials; asks for its outside address anew.
    pub fn restart(&mut self, now: Instant) -> Option<String> {
        if self.pending.is_some() || self.closed || self.gone {
            return None;
        }
        let mut api = self.rtc.sdp_api();
        api.ice_restart(true);
        let (offer, pending) = api.apply()?;
        self.pending = Some(pending);
        self.question = self.stun.map(|_| (now, 0));
        self.outside = None;
        self.drain(now);
        Some(self.told(&offer.to_sdp_string()))
    }

    /// Takes the answer to its offer.
    pub fn accept(&mut self, now: Instant, answer: &str) {
        let Some(pending) = self.pending.take() else { return };
        // str0m takes the candidates of an SDP in any order; here it is that of the lines.
        let is_candidate = |line: &&str| line.starts_with("a=candidate:");
        let (candidates, rest): (Vec<&str>, Vec<&str>) = answer.lines().partition(is_candidate);
        let rest: String = rest.iter().map(|line| format!("{line}\r\n")).collect();
        let answer = SdpAnswer::from_sdp_string(&rest).expect("the server's answer parses");
        self.rtc.sdp_api().accept_answer(pending, answer).expect("the answer fits the offer");
        self.answered.get_or_insert(now);
        for candidate in candidates {
            self.add_candidate(now, &candidate["a=".len()..]);
        }
        for candidate in std::mem::take(&mut self.early) {
            self.add_candidate(now, &candidate);
        }
        self.timeout(now);
    }

    /// Takes a candidate of the server's.
    pub fn add_candidate(&mut self, now: Instant, line: &str) {
        if self.answered.is_none() {
            self.early.push(line.to_owned());
            return;
        }
        let candidate = Candidate::from_sdp_string(line).expect("the server's candidate parses");
        self.rtc.add_remote_candidate(candidate);
        self.timeout(now);
    }

    /// What it has to tell the server: candidates found since the offer.
    pub fn poll_candidate(&mut self) -> Option<String> {
        (self.offered && !self.candidates.is_empty()).then(|| self.candidates.remove(0))
    }

    /// What it has to send: destination and bytes.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        if self.gone {
            self.outgoing.clear();
        }
        (!self.outgoing.is_empty()).then(|| self.outgoing.remove(0))
    }

    /// When it wants [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Instant {
        self.question.map_or(self.wake, |(at, _)| at.min(self.wake))
    }

    /// Fires what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some((at, asked)) = self.question
            && at <= now
        {
            self.ask(now, asked);
        }
        if self.wake <= now {
            self.timeout(now);
        }
    }

    /// Takes a datagram.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        if self.gone {
            return;
        }
        if Some(from) == self.stun {
            return self.on_mapped(now, mapped_address(bytes));
        }
        // A check that overtakes the answer spoils str0m's pair with that address for good (seed 6,
        // full × none); browsers know no such check yet either.
        if self.answered.is_none() {
            return;
        }
        let Ok(received) = Receive::new(Protocol::Udp, from, self.address, bytes) else { return };
        if self.rtc.handle_input(Input::Receive(now, received)).is_err() {
            self.closed = true;
        }
        self.drain(now);
    }

    /// Goes without a word.
    pub fn vanish(&mut self) {
        self.gone = true;
        self.outgoing.clear();
    }

    /// The longest time without a picture from `since` until `now`.
    pub fn longest_gap(&self, since: Instant, now: Instant) -> Duration {
        let mut last = since;
        let mut longest = Duration::ZERO;
        for at in self.pictures.iter().filter(|at| **at > since) {
            longest = longest.max(*at - last);
            last = *at;
        }
        longest.max(now - last)
    }

    fn ask(&mut self, now: Instant, asked: u32) {
        let Some(stun) = self.stun.filter(|_| asked < QUESTIONS_MAX) else {
            self.question = None;
            return;
        };
        let id = u128::from(self.address.port()) << 64 | u128::from(asked);
        self.outgoing.push((stun, binding_request(id)));
        self.question = Some((now + QUESTION_RTO * 2_u32.pow(asked.min(3)), asked + 1));
    }

    fn on_mapped(&mut self, now: Instant, mapped: Option<SocketAddr>) {
        self.question = None;
        let Some(mapped) = mapped.filter(|mapped| self.outside != Some(*mapped)) else { return };
        self.outside = Some(mapped);
        let is_own = mapped == self.address;
        let candidate = match is_own {
            true => Candidate::host(self.address, "udp"),
            false => Candidate::server_reflexive(mapped, self.address, "udp"),
        };
        let candidate = candidate.expect("an address that a server saw");
        let line = candidate.to_sdp_string();
        // Its own address the agent knows; to add it twice would cost the pairs that it has.
        if !is_own {
            self.rtc.add_local_candidate(candidate);
        }
        // A public address is told by nobody else.
        if self.offered {
            self.candidates.push(line);
        }
        self.drain(now);
    }

    /// An offer as it leaves: without the viewer's own address, where that is not told.
    fn told(&self, offer: &str) -> String {
        if self.habits.tells_host {
            return offer.to_owned();
        }
        let own = format!(" {} {} typ host", self.address.ip(), self.address.port());
        let public = self.outside == Some(self.address);
        let kept = offer.lines().filter(|line| public || !line.contains(&own));
        kept.map(|line| format!("{line}\r\n")).collect()
    }

    fn timeout(&mut self, now: Instant) {
        if self.rtc.handle_input(Input::Timeout(now)).is_err() {
            self.closed = true;
        }
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        while !self.closed {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.wake = at;
                    return;
                }
                Ok(Output::Transmit(out)) => {
                    let bytes = out.contents.to_vec();
                    // RFC 7983: what is no STUN goes where the agent selected.
                    if bytes.first().is_some_and(|first| *first >= 20) {
                        self.selected = Some(out.destination);
                    }
                    self.outgoing.push((out.destination, bytes));
                }
                Ok(Output::Event(event)) => self.on_event(now, event),
                Err(_) => self.closed = true,
            }
        }
        self.wake = now + Duration::from_secs(3_600);
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Connected => self.connected = Some(now),
            Event::Closed => self.closed = true,
            Event::MediaData(media) => self.decode(now, &media),
            _ => {}
        }
    }

    /// A picture needs all that came before it since the last IDR.
    fn decode(&mut self, now: Instant, media: &MediaData) {
        let Some(slice) = video::parse(&media.data) else { return };
        // What could be decoded comes once, in order and whole.
        self.decodes = slice.keyframe || (self.decodes && media.contiguous);
        if self.decodes {
            assert!(slice.is_whole, "picture {:?} has other bytes than were sent", slice.index);
            if let Some(index) = slice.index {
                assert!(index > self.picture, "picture {index} after {}", self.picture);
                self.picture = index;
            }
            self.pictures.push(now);
            return;
        }
        let asked_lately = self.asked_for_keyframe.is_some_and(|at| at + PLI_INTERVAL > now);
        if !asked_lately {
            self.asked_for_keyframe = Some(now);
            let mut api = self.rtc.direct_api();
            if let Some(stream) = api.stream_rx_by_mid(self.mid, None) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
    }
}
