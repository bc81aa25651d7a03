//! Every viewer, as signalling knows it: which WHEP resource or which WebSocket user a session
//! belongs to.
//!
//! The endpoint owns the sessions; here are only the names under which viewers ask for theirs, what
//! is wrong with each ([`diagnosed`]), and a task a session that follows its life ([`follower`]). Those
//! that ended with a verdict are remembered for a while ([`departed`]).

mod departed;
mod diagnosed;
mod follower;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pinhole_core::diagnose::Diagnosis;
use pinhole_core::{BufferWatch, CloseCause, OfferError, SessionId};
use pinhole_runtime::{Handle, HandleError, Viewer};
use tokio::sync::mpsc;

use crate::http::caller::Caller;
use crate::playback::Playbacks;
use crate::rate::Rate;
use crate::timings::Histogram;
use crate::verdicts;
use departed::Departed;
pub(crate) use departed::Departure;
pub(crate) use diagnosed::ReportError;
use diagnosed::report_rate;
use follower::Follower;

/// The names of all sessions.
pub(crate) struct Sessions {
    handle: Handle,
    names: Mutex<Names>,
    /// Offer in to answer out.
    pub(crate) answering: Histogram,
    /// Offer in to connected.
    pub(crate) connecting: Histogram,
    /// How pages play.
    pub(crate) playbacks: Playbacks,
    /// What was wrong, how often.
    pub(crate) verdicts: verdicts::Counts,
}

#[derive(Default)]
struct Names {
    count: u64,
    live: HashMap<SessionId, Live>,
    resources: HashMap<String, SessionId>,
    users: HashMap<User, SessionId>,
    departed: Departed,
}

struct Live {
    number: u64,
    since: Instant,
    kind: Kind,
    replaced: bool,
    reports: Rate,
    buffer: BufferWatch,
    diagnosis: Option<Arc<Diagnosis>>,
}

enum Kind {
    Whep { resource: String, etag: String },
    Socket { user: User },
}

impl Kind {
    /// For lists: the way that the viewer came by, and its name there.
    fn listed(&self) -> (&'static str, Option<String>) {
        match self {
            Kind::Whep { .. } => ("whep", None),
            Kind::Socket { user } => ("websocket", Some(user.user_id.clone())),
        }
    }
}

/// A viewer as WebSocket messages name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct User {
    /// From the path of the WebSocket.
    pub(crate) session_id: String,
    /// From the message.
    pub(crate) user_id: String,
}

/// A new WHEP session.
pub(crate) struct WhepSession {
    /// The last part of its path: 128 random bits.
    pub(crate) resource: String,
    /// Names its ICE generation.
    pub(crate) etag: String,
    /// SDP.
    pub(crate) answer: String,
}

/// What a WebSocket is told of a session of its own.
#[derive(Debug)]
pub(crate) struct SocketEvent {
    pub(crate) session: SessionId,
    pub(crate) user_id: String,
    pub(crate) what: SocketNews,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum SocketNews {
    /// A late candidate.
    Candidate { candidate: String, mid: String, index: Option<usize> },
    /// The viewer should restart ICE.
    RestartWanted,
    /// What is wrong; `None`: what was wrong is over.
    Diagnosed(Option<Arc<Diagnosis>>),
    /// It ended; nothing follows.
    Ended(Ending),
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The same user made a new offer.
    Replaced,
    /// Anything else.
    Closed(CloseCause),
}

impl Ending {
    /// For people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Ending::Replaced => "the same user made a new offer",
            Ending::Closed(CloseCause::Local) => "closed here",
            Ending::Closed(CloseCause::Remote) => "closed by the viewer",
            Ending::Closed(CloseCause::NeverConnected) => "never connected",
            Ending::Closed(CloseCause::Vanished) => "the viewer stopped answering",
            Ending::Closed(CloseCause::Failed) => "the DTLS handshake or another part failed",
        }
    }
}

/// One session for `/api/sessions`.
pub(crate) struct Listed {
    pub(crate) number: u64,
    pub(crate) kind: &'static str,
    pub(crate) user_id: Option<String>,
    pub(crate) seconds: f64,
    pub(crate) diagnosis: Option<Arc<Diagnosis>>,
}

impl Sessions {
    /// None yet.
    pub(crate) fn new(handle: Handle) -> Sessions {
        Sessions {
            handle,
            names: Mutex::default(),
            answering: Histogram::default(),
            connecting: Histogram::default(),
            playbacks: Playbacks::default(),
            verdicts: verdicts::Counts::default(),
        }
    }

    /// Answers an offer that came to `/whep`.
    pub(crate) async fn offer_whep(
        self: &Arc<Self>,
        sdp: String,
        caller: Caller,
    ) -> Result<WhepSession, HandleError<OfferError>> {
        let since = Instant::now();
        let viewer = self.handle.accept_offer(sdp).await;
        let viewer = viewer.inspect_err(|error| self.on_refused("whep", None, error))?;
        self.answering.observe(since.elapsed());
        let (resource, etag) = (unguessable(), new_etag());
        let kind = Kind::Whep { resource: resource.clone(), etag: etag.clone() };
        let answer = viewer.answer.clone();
        self.names().resources.insert(resource.clone(), viewer.id);
        self.follow(viewer, since, kind, caller, None);
        Ok(WhepSession { resource, etag, answer })
    }

