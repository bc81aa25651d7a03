//! Every viewer, as signalling knows it: which WHEP resource or which WebSocket user a session
//! belongs to.
//!
//! The endpoint owns the sessions; here are only the names under which viewers ask for theirs, and
//! a follower task a session that hears of its life: it logs, forgets the names when the session
//! ends, and tells the WebSocket.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pinhole_core::{CloseCause, OfferError, SessionId, SessionState};
use pinhole_runtime::{Handle, HandleError, Viewer, ViewerEvent};
use tokio::sync::mpsc;

use crate::timings::Histogram;

/// The names of all sessions.
pub(crate) struct Sessions {
    handle: Handle,
    names: Mutex<Names>,
    /// Offer in to answer out.
    pub(crate) answering: Histogram,
    /// Offer in to connected.
    pub(crate) connecting: Histogram,
}

#[derive(Default)]
struct Names {
    count: u64,
    live: HashMap<SessionId, Live>,
    resources: HashMap<String, SessionId>,
    users: HashMap<User, SessionId>,
}

struct Live {
    number: u64,
    since: Instant,
    kind: Kind,
    replaced: bool,
}

enum Kind {
    Whep { resource: String, etag: String },
    Socket { user: User },
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
}

impl Sessions {
    /// None yet.
    pub(crate) fn new(handle: Handle) -> Sessions {
        Sessions {
            handle,
            names: Mutex::default(),
            answering: Histogram::default(),
            connecting: Histogram::default(),
        }
    }

    /// Answers an offer that came to `/whep`.
    pub(crate) async fn offer_whep(
        self: &Arc<Self>,
        sdp: String,
    ) -> Result<WhepSession, HandleError<OfferError>> {
        let since = Instant::now();
        let viewer = self.handle.accept_offer(sdp).await?;
        self.answering.observe(since.elapsed());
        let (resource, etag) = (unguessable(), new_etag());
        let kind = Kind::Whep { resource: resource.clone(), etag: etag.clone() };
        let answer = viewer.answer.clone();
        self.names().resources.insert(resource.clone(), viewer.id);
        self.follow(viewer, since, kind, None);
        Ok(WhepSession { resource, etag, answer })
    }

    /// Answers an offer that came over a WebSocket. A session that the user had is ended once the
    /// new one exists, or before, if there is no place for both.
    pub(crate) async fn offer_socket(
        self: &Arc<Self>,
        user: User,
        sdp: String,
        events: mpsc::Sender<SocketEvent>,
    ) -> Result<(SessionId, String), HandleError<OfferError>> {
        let since = Instant::now();
        let viewer = match self.handle.accept_offer(sdp.clone()).await {
            Err(HandleError::Refused(OfferError::TooManyViewers(_)))
                if self.names().users.contains_key(&user) =>
            {
                let old = self.names().users.get(&user).copied();
                self.replace(old).await;
                self.handle.accept_offer(sdp).await?
            }
            result => result?,
        };
        self.answering.observe(since.elapsed());
        let (id, answer) = (viewer.id, viewer.answer.clone());
        let old = self.names().users.insert(user.clone(), id);
        self.follow(viewer, since, Kind::Socket { user }, Some(events));
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
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// What `/api/sessions` tells of a session besides its counters.
    pub(crate) fn listed(&self, id: SessionId) -> Option<Listed> {
        let names = self.names();
        let live = names.live.get(&id)?;
        let (kind, user_id) = match &live.kind {
            Kind::Whep { .. } => ("whep", None),
            Kind::Socket { user } => ("websocket", Some(user.user_id.clone())),
        };
        Some(Listed {
            number: live.number,
            kind,
            user_id,
            seconds: live.since.elapsed().as_secs_f64(),
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
        events: Option<mpsc::Sender<SocketEvent>>,
    ) {
        let user_id = match &kind {
            Kind::Whep { .. } => String::new(),
            Kind::Socket { user } => user.user_id.clone(),
        };
        let mut names = self.names();
        names.count += 1;
        let number = names.count;
        names.live.insert(viewer.id, Live { number, since, kind, replaced: false });
        drop(names);
        let follower =
            Follower { sessions: self.clone(), id: viewer.id, number, since, user_id, events };
        tokio::spawn(follower.run(viewer));
    }

    fn forget(&self, id: SessionId) -> bool {
        let mut names = self.names();
        let Some(live) = names.live.remove(&id) else { return false };
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

/// Hears of one session's life.
struct Follower {
    sessions: Arc<Sessions>,
    id: SessionId,
    number: u64,
    since: Instant,
    user_id: String,
    events: Option<mpsc::Sender<SocketEvent>>,
}

impl Follower {
    async fn run(self, viewer: Viewer) {
        let mut connected = false;
        let mut cause = CloseCause::Local;
        while let Ok(event) = viewer.events.recv().await {
            match event {
                ViewerEvent::State(SessionState::Connected) if !connected => {
                    connected = true;
                    let took = self.since.elapsed();
                    self.sessions.connecting.observe(took);
                    tracing::info!(
                        "viewer {} connected after {} ms",
                        self.number,
                        took.as_millis()
                    );
                }
                ViewerEvent::State(state) => {
                    tracing::debug!("viewer {} is {state:?}", self.number);
                }
                ViewerEvent::Candidate { candidate, mid } => {
                    let index = mline_index(&viewer.answer, &mid);
                    self.tell(SocketNews::Candidate { candidate, mid, index }).await;
                }
                ViewerEvent::Diagnosed(diagnosis) => {
                    tracing::debug!("viewer {}: {diagnosis:?}", self.number);
                }
                ViewerEvent::RestartWanted => self.tell(SocketNews::RestartWanted).await,
                ViewerEvent::Closed(why) => {
                    cause = why;
                    break;
                }
            }
        }
        let replaced = self.sessions.forget(self.id);
        let ending = if replaced { Ending::Replaced } else { Ending::Closed(cause) };
        let seconds = self.since.elapsed().as_secs();
        tracing::info!("viewer {} ended after {seconds} s: {}", self.number, ending.text());
        self.tell(SocketNews::Ended(ending)).await;
    }

    async fn tell(&self, what: SocketNews) {
        if let Some(events) = &self.events {
            // A WebSocket that has gone hears nothing, and closes its sessions by itself.
            let event = SocketEvent { session: self.id, user_id: self.user_id.clone(), what };
            let _ = events.send(event).await;
        }
    }
}

/// Which m-line of an SDP has this mid.
fn mline_index(sdp: &str, mid: &str) -> Option<usize> {
    let line = sdp.lines().position(|line| line.strip_prefix("a=mid:") == Some(mid))?;
    let before = sdp.lines().take(line).filter(|line| line.starts_with("m=")).count();
    before.checked_sub(1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_m_line_of_a_mid_is_counted_from_zero() {
        let sdp = "v=0\r\nm=audio 0 x\r\na=mid:a\r\nm=video 9 x\r\na=mid:v1\r\n";
        assert_eq!(mline_index(sdp, "a"), Some(0));
        assert_eq!(mline_index(sdp, "v1"), Some(1));
        assert_eq!(mline_index(sdp, "v"), None);
    }
}
