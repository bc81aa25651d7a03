//! Speaks with a running loop.
//!
//! Each command goes through one bounded queue and comes back through a channel of its own, so that
//! the futures here belong to no executor: the loop's thread wakes them, whoever polls them. A queue
//! that is full answers [`HandleError::Busy`] at once rather than wait, and a loop that has ended, or
//! ends with the command still queued, answers [`HandleError::Gone`].
//!
//! Where there are several loops ([`loops`]), a command about a session goes to the loop that has it,
//! one about the stream or the network to all of them, and their answers are put together ([`merge`]).
mod loops;
mod merge;

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Weak};

use pinhole_core::diagnose::{BrowserReport, Surroundings};
use pinhole_core::gather::{LocalCandidate, ServerReport};
use pinhole_core::portmap::Protocol;
use pinhole_core::{CandidateError, Findings, OfferError, SessionId};
use pinhole_encoder::MediaEvent;

pub(crate) use self::loops::{Adopted, LoopEnd, Loops};
use crate::command::Command;
use crate::outlets::Inlets;
use crate::{RtpClock, Snapshot, Viewer};

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandleError<E> {
    /// The command queue is full: the server is overloaded.
    #[error("the server is busy; try again")]
    Busy,
    /// The runtime has ended.
    #[error("the server is shutting down")]
    Gone,
    /// The core refused it.
    #[error(transparent)]
    Refused(#[from] E),
}

/// Never: for commands that the core cannot refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Never {}

/// Speaks with a runtime from any thread and any executor: all futures here are woken by the
/// runtime's own thread. Clones speak with the same runtime; once all are dropped it shuts down.
#[derive(Clone)]
pub struct Handle {
    loops: Arc<Loops>,
    inlets: Inlets,
}

/// A probe from outside that came to a socket: see `pinhole_core::stun::write_proof`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The socket's address.
    pub local: SocketAddr,
    /// Where it seemed to come from.
    pub remote: SocketAddr,
    /// Its token.
    pub token: String,
    /// Its place among those with this token.
    pub sequence: u16,
}

impl Handle {
    pub(crate) fn new(end: LoopEnd, inlets: Inlets) -> Handle {
        Handle { loops: Arc::new(Loops::one(end)), inlets }
    }

    /// One handle of many loops: those of the first and of the others, none of which was cloned.
    pub(crate) fn of_all(handles: Vec<Handle>) -> Handle {
        let inlets = handles.first().expect("there are several loops").inlets.clone();
        let alone = |handle: Handle| {
            Arc::into_inner(handle.loops).expect("a handle that was just made has no clone")
        };
        Handle { loops: Arc::new(Loops::all(handles.into_iter().map(alone))), inlets }
    }

    /// The loops, for whoever must not keep them running.
    pub(crate) fn loops(&self) -> Weak<Loops> {
        Arc::downgrade(&self.loops)
    }

    /// Answers an offer with a new session. Dropping the future before it is ready closes the session.
    pub async fn accept_offer(&self, sdp: String) -> Result<Viewer, HandleError<OfferError>> {
        self.loops.accept_offer(sdp).await
    }

    /// Answers a further offer of a session (ICE restart) with an SDP answer.
    pub async fn renegotiate(
        &self,
        id: SessionId,
        sdp: String,
    ) -> Result<String, HandleError<OfferError>> {
        self.loops.of(id).ask(|reply| Command::Renegotiate { id, sdp, reply }).await
    }

    /// Takes an SDP fragment of WHEP's PATCH (RFC 8840): candidates, or an ICE restart, for which
    /// the fragment to answer with is returned.
    pub async fn handle_fragment(
        &self,
        id: SessionId,
        fragment: String,
    ) -> Result<Option<String>, HandleError<OfferError>> {
        self.loops.of(id).ask(|reply| Command::HandleFragment { id, fragment, reply }).await
    }

    /// Takes one trickled candidate.
    pub async fn add_candidate(
        &self,
        id: SessionId,
        candidate: String,
    ) -> Result<(), HandleError<CandidateError>> {
        self.loops.of(id).ask(|reply| Command::AddCandidate { id, candidate, reply }).await
    }