    /// Answers an offer that came over a WebSocket. A session that the user had is ended once the
    /// new one exists, or before, if there is no place for both.
    pub(crate) async fn offer_socket(
        self: &Arc<Self>,
        user: User,
        sdp: String,
        caller: Caller,
        events: mpsc::Sender<SocketEvent>,
    ) -> Result<(SessionId, String), HandleError<OfferError>> {
        let since = Instant::now();
        let viewer = match self.handle.accept_offer(sdp.clone()).await {
            Err(HandleError::Refused(OfferError::TooManyViewers(_)))
                if self.names().users.contains_key(&user) =>
            {
                let old = self.names().users.get(&user).copied();
                self.replace(old).await;
                self.handle.accept_offer(sdp).await
            }
            result => result,
        };
        let viewer = viewer.inspect_err(|error| {
            self.on_refused("websocket", Some(user.user_id.clone()), error);
        })?;
        self.answering.observe(since.elapsed());
        let (id, answer) = (viewer.id, viewer.answer.clone());
        let old = self.names().users.insert(user.clone(), id);
        self.follow(viewer, since, Kind::Socket { user }, caller, Some(events));
        self.replace(old).await;
        Ok((id, answer))
    }

    /// The session and the ETag of a WHEP resource.
    pub(crate) fn whep(&self, resource: &str) -> Option<(SessionId, String)> {
        let names = self.names();
        let id = *names.resources.get(resource)?;
        match &names.live.get(&id)?.kind {
            Kind::Whep { etag, .. } => Some((id, etag.clone())),
            Kind::Socket { .. } => None,
        }
    }

    /// A new ICE generation of a WHEP session: its new ETag.
    pub(crate) fn restarted(&self, id: SessionId) -> String {
        let new = new_etag();
        if let Some(Live { kind: Kind::Whep { etag, .. }, .. }) = self.names().live.get_mut(&id) {
            etag.clone_from(&new);
        }
        new
    }

    /// Ends a session; comes back when it has ended, so that counters have fallen.
    pub(crate) async fn close(&self, id: SessionId) {
        // Neither an unknown session nor a runtime that has gone leaves anything to close.
        let mut tries = 0;
        while let Err(HandleError::Busy) = self.handle.close(id).await {
            tries += 1;
            if tries == 100 {
                tracing::warn!("the event loop takes no commands; a session stays open");
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What `/api/sessions` tells of a session besides its counters.
    pub(crate) fn listed(&self, id: SessionId) -> Option<Listed> {
        let names = self.names();
        let live = names.live.get(&id)?;
        let (kind, user_id) = live.kind.listed();
        Some(Listed {
            number: live.number,
            kind,
            user_id,
            seconds: live.since.elapsed().as_secs_f64(),
            diagnosis: live.diagnosis.clone(),
        })
    }

    async fn replace(&self, old: Option<SessionId>) {
        let Some(id) = old else { return };
        if let Some(live) = self.names().live.get_mut(&id) {
            live.replaced = true;
        }
        self.close(id).await;
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        // Each change under the lock is complete by itself; a panic elsewhere spoils none.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(
        self: &Arc<Self>,
        viewer: Viewer,
        since: Instant,
        kind: Kind,
        caller: Caller,
        events: Option<mpsc::Sender<SocketEvent>>,
    ) {
        let user_id = kind.listed().1.unwrap_or_default();
        let reports = report_rate();
        let mut names = self.names();
        names.count += 1;
        let number = names.count;
        let buffer = BufferWatch::default();
        let live = Live { number, since, kind, replaced: false, reports, buffer, diagnosis: None };
        names.live.insert(viewer.id, live);
        drop(names);
        let (sessions, id) = (self.clone(), viewer.id);
        let follower = Follower { sessions, id, number, since, user_id, caller, events };
        tokio::spawn(follower.run(viewer));
    }

    fn forget(&self, id: SessionId) -> bool {
        let mut names = self.names();
        let Some(live) = names.live.remove(&id) else { return false };
        if let Some(diagnosis) = live.diagnosis {
            let (kind, user_id) = live.kind.listed();
            let resource = match &live.kind {
                Kind::Whep { resource, .. } => Some(resource.clone()),
                Kind::Socket { .. } => None,
            };
            let (number, seconds, at) =
                (live.number, live.since.elapsed().as_secs_f64(), Instant::now());
            let departure = Departure { number, kind, user_id, seconds, diagnosis, resource, at };
            names.departed.add(departure);
        }
        match live.kind {
            Kind::Whep { resource, .. } => {
                names.resources.remove(&resource);
            }
            // The user may have a newer session by now.
            Kind::Socket { user } => {
                if names.users.get(&user) == Some(&id) {
                    names.users.remove(&user);
                }
            }
        }
        live.replaced
    }
}

/// 128 bits from the operating system, in hexadecimal.
pub(crate) fn unguessable() -> String {
    hex(&random::<16>())
}

/// A strong ETag, with its quotes.
fn new_etag() -> String {
    format!("\"{}\"", hex(&random::<8>()))
}

/// Bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness once it is up");
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
