//! The loops behind a handle: which one a command is for.
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pinhole_core::{OfferError, SessionId};

use super::HandleError;
use crate::command::{Command, CommandSender, Reply};
use crate::{Never, Viewer};

/// All loops; one, mostly.
pub(crate) struct Loops {
    ends: Vec<LoopEnd>,
    count: NonZeroU32,
}

/// The program's end of one loop.
pub(crate) struct LoopEnd {
    pub(crate) commands: CommandSender,
    /// Its UDP port.
    pub(crate) port: u16,
    /// Sessions that live on it, as the loop counts them.
    pub(crate) living: Arc<AtomicUsize>,
    /// Offers on their way to it.
    pub(crate) asking: AtomicUsize,
    /// Sessions that it takes.
    pub(crate) viewers_max: usize,
}

/// What became of a connection that was given to a loop.
pub(crate) enum Adopted {
    Taken,
    /// There are too many.
    Refused,
    /// It begins with a check for no session of this loop.
    NotOurs(TcpStream, Vec<u8>),
}

/// An offer on its way. Dropped when it is answered, or given up.
struct Asking<'a>(&'a AtomicUsize);

impl<'a> Asking<'a> {
    fn of(count: &'a AtomicUsize) -> Asking<'a> {
        count.fetch_add(1, Ordering::Relaxed);
        Asking(count)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Loops {
    pub(crate) fn one(end: LoopEnd) -> Loops {
        Loops { ends: vec![end], count: NonZeroU32::MIN }
    }

    pub(super) fn all(loops: impl IntoIterator<Item = Loops>) -> Loops {
        let ends: Vec<_> = loops.into_iter().flat_map(|one| one.ends).collect();
        let count = u32::try_from(ends.len()).ok().and_then(NonZeroU32::new);
        Loops { ends, count: count.expect("a loop for each bound port, of which there are some") }
    }

    /// The loop of a session.
    pub(super) fn of(&self, id: SessionId) -> &LoopEnd {
        self.ends.get(id.index_among(self.count)).expect("an index is less than the count")
    }

    /// The loop of a UDP port; the first where none has it.
    pub(super) fn of_port(&self, port: u16) -> &LoopEnd {
        let first = self.ends.first().expect("there is one");
        self.ends.iter().find(|end| end.port == port).unwrap_or(first)
    }

    /// Tells all to end. False: some are too busy to hear it.
    pub(crate) fn end(&self) -> bool {
        let told = self.ends.iter().map(|end| {
            let (reply, _) = oneshot::async_channel();
            let told: Result<(), HandleError<Never>> =
                end.commands.send(Command::ShutDown { reply });
            told != Err(HandleError::Busy)
        });
        // Each is told, whatever the others say.
        told.fold(true, |all, told| all & told)
    }

    /// Gives an offer to the loop with the fewest viewers. Where that one has no place or is busy,
    /// to the others: what they count may be a moment old.
    pub(super) async fn accept_offer(
        &self,
        sdp: String,
    ) -> Result<Viewer, HandleError<OfferError>> {
        if let [end] = self.ends.as_slice() {
            return end.ask(|reply| Command::AcceptOffer { sdp, reply }).await;
        }
        let mut refused = Err(HandleError::Gone);
        for end in self.emptiest_first() {
            let asking = Asking::of(&end.asking);
            let sdp = sdp.clone();
            let answer = end.ask(|reply| Command::AcceptOffer { sdp, reply }).await;
            drop(asking);
            match answer {
                Err(HandleError::Refused(OfferError::TooManyViewers(_))) => {
                    let all = self.ends.iter().map(|end| end.viewers_max).sum();
                    refused = Err(OfferError::TooManyViewers(all).into());
                }
                Err(HandleError::Busy) => refused = Err(HandleError::Busy),
                decided => return decided,
            }
        }
        refused
    }

    /// Gives a viewer's connection to the loop of its session; to the first one where its first bytes
    /// do not tell, or tell of nobody.
    pub(super) async fn adopt_stream(
        &self,
        stream: TcpStream,
        first_bytes: Vec<u8>,
    ) -> Result<bool, HandleError<Never>> {
        let (mut stream, mut first_bytes) = (stream, first_bytes);
        let known = self.ends.iter().map(|end| (end, true));
        let anyhow = self.ends.iter().take(1).map(|end| (end, false));
        for (end, only_known) in known.skip(usize::from(self.ends.len() == 1)).chain(anyhow) {
            let command = |reply| Command::AdoptStream { stream, first_bytes, only_known, reply };
            match end.ask(command).await? {
                Adopted::Taken => return Ok(true),
                Adopted::Refused => return Ok(false),
                Adopted::NotOurs(its, bytes) => (stream, first_bytes) = (its, bytes),
            }
        }
        Ok(false)
    }

    /// Ends every loop, and waits until each is about to end. One that has heard of it from the
    /// others already is gone; all are where one is.
    pub(super) async fn shut_down(&self) -> Result<(), HandleError<Never>> {
        let command = |reply| Command::ShutDown { reply };
        let sent: Vec<_> = self.ends.iter().map(|end| end.send(command)).collect();
        let mut result = Err(HandleError::Gone);
        for sent in sent {
            let ended = match sent {
                Ok(answer) => answer.await.unwrap_or(Err(HandleError::Gone)),
                Err(error) => Err(error),
            };
            result = match (result, ended) {
                (Ok(()), _) | (_, Ok(())) => Ok(()),
                (Err(HandleError::Busy), _) | (_, Err(HandleError::Busy)) => Err(HandleError::Busy),
                (Err(error), Err(_)) => Err(error),
            };
        }
        result
    }

    /// Asks every loop the same, and waits for all answers.
    pub(super) async fn ask_all<T, E>(
        &self,
        mut command: impl FnMut(Reply<T, E>) -> Command,
    ) -> Result<Vec<T>, HandleError<E>> {
        let sent: Vec<_> = self.ends.iter().map(|end| end.send(&mut command)).collect();
        let mut answers = Vec::with_capacity(sent.len());
        for answer in sent {
            answers.push(answer?.await.unwrap_or(Err(HandleError::Gone))?);
        }
        Ok(answers)
    }

    /// Those with the fewest viewers first.
    fn emptiest_first(&self) -> Vec<&LoopEnd> {
        let mut ends: Vec<_> = self.ends.iter().map(|end| (end.viewers(), end)).collect();
        ends.sort_by_key(|(viewers, _)| *viewers);
        ends.into_iter().map(|(_, end)| end).collect()
    }
}

impl LoopEnd {
    pub(super) async fn ask<T, E>(
        &self,
        command: impl FnOnce(Reply<T, E>) -> Command,
    ) -> Result<T, HandleError<E>> {
        self.send(command)?.await.unwrap_or(Err(HandleError::Gone))
    }

    fn send<T, E>(
        &self,
        command: impl FnOnce(Reply<T, E>) -> Command,
    ) -> Result<oneshot::AsyncReceiver<Result<T, HandleError<E>>>, HandleError<E>> {
        let (reply, answer) = oneshot::async_channel();
        self.commands.send(command(reply))?;
        Ok(answer)
    }

    /// Sessions, and those to be.
    fn viewers(&self) -> usize {
        self.living.load(Ordering::Relaxed) + self.asking.load(Ordering::Relaxed)
    }
}
