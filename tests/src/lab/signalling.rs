//! A WebSocket between a viewer of the lab and the program, as the player has one: what the server says by itself, late
//! candidates and the wish for a restart, reaches the viewer, and the viewer's restart the server.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::server::LabServer;
use crate::ws::WsClient;

/// How a viewer is called; each has a WebSocket of its own.
const USER: &str = "viewer";
/// A look for messages.
const LOOK: Duration = Duration::from_millis(1);

/// Of a message that is kept.
const NOTE_CHARS: usize = 160;

/// An open conversation.
pub struct Signalling {
    /// `None` once it has broken.
    socket: Option<WsClient>,
    begin: Instant,
    /// What passed since the first answer, for a failure.
    pub said: Vec<String>,
}

/// What the server says by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// The answer to a restart.
    Answer(String),
    /// A line of SDP without `a=`.
    Candidate(String),
    /// Its addresses have changed.
    RestartWanted,
}

impl Signalling {
    /// Opens a conversation, and tells the server that a restart can be asked for.
    ///
    /// # Errors
    /// The server refuses.
    pub fn open(server: &LabServer<'_>) -> Result<Signalling> {
        let mut socket = server.websocket()?;
        socket.send(&json!({ "type": "pinhole_clock", "sent": 1 }))?;
        socket.receive(Duration::from_secs(5))?;
        Ok(Signalling { socket: Some(socket), begin: Instant::now(), said: Vec::new() })
    }

    /// The answer to the first offer.
    pub(super) fn offer(&mut self, sdp: &str) -> Result<String> {
        let socket = self.socket.as_mut().expect("it breaks later than the first offer");
        socket.offer(USER, sdp)
    }

    /// Sends the offer of a restart; its answer is news.
    pub(super) fn send_restart(&mut self, sdp: &str) {
        self.send(&json!({
            "type": "webrtc_offer", "session_id": "lab", "user_id": USER, "sdp": sdp,
        }));
    }

    /// Sends a late candidate of the viewer.
    pub(super) fn send_candidate(&mut self, line: &str) {
        let candidate = json!({ "candidate": line, "sdpMLineIndex": 0 });
        self.send(&json!({
            "type": "webrtc_ice_candidate", "user_id": USER, "candidate": candidate,
        }));
    }

    /// What the server has said, if anything.
    pub(super) fn next(&mut self) -> Option<News> {
        let message = match self.socket.as_mut()?.receive_soon(LOOK) {
            Ok(message) => message?,
            Err(error) => return self.end(&error),
        };
        self.note("<-", &message);
        news(&message)
    }

    fn send(&mut self, message: &Value) {
        self.note("->", message);
        let sent = self.socket.as_mut().map(|socket| socket.send(message));
        if let Some(Err(error)) = sent {
            self.end(&error);
        }
    }

    /// Keeps a message for a failure; of descriptions, the beginning and the candidates.
    fn note(&mut self, direction: &str, message: &Value) {
        let sdp = message["sdp"].as_str().unwrap_or_default();
        let candidates = sdp.lines().filter(|line| line.starts_with("a=candidate"));
        let candidates: Vec<&str> = candidates.collect();
        let text: String = message.to_string().chars().take(NOTE_CHARS).collect();
        let at = self.begin.elapsed().as_millis();
        self.said.push(format!("{at} ms {direction} {text} {candidates:?}"));
    }

    /// Media may well go on; whether it does is what tests look at.
    fn end(&mut self, error: &anyhow::Error) -> Option<News> {
        self.said.push(format!("broken: {error:#}"));
        self.socket = None;
        None
    }
}

fn news(message: &Value) -> Option<News> {
    match message["type"].as_str()? {
        "webrtc_answer" => Some(News::Answer(message["sdp"].as_str()?.to_owned())),
        "webrtc_ice_candidate" => {
            Some(News::Candidate(message["candidate"]["candidate"].as_str()?.to_owned()))
        }
        "pinhole_restart_ice" => Some(News::RestartWanted),
        _ => None,
    }
}
