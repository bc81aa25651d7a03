//! One viewer: ICE, DTLS, SRTP and RTCP by str0m in RTP mode, wrapped so that a call into it can
//! neither take the other viewers down nor draw randomness that is not ours.
//!
//! [`Lifecycle`] is the kernel: where the session stands. [`Session`] is the driver: it owns the
//! `Rtc`, hands it datagrams, time and packets, and turns what comes out into runs of datagrams.
//! str0m is polled only while the shell takes datagrams, so nothing queues up here beyond the frame at
//! hand, and a path that takes nothing shows as a session that is not drained.

mod cache;
mod candidates;
mod certificate;
mod clear;
mod crypto;
mod feedback;
mod frames;
mod idle;
mod keeping;
mod lifecycle;
mod local;
mod negotiate;
mod observed;
mod outlet;
mod pacing;
mod repeats;
mod resent;
mod run;
mod said;
mod setup;
mod standing;
mod state;
mod stats;
mod told;
mod writer;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use str0m::net::{Protocol, Receive};
use str0m::{Event, IceConnectionState, IceCreds, Input as RtcInput, Rtc};

pub use certificate::{Certificate, CertificateError};
pub use crypto::{crypto_provider, dtls};
use feedback::Heard;
use lifecycle::Lifecycle;
pub(crate) use lifecycle::{Input, Patience};
pub(crate) use local::{Local, Pair};
pub(crate) use observed::{CheckWay, Observed};
use outlet::Outlet;
use said::Said;
pub(crate) use setup::SessionSetup;
pub(crate) use standing::Standing;
pub(crate) use state::Signal;
pub use state::{CloseCause, SessionId, SessionState};
use stats::Seen;
pub use stats::{Path, PathKind};
pub use told::{BrowserReport, Checks, Dtls, IceError, ViewerCandidate};

use crate::adapt::PathRate;
use crate::base::{Ambient, SeedRng};
use crate::sdp::Offer;
use crate::wire::DropReason;

/// A timeout further away than this is str0m's way to say that there is none.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);

/// The most memory that one session takes, whatever its viewer does: 1.4 MB of packets kept for
/// retransmission, the offer with all its sections, candidates and pairs, and what waits to be sent.
/// Held by tests with a viewer that is let in and then hostile; connections over TCP have bounds of
/// their own.
pub const SESSION_BYTES_MAX: usize = 4 << 20;
/// Addresses that a viewer's checks may come from until it restarts ICE; those beyond are dropped.
/// str0m keeps each for good, with pairs that every datagram is compared with, and a viewer has a
/// handful: one that moves stays under the address that str0m knows.
const SOURCES_MAX: usize = 64;

/// One viewer.
pub(crate) struct Session {
    id: SessionId,
    life: Lifecycle,
    rtc: Rtc,
    ambient: Ambient,
    rng: SeedRng,
    /// Set up from the offer: what is sent, and where it stands.
    outlet: Outlet,
    offer: Offer,
    credentials: IceCreds,
    /// Of our certificate, as the answer names it.
    fingerprint: String,
    negotiations: u64,
    /// Candidates that the viewer told.
    told: Vec<SocketAddr>,
    /// Those of them that are relays of the viewer's.
    told_relays: Vec<SocketAddr>,
    /// Addresses that its checks came from, with the latest credentials.
    sources: BTreeSet<SocketAddr>,
    /// A datagram that did not fit the run before it.
    held: Option<str0m::net::Transmit>,
    /// Whether str0m may have output, or packets wait for it.
    drained: bool,
    /// Whether str0m is given a part of what waits before it is asked for anything.
    part_due: bool,
    /// When str0m wants its next timeout.
    wake: Option<Instant>,
    /// When it was last given one.
    timed_at: Option<Instant>,
    /// What its path takes, where that is estimated: then str0m paces its packets, and its clock may
    /// run ahead by [`AHEAD`] while a frame leaves.
    path_rate: Option<PathRate>,
    heard: Heard,
    /// When its latest credentials were agreed.
    offered_at: Instant,
    /// Whether str0m does not know our relays yet.
    relays_wait: bool,
    /// Where its packets went last.
    pair: Option<Pair>,
    seen: Seen,
    /// For a diagnosis.
    pub(crate) observed: Observed,
}

