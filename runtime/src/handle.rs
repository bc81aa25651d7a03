//! Speaks with a running loop.
//!
//! Each command goes through one bounded queue and comes back through a channel of its own, so that
//! the futures here belong to no executor: the loop's thread wakes them, whoever polls them. A queue
//! that is full answers [`HandleError::Busy`] at once rather than wait, and a loop that has ended, or
//! ends with the command still queued, answers [`HandleError::Gone`].
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use pinhole_core::diagnose::{BrowserReport, Surroundings};
use pinhole_core::gather::{LocalCandidate, ServerReport};
use pinhole_core::{CandidateError, Findings, OfferError, SessionId};
use pinhole_encoder::MediaEvent;

use crate::command::{Command, CommandSender, Reply};
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
    commands: Arc<CommandSender>,
    media_events: async_channel::Receiver<MediaEvent>,
    server_reports: async_channel::Receiver<(usize, ServerReport)>,
    probes: async_channel::Receiver<Probe>,
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
    pub(crate) fn new(
        commands: CommandSender,
        media_events: async_channel::Receiver<MediaEvent>,
        server_reports: async_channel::Receiver<(usize, ServerReport)>,
        probes: async_channel::Receiver<Probe>,
    ) -> Handle {
        Handle { commands: Arc::new(commands), media_events, server_reports, probes }
    }

    /// Answers an offer with a new session. Dropping the future before it is ready closes the session.
    pub async fn accept_offer(&self, sdp: String) -> Result<Viewer, HandleError<OfferError>> {
        self.ask(|reply| Command::AcceptOffer { sdp, reply }).await
    }

    /// Answers a further offer of a session (ICE restart) with an SDP answer.
    pub async fn renegotiate(
        &self,
        id: SessionId,
        sdp: String,
    ) -> Result<String, HandleError<OfferError>> {
        self.ask(|reply| Command::Renegotiate { id, sdp, reply }).await
    }

    /// Takes an SDP fragment of WHEP's PATCH (RFC 8840): candidates, or an ICE restart, for which
    /// the fragment to answer with is returned.
    pub async fn handle_fragment(
        &self,
        id: SessionId,
        fragment: String,
    ) -> Result<Option<String>, HandleError<OfferError>> {
        self.ask(|reply| Command::HandleFragment { id, fragment, reply }).await
    }

    /// Takes one trickled candidate.
    pub async fn add_candidate(
        &self,
        id: SessionId,
        candidate: String,
    ) -> Result<(), HandleError<CandidateError>> {
        self.ask(|reply| Command::AddCandidate { id, candidate, reply }).await
    }

    /// Offers a late address to all viewers.
    pub async fn add_local_candidate(
        &self,
        candidate: LocalCandidate,
    ) -> Result<(), HandleError<Never>> {
        self.ask(|reply| Command::AddLocalCandidate { candidate, reply }).await
    }

    /// Gives a TCP connection that a viewer made (RFC 6544) to the endpoint, with all that was read
    /// of it: an RFC 4571 frame with a STUN message, or the beginning of one. False: there are too
    /// many, and it is closed.
    pub async fn adopt_stream(
        &self,
        stream: TcpStream,
        first_bytes: Vec<u8>,
    ) -> Result<bool, HandleError<Never>> {
        self.ask(|reply| Command::AdoptStream { stream, first_bytes, reply }).await
    }

    /// Tells where a session's signalling comes from, for a diagnosis.
    pub async fn set_signalled_from(
        &self,
        id: SessionId,
        from: IpAddr,
    ) -> Result<(), HandleError<Never>> {
        self.ask(|reply| Command::SetSignalledFrom { id, from, reply }).await
    }

    /// Tells what a viewer's browser saw. False: there is no such session.
    pub async fn report_browser(
        &self,
        id: SessionId,
        report: BrowserReport,
    ) -> Result<bool, HandleError<Never>> {
        self.ask(|reply| Command::ReportBrowser { id, report: Box::new(report), reply }).await
    }

    /// Tells what the program found out about the network, in place of what it told before.
    pub async fn set_findings(&self, findings: Findings) -> Result<(), HandleError<Never>> {
        self.ask(|reply| Command::SetFindings { findings: Box::new(findings), reply }).await
    }

    /// Probes with these tokens, and no others, are told by [`Handle::probe`].
    pub async fn expect_probes(&self, tokens: Vec<String>) -> Result<(), HandleError<Never>> {
        self.ask(|reply| Command::ExpectProbes { tokens, reply }).await
    }

    /// Waits for the next probe that comes to a socket; `None` once the runtime has ended. Of several
    /// waiters each probe goes to one.
    pub async fn probe(&self) -> Option<Probe> {
        self.probes.recv().await.ok()
    }

    /// The network around the endpoint, as far as it is known.
    pub async fn surroundings(&self) -> Result<Surroundings, HandleError<Never>> {
        self.ask(|reply| Command::Surroundings { reply }).await
    }

    /// Ends a session. False: there was none.
    pub async fn close(&self, id: SessionId) -> Result<bool, HandleError<Never>> {
        self.ask(|reply| Command::Close { id, reply }).await
    }

    /// Counters now.
    pub async fn snapshot(&self) -> Result<Snapshot, HandleError<Never>> {
        self.ask(|reply| Command::Snapshot { reply }).await
    }

    /// The RTP clock now.
    pub async fn rtp_clock(&self) -> Result<RtpClock, HandleError<Never>> {
        self.ask(|reply| Command::RtpClock { reply }).await
    }

    /// Ends all sessions, telling the viewers, then the loop. Comes back when the thread is about to
    /// end, at most a quarter of a second later. New offers are answered with [`HandleError::Gone`].
    pub async fn shut_down(&self) -> Result<(), HandleError<Never>> {
        self.ask(|reply| Command::ShutDown { reply }).await
    }

    /// Waits for the stream's next event; `None` once the runtime has ended. Of several waiters each
    /// event goes to one.
    pub async fn media_event(&self) -> Option<MediaEvent> {
        self.media_events.recv().await.ok()
    }

    /// Waits for what a STUN or TURN server says next, with its place in `GatherConfig::servers`;
    /// `None` once the runtime has ended. Of several waiters each report goes to one.
    pub async fn server_report(&self) -> Option<(usize, ServerReport)> {
        self.server_reports.recv().await.ok()
    }

    async fn ask<T, E>(
        &self,
        command: impl FnOnce(Reply<T, E>) -> Command,
    ) -> Result<T, HandleError<E>> {
        let (reply, answer) = oneshot::async_channel();
        self.commands.send(command(reply))?;
        answer.await.unwrap_or(Err(HandleError::Gone))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::Doorbell;
    use crate::command::{COMMANDS_MAX, CommandReceiver, NextCommand, command_queue};

    fn handle() -> (Handle, CommandReceiver, Arc<AtomicUsize>) {
        let rings = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&rings);
        let bell = Doorbell::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let (sender, receiver) = command_queue(bell);
        (
            Handle::new(
                sender,
                async_channel::bounded(1).1,
                async_channel::bounded(1).1,
                async_channel::bounded(1).1,
            ),
            receiver,
            rings,
        )
    }

    /// Polls once: enough to queue the command.
    fn start<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn a_full_queue_answers_busy_at_once() {
        let (handle, _receiver, _) = handle();
        let mut waiting: Vec<_> = (0..COMMANDS_MAX).map(|_| Box::pin(handle.snapshot())).collect();
        for future in &mut waiting {
            assert!(start(future.as_mut()).is_pending());
        }

        let answer = start(std::pin::pin!(handle.rtp_clock()));

        assert!(matches!(answer, std::task::Poll::Ready(Err(HandleError::Busy))), "{answer:?}");
    }

    #[test]
    fn a_loop_that_ends_with_commands_queued_answers_gone() {
        let (handle, receiver, _) = handle();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(handle.snapshot())).collect();
        for future in &mut waiting {
            assert!(start(future.as_mut()).is_pending());
        }

        drop(receiver);

        for future in &mut waiting {
            let answer = start(future.as_mut());
            assert!(matches!(answer, std::task::Poll::Ready(Err(HandleError::Gone))));
        }
        let late = start(std::pin::pin!(handle.shut_down()));
        assert!(matches!(late, std::task::Poll::Ready(Err(HandleError::Gone))));
    }

    #[test]
    fn dropping_the_last_handle_rings_and_leaves_nobody() {
        let (handle, receiver, rings) = handle();
        let other = handle.clone();
        drop(handle);
        assert!(matches!(receiver.next(), NextCommand::None));
        assert_eq!(rings.load(Ordering::SeqCst), 0);

        drop(other);

        assert_eq!(rings.load(Ordering::SeqCst), 1);
        assert!(matches!(receiver.next(), NextCommand::NobodyLeft));
    }
}
