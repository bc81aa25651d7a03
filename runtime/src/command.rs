//! What a program may ask of the loop, and the bounded queue it goes through.
use std::net::{IpAddr, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

use pinhole_core::diagnose::{BrowserReport, Surroundings};
use pinhole_core::gather::LocalCandidate;
use pinhole_core::{CandidateError, Findings, OfferError, SessionId};

use crate::handle::Adopted;
use crate::{Doorbell, HandleError, Never, RtpClock, Snapshot, Viewer};

/// Commands waiting for the loop; the next one is refused with [`HandleError::Busy`].
pub(crate) const COMMANDS_MAX: usize = 256;

/// Where the answer of a command goes. Dropping it tells the asker that the loop is gone.
pub(crate) type Reply<T, E> = oneshot::Sender<Result<T, HandleError<E>>>;

/// One command of [`crate::Handle`].
pub(crate) enum Command {
    AcceptOffer {
        sdp: String,
        reply: Reply<Viewer, OfferError>,
    },
    Renegotiate {
        id: SessionId,
        sdp: String,
        reply: Reply<String, OfferError>,
    },
    HandleFragment {
        id: SessionId,
        fragment: String,
        reply: Reply<Option<String>, OfferError>,
    },
    AddCandidate {
        id: SessionId,
        candidate: String,
        reply: Reply<(), CandidateError>,
    },
    AddLocalCandidate {
        candidate: LocalCandidate,
        reply: Reply<(), Never>,
    },
    /// `only_known`: another loop may have the session that it is for.
    AdoptStream {
        stream: TcpStream,
        first_bytes: Vec<u8>,
        only_known: bool,
        reply: Reply<Adopted, Never>,
    },
    SetSignalledFrom {
        id: SessionId,
        from: IpAddr,
        reply: Reply<(), Never>,
    },
    ReportBrowser {
        id: SessionId,
        report: Box<BrowserReport>,
        reply: Reply<bool, Never>,
    },
    SetFindings {
        findings: Box<Findings>,
        reply: Reply<(), Never>,
    },
    ExpectProbes {
        tokens: Vec<String>,
        reply: Reply<(), Never>,
    },
    Surroundings {
        reply: Reply<Surroundings, Never>,
    },
    Close {
        id: SessionId,
        reply: Reply<bool, Never>,
    },
    Snapshot {
        reply: Reply<Snapshot, Never>,
    },
    RtpClock {
        reply: Reply<RtpClock, Never>,
    },
    ShutDown {
        reply: Reply<(), Never>,
    },
}

impl Command {
    /// Whether it makes a session, which takes longer than all else.
    pub(crate) fn is_offer(&self) -> bool {
        matches!(self, Command::AcceptOffer { .. })
    }
}

/// The askers' end: put a command in, ring.
pub(crate) struct CommandSender {
    // Dropped before the bell rings for the last time, so that the loop then finds nobody left.
    queue: SyncSender<Command>,
    bell: RingWhenDropped,
}

struct RingWhenDropped(Doorbell);

impl Drop for RingWhenDropped {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl CommandSender {
    /// Queues a command and wakes the loop.
    pub(crate) fn send<E>(&self, command: Command) -> Result<(), HandleError<E>> {
        self.queue.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => HandleError::Busy,
            TrySendError::Disconnected(_) => HandleError::Gone,
        })?;
        self.bell.0.ring();
        Ok(())
    }
}

/// What the loop finds in the queue.
pub(crate) enum NextCommand {
    Some(Command),
    None,
    /// Every [`crate::Handle`] is gone: nobody will ever ask again.
    NobodyLeft,
}

/// The loop's end. Dropping it drops what is queued, which tells each asker that the loop is gone.
pub(crate) struct CommandReceiver(Receiver<Command>);

impl CommandReceiver {
    pub(crate) fn next(&self) -> NextCommand {
        match self.0.try_recv() {
            Ok(command) => NextCommand::Some(command),
            Err(TryRecvError::Empty) => NextCommand::None,
            Err(TryRecvError::Disconnected) => NextCommand::NobodyLeft,
        }
    }
}

/// Makes the queue; `bell` wakes the loop.
pub(crate) fn command_queue(bell: Doorbell) -> (CommandSender, CommandReceiver) {
    let (queue, receiver) = sync_channel(COMMANDS_MAX);
    (CommandSender { queue, bell: RingWhenDropped(bell) }, CommandReceiver(receiver))
}