impl Session {
    /// Our side's user name fragment: names the session in the first check from an address.
    pub(crate) fn ufrag(&self) -> &str {
        &self.credentials.ufrag
    }

    pub(crate) fn password(&self) -> &str {
        &self.credentials.pass
    }

    pub(crate) fn state(&self) -> SessionState {
        self.life.state()
    }

    /// When its latest credentials were agreed.
    pub(crate) fn offered_at(&self) -> Instant {
        self.offered_at
    }

    /// Between which of str0m's addresses its packets go; `None` before the first.
    pub(crate) fn pair(&self) -> Option<Pair> {
        self.pair
    }

    /// The addresses that the viewer told as candidates of its own.
    pub(crate) fn told(&self) -> &[SocketAddr] {
        &self.told
    }

    /// Those of them that are relays of the viewer's.
    pub(crate) fn told_relays(&self) -> &[SocketAddr] {
        &self.told_relays
    }

    /// The same, for as long as the session itself is borrowed; to be returned.
    pub(crate) fn lend_told_relays(&mut self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.told_relays)
    }

    pub(crate) fn return_told_relays(&mut self, relays: Vec<SocketAddr>) {
        self.told_relays = relays;
    }

    /// Whether str0m may be told of a check from there: it was before, or there is room.
    pub(crate) fn may_come_from(&mut self, remote: SocketAddr) -> bool {
        let room = self.sources.len() < SOURCES_MAX;
        self.sources.contains(&remote) || room && self.sources.insert(remote)
    }

    /// Whether all that str0m had to send was taken.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained
    }

    /// Whether it is over and nothing is left to send.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.state(), SessionState::Closed(_)) && self.drained
    }

    /// Takes a datagram from the viewer; `local` is one of our candidates.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        protocol: Protocol,
        local: SocketAddr,
        remote: SocketAddr,
        payload: &[u8],
    ) -> Result<(), DropReason> {
        let received = Receive::new(protocol, remote, local, payload);
        let received = received.map_err(|_| DropReason::Malformed)?;
        self.drained = false;
        // An error here is about this one datagram, which anybody may have sent; what is fatal
        // shows in that str0m is no longer alive.
        let outcome = self.hear(now, payload, |it| {
            it.call(|rtc| rtc.handle_input(RtcInput::Receive(now, received)))
        });
        match outcome {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                tracing::debug!(id = ?self.id, %error, "datagram refused");
                self.observed.on_error(&error);
                Err(DropReason::Malformed)
            }
            None => Err(DropReason::Malformed),
        }
    }

    /// Fires str0m's timers.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.drained = false;
        self.wake = None;
        self.timed_at = Some(now);
        if let Some(Err(error)) = self.call(|rtc| rtc.handle_input(RtcInput::Timeout(now))) {
            tracing::debug!(id = ?self.id, %error, "session failed");
            self.observed.on_error(&error);
            self.kill();
        }
    }

    /// Takes an input of the session's life; closing also tells the viewer.
    pub(crate) fn on(&mut self, now: Instant, input: Input) -> Option<SessionState> {
        let before = self.state();
        let state = self.life.on(now, input);
        self.observed.on_life(now, input, before, state);
        let state = state?;
        match state {
            SessionState::Closed(CloseCause::Remote | CloseCause::Failed) => {}
            SessionState::Closed(_) => {
                self.drained = false;
                self.outlet.forget_unwritten();
                // RTCP BYE and DTLS close_notify; before DTLS is up there is nobody to tell.
                if let Some(Err(error)) = self.call(Rtc::close) {
                    tracing::debug!(id = ?self.id, %error, "closed without a word");
                    self.kill();
                }
            }
            SessionState::Connected => self.outlet.wait_for_keyframe(),
            SessionState::Connecting | SessionState::Interrupted => {}
        }
        Some(state)
    }

    /// The next thing that str0m has to say, or `None` once it is drained.
    fn poll_datagram(
        &mut self,
        now: Instant,
        signal: &mut impl FnMut(Signal),
    ) -> Option<str0m::net::Transmit> {
        // Timeouts that are due are given at once; more in a row than this is a fault of str0m's,
        // and the session is looked at again with the next input.
        const TIMEOUTS_IN_A_ROW_MAX: u32 = 1_000;
        let mut timeouts = 0;
        loop {
            if self.part_due {
                self.write_part(now);
            }
            match self.poll_paced(now) {
                Some(Ok(Said::Datagram(datagram))) => return Some(datagram),
                Some(Ok(Said::Event(event))) => self.on_event(now, *event, signal),
                Some(Ok(Said::Timeout(_))) if self.outlet.has_unwritten() => self.part_due = true,
                Some(Ok(Said::Timeout(at))) => {
                    let at = self.put_off(now, at);
                    if at <= now && timeouts < TIMEOUTS_IN_A_ROW_MAX {
                        timeouts += 1;
                        self.handle_timeout(now);
                        continue;
                    }
                    self.wake = (at < now + TIMEOUT_MAX).then_some(at.max(now));
                    break;
                }
                Some(Err(error)) => {
                    tracing::debug!(id = ?self.id, %error, "session failed");
                    self.observed.on_error(&error);
                    self.kill();
                    break;
                }
                None => break,
            }
        }
        self.drained = true;
        if !self.rtc.is_alive() {
            self.wake = None;
            let closed = Input::Close(CloseCause::Failed);
            self.life.on(now, closed).map(Signal::State).into_iter().for_each(signal);
        }
        None
    }

    fn on_event(&mut self, now: Instant, event: Event, signal: &mut impl FnMut(Signal)) {
        let input = match event {
            Event::Connected => {
                if let Some(rtt) = self.observed.dtls_answered_in {
                    self.outlet.on_rtt(rtt);
                }
                Some(Input::Established)
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                Some(Input::PathLost)
            }
            Event::IceConnectionStateChange(
                IceConnectionState::Connected | IceConnectionState::Completed,
            ) => Some(Input::PathBack),
            Event::Closed => Some(Input::Close(CloseCause::Remote)),
            Event::KeyframeRequest(_) => {
                self.outlet.on_keyframe_request(now, self.seen.rtt);
                self.observed.keyframe_requests += 1;
                let needed = self.needs_keyframe(now);
                signal(Signal::KeyframeRequested { needed });
                None
            }
            Event::PeerStats(stats) => {
                self.on_peer_stats(&stats, signal);
                None
            }
            Event::MediaEgressStats(stats) => {
                self.on_media_stats(&stats, signal);
                None
            }
            _ => None,
        };
        let state = input.and_then(|input| self.on(now, input));
        state.map(Signal::State).into_iter().for_each(signal);
    }

    /// Calls into str0m with this session's own randomness. `None`: it panicked, which it does on
    /// faults of its own; the session is over, the others are not.
    fn call<T>(&mut self, call: impl FnOnce(&mut Rtc) -> T) -> Option<T> {
        let Session { rtc, ambient, .. } = self;
        match catch_unwind(AssertUnwindSafe(|| ambient.scope(|| call(rtc)))) {
            Ok(result) => Some(result),
            Err(_) => {
                self.kill();
                None
            }
        }
    }

    fn kill(&mut self) {
        self.rtc.disconnect();
        self.outlet.forget_unwritten();
        self.drained = false;
        self.wake = None;
    }
}
