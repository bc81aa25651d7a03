//! One viewer: an `Rtc`, its socket, what it has seen. Runs on the pool's thread.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use mio::net::UdpSocket;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{KeyframeRequestKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

use super::config::ViewerConfig;
use super::frames::{AccessUnit, Assembler};
use super::stats::{Counter, ViewerState, ViewerStats};

/// Datagrams read per turn, so that one viewer does not starve the others.
const RECEIVE_BATCH: usize = 64;

/// Kernel buffer for datagrams that wait: a large keyframe, whole.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

pub(super) struct Session {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    candidate: Candidate,
    video: Mid,
    pending: Option<SdpPendingOffer>,
    counter: Counter,
    assembler: Assembler,
    keep_frames: usize,
    /// When the `Rtc` wants its timeout; `None`: never again.
    deadline: Option<Instant>,
}

impl Session {
    /// Binds a socket and makes an offer.
    pub(super) fn new(config: &ViewerConfig, now: Instant) -> Result<(Session, String)> {
        let socket = std::net::UdpSocket::bind((config.bind, 0)).context("binding a viewer")?;
        socket.set_nonblocking(true)?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        let local = socket.local_addr()?;
        let candidate = Candidate::host(local, "udp").context("the viewer's candidate")?;
        let offered = config.make_offer(now, &candidate).ok_or_else(|| anyhow!("no offer"))?;
        let session = Session {
            rtc: offered.rtc,
            socket: UdpSocket::from_std(socket),
            local,
            candidate,
            video: offered.video,
            pending: Some(offered.pending),
            counter: Counter::new(),
            assembler: Assembler::default(),
            keep_frames: config.keep_frames,
            deadline: None,
        };
        Ok((session, offered.sdp))
    }

    pub(super) fn socket(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn candidate(&self) -> String {
        self.candidate.to_sdp_string()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn seen(&self) -> ViewerStats {
        self.counter.seen.clone()
    }

    pub(super) fn take_frames(&mut self) -> Vec<AccessUnit> {
        self.assembler.take()
    }

    /// Takes the answer to the last offer; checks begin.
    pub(super) fn answer(&mut self, now: Instant, sdp: &str) -> Result<()> {
        let pending = self.pending.take().context("no offer waits for an answer")?;
        let answer = SdpAnswer::from_sdp_string(sdp).context("the answer does not parse")?;
        self.rtc.sdp_api().accept_answer(pending, answer).context("the answer is refused")?;
        if self.counter.seen.answered_at.is_none() {
            self.counter.seen.answered_at = Some(now);
            self.counter.seen.state = ViewerState::Connecting;
        }
        self.handle_timeout(now);
        Ok(())
    }

    /// A new offer with new ICE credentials.
    pub(super) fn restart(&mut self) -> Result<String> {
        let mut changes = self.rtc.sdp_api();
        changes.ice_restart(true);
        let (offer, pending) = changes.apply().context("an ICE restart makes an offer")?;
        self.pending = Some(pending);
        self.drain();
        Ok(offer.to_sdp_string())
    }

    /// Takes one candidate of the server, `candidate:…`.
    pub(super) fn add_candidate(&mut self, now: Instant, line: &str) -> Result<()> {
        self.rtc.add_remote_candidate(Candidate::from_sdp_string(line)?);
        self.handle_timeout(now);
        Ok(())
    }

    /// Asks for a keyframe (PLI).
    pub(super) fn request_keyframe(&mut self, now: Instant) -> Result<()> {
        let video = self.video;
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_rx_by_mid(video, None) else { bail!("no stream yet") };
        stream.request_keyframe(KeyframeRequestKind::Pli);
        self.handle_timeout(now);
        Ok(())
    }

    /// Says goodbye: RTCP BYE, DTLS close_notify.
    pub(super) fn close(&mut self, now: Instant) -> Result<()> {
        self.rtc.close()?;
        self.handle_timeout(now);
        self.counter.seen.state = ViewerState::Closed;
        Ok(())
    }

    /// Falls silent; the socket stays open, so that nothing tells the server.
    pub(super) fn vanish(&mut self) {
        self.counter.seen.state = ViewerState::Vanished;
        self.deadline = None;
    }

    pub(super) fn send_raw(&mut self, to: SocketAddr, bytes: &[u8]) -> Result<()> {
        self.socket.send_to(bytes, to).context("sending raw bytes")?;
        Ok(())
    }

    /// Reads a bounded batch; true if more may wait.
    pub(super) fn on_readable(&mut self, now: Instant) -> bool {
        let mut buffer = [0; 2048];
        for _ in 0..RECEIVE_BATCH {
            match self.socket.recv_from(&mut buffer) {
                Ok((len, source)) => self.on_datagram(now, source, &buffer[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                // ICMP unreachable of an earlier send: the server is gone, which shows elsewhere.
                Err(_) => {}
            }
        }
        true
    }

    fn on_datagram(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        if self.is_silent() {
            return;
        }
        self.counter.seen.remote = Some(source);
        match Receive::new(Protocol::Udp, source, self.local, bytes) {
            Ok(receive) => self.input(Input::Receive(now, receive)),
            Err(error) => self.fail(format!("a datagram of the server is malformed: {error}")),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.input(Input::Timeout(now));
    }

    fn input(&mut self, input: Input<'_>) {
        if self.is_silent() {
            return;
        }
        match self.rtc.handle_input(input) {
            Ok(()) => self.drain(),
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    // str0m says "never" with an instant far away.
                    let soon = at < Instant::now() + Duration::from_secs(3600);
                    self.deadline = Some(at).filter(|_| soon && self.rtc.is_alive());
                    return;
                }
                // A full buffer or a closed port loses a datagram, as networks do.
                Ok(Output::Transmit(transmit)) => {
                    let _ = self.socket.send_to(&transmit.contents, transmit.destination);
                }
                Ok(Output::Event(event)) => self.on_event(event),
                Err(error) => return self.fail(error.to_string()),
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Connected => {
                self.counter.seen.state = ViewerState::Connected;
                self.counter.seen.connected_at.get_or_insert_with(Instant::now);
            }
            Event::Closed => self.counter.seen.state = ViewerState::ClosedByServer,
            Event::RtpPacket(packet) => {
                let time = packet.time.numer();
                let position = (*packet.seq_no, time, packet.header.marker);
                let (at, payload) = (packet.timestamp, &packet.payload);
                let new = self.counter.on_packet(at, *packet.header.ssrc, position, payload);
                if new && self.keep_frames > 0 {
                    self.assembler.push(at, position, payload, self.keep_frames);
                }
            }
            _ => {}
        }
    }

    fn is_silent(&self) -> bool {
        matches!(self.counter.seen.state, ViewerState::Vanished | ViewerState::Failed(_))
    }

    fn fail(&mut self, how: String) {
        self.counter.seen.state = ViewerState::Failed(how);
        self.deadline = None;
    }
}
