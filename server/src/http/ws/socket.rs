//! One WebSocket: its viewers, in both directions, until it closes. Then its sessions close too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use pinhole_core::diagnose::of_refusal;
use pinhole_core::{CandidateError, OfferError, SessionId};
use pinhole_runtime::HandleError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::messages::{self, Fault, Request};
use super::offers::OfferedBy;
use crate::http::App;
use crate::http::accept::stopped;
use crate::http::caller::Caller;
use crate::http::report::Report;
use crate::rate::Rate;
use crate::sessions::{Ending, ReportError, SocketEvent, SocketNews, User};

/// How long a message may take to leave; a peer that does not read is cut off.
const SEND_TIME: Duration = Duration::from_secs(10);
/// Users of one socket; the next one's offer is refused.
const USERS_MAX: usize = 8;
/// Messages at once, and a second; whoever sends more is cut off. A page trickles a dozen
/// candidates and then asks for the time now and then.
const MESSAGES_AT_ONCE: f64 = 100.0;
const MESSAGES_A_SECOND: f64 = 50.0;
/// News of sessions waiting for a slow socket; their followers wait then.
const NEWS_MAX: usize = 32;

/// What the loop does next.
enum Next {
    Continue,
    /// Sends a close frame and ends.
    Close(u16, &'static str),
    /// Ends: the peer has gone or does not read.
    Drop,
}

/// Serves a WebSocket until it ends, then closes its sessions.
pub(super) async fn run(app: Arc<App>, session_id: String, caller: Caller, socket: WebSocket) {
    let (news, inbox) = mpsc::channel(NEWS_MAX);
    let stopping = app.stopping.clone();
    let mut conversation = Conversation {
        app,
        session_id,
        caller,
        socket,
        news,
        users: BTreeMap::new(),
        speaks_pinhole: false,
        messages: Rate::new(Instant::now().into_std(), MESSAGES_AT_ONCE, MESSAGES_A_SECOND),
    };
    conversation.run(inbox, stopping).await;
}

struct Conversation {
    app: Arc<App>,
    session_id: String,
    caller: Caller,
    socket: WebSocket,
    news: mpsc::Sender<SocketEvent>,
    users: BTreeMap<String, Watching>,
    /// Whether messages of ours are understood: it has sent one. Other front ends may choke on
    /// types that they do not know.
    speaks_pinhole: bool,
    messages: Rate,
}

/// A user's session.
struct Watching {
    id: SessionId,
    /// Who made its offer, where that can be told.
    by: Option<OfferedBy>,
}

impl Conversation {
    async fn run(
        &mut self,
        mut inbox: mpsc::Receiver<SocketEvent>,
        mut stopping: watch::Receiver<bool>,
    ) {
        let every = self.app.limits.ping_every;
        let mut ping = interval_at(Instant::now() + every, every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let end = loop {
            let next = tokio::select! {
                message = self.socket.recv() => {
                    heard = Instant::now();
                    self.on_message(message).await
                }
                Some(event) = inbox.recv() => self.on_news(event).await,
                _ = ping.tick() => self.send(Message::Ping(Default::default())).await,
                () = sleep_until(heard + self.app.limits.silence) => {
                    Next::Close(close_code::POLICY, "no sign of life")
                }
                () = stopped(&mut stopping) => self.on_stopping().await,
            };
            match next {
                Next::Continue => {}
                end => break end,
            }
        };
        // News that follow are of no use to a socket that ends; their followers must not wait for
        // it.
        inbox.close();
        for Watching { id, .. } in std::mem::take(&mut self.users).into_values() {
            self.app.sessions.close(id).await;
        }
        if let Next::Close(code, reason) = end {
            let frame = CloseFrame { code, reason: reason.into() };
            let _ = self.send(Message::Close(Some(frame))).await;
            // Reading on lets the peer's own close frame arrive; a reset would overtake ours.
            let _ = timeout(Duration::from_millis(500), async {
                while let Some(Ok(_)) = self.socket.recv().await {}
            })
            .await;
        }
    }

    async fn on_message(&mut self, message: Option<Result<Message, axum::Error>>) -> Next {
        let text = match message {
            // The peer closed, vanished, or sent what is no WebSocket message or too large a one.
            None | Some(Err(_) | Ok(Message::Close(_))) => return Next::Drop,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return self.spend(),
            Some(Ok(Message::Text(text))) => Some(text),
            Some(Ok(Message::Binary(_))) => None,
        };
        match self.spend() {
            Next::Continue => {}
            end => {
                let fault = Fault::new("too_many_messages", "messages come too fast");
                let _ = self.send_text(fault.to_json()).await;
                return end;
            }
        }
        let request = match &text {
            Some(text) => messages::parse(text),
            None => Err(Fault::new("binary", "a binary message; this server takes JSON as text")),
        };
        let reply = match request {
            Ok(request) => self.on_request(request).await,
            Err(fault) => Err(fault),
        };
        match reply {
            Ok(None) => Next::Continue,
            Ok(Some(text)) => self.send_text(text).await,
            Err(fault) => self.send_text(fault.to_json()).await,
        }
    }

    async fn on_request(&mut self, request: Request) -> Result<Option<String>, Fault> {
        match request {
            Request::Offer { user_id, sdp } => self.on_offer(user_id, sdp).await.map(Some),
            Request::Candidate { user_id, candidate } => {
                self.on_candidate(&user_id, candidate).await.map(|()| None)
            }
            Request::Clock { sent } => {
                self.speaks_pinhole = true;
                let clock = self.app.handle.rtp_clock().await.map_err(|error| busy(&error))?;
                let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let server_ms = unix.as_secs_f64() * 1e3;
                let now = std::time::Instant::now();
                // The timestamp may lie a little ahead: a frame that is due but not yet captured.
                let ahead = clock.at.saturating_duration_since(now).as_secs_f64();
                let behind = now.saturating_duration_since(clock.at).as_secs_f64();
                let rtp_ms = server_ms + (ahead - behind) * 1e3;
                Ok(Some(messages::clock(&sent, server_ms, clock.rtp_time, rtp_ms, &clock.stages)))
            }
            Request::Report { user_id, report } => {
                self.speaks_pinhole = true;
                self.on_report(&user_id, *report).await.map(|()| None)
            }
        }
    }

    async fn on_offer(&mut self, user_id: String, sdp: String) -> Result<String, Fault> {
        if self.users.len() >= USERS_MAX && !self.users.contains_key(&user_id) {
            let text = format!("this WebSocket has {USERS_MAX} users already; open another one");
            return Err(Fault::new("too_many_users", text));
        }
        if let Some(fault) = self.app.health.fault() {
            return Err(Fault::new("no_picture", format!("there is no picture to send: {fault}")));
        }
        let by = OfferedBy::read(&sdp);
        if let Some(answer) = self.restart(&user_id, by.as_ref(), &sdp).await? {
            return Ok(messages::answer(&answer));
        }
        let user = User { session_id: self.session_id.clone(), user_id: user_id.clone() };
        let offered =
            self.app.sessions.offer_socket(user, sdp, self.caller, self.news.clone()).await;
        let (id, answer) = offered.map_err(|error| offer_fault(&error))?;
        self.users.insert(user_id, Watching { id, by });
        Ok(messages::answer(&answer))
    }

    /// Restarts ICE of the user's session, where that is what the offer means. `None`: it means a
    /// new session, also where the old one has just ended.
    async fn restart(
        &mut self,
        user_id: &str,
        by: Option<&OfferedBy>,
        sdp: &str,
    ) -> Result<Option<String>, Fault> {
        let Some(by) = by else { return Ok(None) };
        let before = |watching: &&mut Watching| {
            watching.by.as_ref().is_some_and(|before| before.is_restarted_by(by))
        };
        let Some(watching) = self.users.get_mut(user_id).filter(before) else {
            return Ok(None);
        };
        match self.app.handle.renegotiate(watching.id, sdp.to_string()).await {
            Ok(answer) => {
                watching.by = Some(by.clone());
                Ok(Some(answer))
            }
            Err(HandleError::Refused(OfferError::NoSession)) => Ok(None),
            Err(error) => Err(offer_fault(&error)),
        }
    }

    async fn on_candidate(&mut self, user_id: &str, candidate: String) -> Result<(), Fault> {
        let Some(Watching { id, .. }) = self.users.get(user_id) else {
            let text = "this user has no session on this WebSocket; send webrtc_offer first";
            return Err(Fault::new("no_session", text));
        };
        match self.app.handle.add_candidate(*id, candidate).await {
            Ok(()) => Ok(()),
            // Its end is told by itself.
            Err(HandleError::Refused(CandidateError::NoSession)) => Ok(()),
            Err(HandleError::Refused(error @ CandidateError::NotACandidate(_))) => {
                Err(Fault::new("bad_candidate", error.to_string()))
            }
            Err(HandleError::Refused(error @ CandidateError::TooMany(_))) => {
                Err(Fault::new("too_many_candidates", error.to_string()))
            }
            Err(error) => Err(busy(&error)),
        }
    }

    async fn on_report(&mut self, user_id: &str, report: Report) -> Result<(), Fault> {
        // A report may be under way while its session ends.
        let Some(Watching { id, .. }) = self.users.get(user_id) else { return Ok(()) };
        match self.app.sessions.report(*id, report).await {
            Ok(()) | Err(ReportError::NoSession) => Ok(()),
            Err(error @ ReportError::TooOften) => {
                Err(Fault::new("too_many_reports", error.to_string()))
            }
            Err(error @ ReportError::Busy(_)) => Err(Fault::new("busy", error.to_string())),
        }
    }

    async fn on_news(&mut self, event: SocketEvent) -> Next {
        let watching = self.users.get(&event.user_id);
        let current = watching.is_some_and(|watching| watching.id == event.session);
        match event.what {
            // Of a session that this socket has replaced since.
            _ if !current => Next::Continue,
            SocketNews::Candidate { candidate, mid, index } => {
                let user_id = &event.user_id;
                let text = messages::late_candidate(user_id, &candidate, &mid, index);
                self.send_text(text).await
            }
            SocketNews::RestartWanted if self.speaks_pinhole => {
                self.send_text(messages::restart_ice(&event.user_id)).await
            }
            SocketNews::Diagnosed(diagnosis) if self.speaks_pinhole => {
                let (user_id, audience) = (&event.user_id, self.caller.audience());
                let text = messages::diagnosis(user_id, diagnosis.as_deref(), audience);
                self.send_text(text).await
            }
            SocketNews::RestartWanted | SocketNews::Diagnosed(_) => Next::Continue,
            SocketNews::Ended(ending) => {
                self.users.remove(&event.user_id);
                let code = match ending {
                    Ending::Replaced => "replaced",
                    Ending::Closed(_) => "closed",
                };
                let text = format!("the session has ended: {}", ending.text());
                match self.send_text(Fault::new(code, text).to_json()).await {
                    Next::Continue if self.users.is_empty() => {
                        Next::Close(close_code::NORMAL, "the session has ended")
                    }
                    next => next,
                }
            }
        }
    }

    async fn on_stopping(&mut self) -> Next {
        let fault = Fault::new("shutting_down", "the server is shutting down");
        match self.send_text(fault.to_json()).await {
            Next::Continue => Next::Close(close_code::AWAY, "server is shutting down"),
            next => next,
        }
    }

    /// Counts one message.
    fn spend(&mut self) -> Next {
        match self.messages.take(Instant::now().into_std()) {
            true => Next::Continue,
            false => Next::Close(close_code::POLICY, "messages come too fast"),
        }
    }

    async fn send_text(&mut self, text: String) -> Next {
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Next {
        match timeout(SEND_TIME, self.socket.send(message)).await {
            Ok(Ok(())) => Next::Continue,
            Ok(Err(_)) | Err(_) => Next::Drop,
        }
    }
}

fn offer_fault(error: &HandleError<OfferError>) -> Fault {
    let code = match error {
        HandleError::Busy | HandleError::Gone => "busy",
        HandleError::Refused(error) => match error {
            OfferError::TooManyViewers(_) => "too_many_viewers",
            OfferError::NoSession => "no_session",
            OfferError::NotSdp(_) | OfferError::Missing(_) => "bad_sdp",
            OfferError::TooLong(..) => "too_large",
            OfferError::NoMedia => "no_media",
            OfferError::NoVideo => "no_video",
            OfferError::NoH264(_) => "no_h264",
            OfferError::Refused(_) => "refused",
        },
    };
    let diagnosis = match error {
        HandleError::Refused(error) => of_refusal(error),
        HandleError::Busy | HandleError::Gone => None,
    };
    Fault::new(code, error.to_string()).with(diagnosis)
}

fn busy<E: std::fmt::Display>(error: &HandleError<E>) -> Fault {
    Fault::new("busy", error.to_string())
}
