//! One session's life: it is logged, its names are forgotten when it ends, and its WebSocket and
//! the lists hear of what is wrong with it.

use std::sync::Arc;
use std::time::Instant;

use pinhole_core::diagnose::Diagnosis;
use pinhole_core::{CloseCause, SessionId, SessionState};
use pinhole_runtime::{Viewer, ViewerEvent};
use tokio::sync::mpsc;

use super::{Ending, Sessions, SocketEvent, SocketNews};
use crate::http::caller::Caller;
use crate::verdicts;

/// Hears of one session's life.
pub(super) struct Follower {
    pub(super) sessions: Arc<Sessions>,
    pub(super) id: SessionId,
    pub(super) number: u64,
    pub(super) since: Instant,
    pub(super) user_id: String,
    pub(super) caller: Caller,
    pub(super) events: Option<mpsc::Sender<SocketEvent>>,
}

impl Follower {
    pub(super) async fn run(self, viewer: Viewer) {
        if let Some(from) = self.caller.address() {
            // Where it fails, a diagnosis knows less.
            let _ = self.sessions.handle.set_signalled_from(self.id, from).await;
        }
        let mut connected = false;
        let mut cause = CloseCause::Local;
        let mut diagnosis: Option<Arc<Diagnosis>> = None;
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
                ViewerEvent::Diagnosed(new) => {
                    let old = std::mem::replace(&mut diagnosis, new.map(Arc::from));
                    self.on_diagnosed(old.as_deref(), diagnosis.clone()).await;
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
        let verdict = diagnosis.map(|diagnosis| format!(" [{}]", diagnosis.verdict.code()));
        tracing::info!(
            "viewer {} ended after {seconds} s: {}{}",
            self.number,
            ending.text(),
            verdict.unwrap_or_default()
        );
        self.tell(SocketNews::Ended(ending)).await;
    }

    async fn on_diagnosed(&self, old: Option<&Diagnosis>, new: Option<Arc<Diagnosis>>) {
        let whom = format!("viewer {}", self.number);
        match (old, &new) {
            (_, Some(new)) => {
                self.sessions.verdicts.count(new);
                verdicts::log(&whom, new);
            }
            (Some(old), None) => tracing::info!("{whom}: [{}] is over", old.verdict.code()),
            (None, None) => {}
        }
        self.sessions.set_diagnosis(self.id, new.clone());
        self.tell(SocketNews::Diagnosed(new)).await;
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