    /// Offers a late address to all viewers.
    pub async fn add_local_candidate(
        &self,
        candidate: LocalCandidate,
    ) -> Result<(), HandleError<Never>> {
        if candidate.protocol == Protocol::Udp {
            let of_base = self.loops.of_port(candidate.base.port());
            return of_base.ask(|reply| Command::AddLocalCandidate { candidate, reply }).await;
        }
        let command = |reply| Command::AddLocalCandidate { candidate, reply };
        self.loops.ask_all(command).await.map(drop)
    }

    /// Gives a TCP connection that a viewer made (RFC 6544) to the endpoint, with all that was read
    /// of it: an RFC 4571 frame with a STUN message, or the beginning of one. With several loops a
    /// beginning does not tell whose it is: read the frame to its end before. False: there are too
    /// many, and it is closed.
    pub async fn adopt_stream(
        &self,
        stream: TcpStream,
        first_bytes: Vec<u8>,
    ) -> Result<bool, HandleError<Never>> {
        self.loops.adopt_stream(stream, first_bytes).await
    }

    /// Tells where a session's signalling comes from, for a diagnosis.
    pub async fn set_signalled_from(
        &self,
        id: SessionId,
        from: IpAddr,
    ) -> Result<(), HandleError<Never>> {
        self.loops.of(id).ask(|reply| Command::SetSignalledFrom { id, from, reply }).await
    }

    /// Tells what a viewer's browser saw. False: there is no such session.
    pub async fn report_browser(
        &self,
        id: SessionId,
        report: BrowserReport,
    ) -> Result<bool, HandleError<Never>> {
        let report = Box::new(report);
        self.loops.of(id).ask(|reply| Command::ReportBrowser { id, report, reply }).await
    }

    /// Tells what the program found out about the network, in place of what it told before.
    pub async fn set_findings(&self, findings: Findings) -> Result<(), HandleError<Never>> {
        let command = |reply| Command::SetFindings { findings: Box::new(findings.clone()), reply };
        self.loops.ask_all(command).await.map(drop)
    }

    /// Probes with these tokens, and no others, are told by [`Handle::probe`].
    pub async fn expect_probes(&self, tokens: Vec<String>) -> Result<(), HandleError<Never>> {
        let command = |reply| Command::ExpectProbes { tokens: tokens.clone(), reply };
        self.loops.ask_all(command).await.map(drop)
    }

    /// Waits for the next probe that comes to a socket; `None` once the runtime has ended. Of several
    /// waiters each probe goes to one.
    pub async fn probe(&self) -> Option<Probe> {
        self.inlets.probes.recv().await.ok()
    }

    /// The network around the endpoint, as far as it is known.
    pub async fn surroundings(&self) -> Result<Surroundings, HandleError<Never>> {
        let all = self.loops.ask_all(|reply| Command::Surroundings { reply }).await?;
        Ok(merge::surroundings(all))
    }

    /// Ends a session. False: there was none.
    pub async fn close(&self, id: SessionId) -> Result<bool, HandleError<Never>> {
        self.loops.of(id).ask(|reply| Command::Close { id, reply }).await
    }

    /// Counters now, of all loops together.
    pub async fn snapshot(&self) -> Result<Snapshot, HandleError<Never>> {
        let all = self.loops.ask_all(|reply| Command::Snapshot { reply }).await?;
        Ok(merge::snapshots(all))
    }

    /// The RTP clock now.
    pub async fn rtp_clock(&self) -> Result<RtpClock, HandleError<Never>> {
        let all = self.loops.ask_all(|reply| Command::RtpClock { reply }).await?;
        Ok(merge::clocks(all))
    }

    /// Ends all sessions, telling the viewers, then the loop, or every loop. Comes back when its thread
    /// is about to end, at most a quarter of a second later. New offers are answered with [`HandleError::Gone`].
    pub async fn shut_down(&self) -> Result<(), HandleError<Never>> {
        self.loops.shut_down().await
    }

    /// Waits for the stream's next event; `None` once the runtime has ended. Of several waiters each
    /// event goes to one.
    pub async fn media_event(&self) -> Option<MediaEvent> {
        self.inlets.media_events.recv().await.ok()
    }

    /// Waits for what a STUN or TURN server says next, with its place in `GatherConfig::servers`;
    /// `None` once the runtime has ended. Of several waiters each report goes to one.
    pub async fn server_report(&self) -> Option<(usize, ServerReport)> {
        self.inlets.server_reports.recv().await.ok()
    }
}

#[cfg(test)]
mod tests;
