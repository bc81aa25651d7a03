//! A blocking WebSocket client for the JSON messages of existing front ends.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;
use tungstenite::{Message, WebSocket};

use crate::http;

/// An open WebSocket.
pub struct WsClient {
    socket: WebSocket<TcpStream>,
}

impl WsClient {
    /// Connects to `/ws/{session}`.
    ///
    /// # Errors
    /// The server refuses.
    pub fn connect(to: SocketAddr, session: &str) -> Result<WsClient> {
        let stream = http::connect(to, http::EXCHANGE_LIMIT)?;
        let url = format!("ws://{to}/ws/{session}");
        let (socket, _) = tungstenite::client(url, stream).context("the WebSocket handshake")?;
        Ok(WsClient { socket })
    }

    /// Sends a JSON message.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn send(&mut self, message: &Value) -> Result<()> {
        self.send_text(&message.to_string())
    }

    /// Sends any text.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn send_text(&mut self, text: &str) -> Result<()> {
        self.socket.send(Message::text(text)).context("sending a text message")
    }

    /// Sends a binary message.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<()> {
        self.socket.send(Message::binary(bytes.to_vec())).context("sending a binary message")
    }

    /// The next JSON message; pings are answered meanwhile.
    ///
    /// # Errors
    /// None comes in time, or the server closes, or it is no JSON.
    pub fn receive(&mut self, limit: Duration) -> Result<Value> {
        let begin = Instant::now();
        while begin.elapsed() < limit {
            match self.socket.read().context("reading a message")? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(frame) => bail!("the server closes: {frame:?}"),
                _ => {}
            }
        }
        bail!("no message within {limit:?}")
    }

    /// The next JSON message, if one is here or comes soon; pings are answered meanwhile.
    ///
    /// # Errors
    /// The server closes, or what comes is no JSON.
    pub fn receive_soon(&mut self, limit: Duration) -> Result<Option<Value>> {
        self.socket.get_ref().set_read_timeout(Some(limit))?;
        let message = self.socket.read();
        self.socket.get_ref().set_read_timeout(Some(http::EXCHANGE_LIMIT))?;
        match message {
            Ok(Message::Text(text)) => Ok(Some(serde_json::from_str(&text)?)),
            Ok(Message::Close(frame)) => bail!("the server closes: {frame:?}"),
            Ok(_) => Ok(None),
            Err(tungstenite::Error::Io(error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                Ok(None)
            }
            Err(error) => Err(error).context("reading a message"),
        }
    }

    /// Sends an offer and waits for its answer, or for the error's text.
    ///
    /// # Errors
    /// No answer; the text of an error message.
    pub fn offer(&mut self, user: &str, sdp: &str) -> Result<String> {
        self.send(&json!({
            "type": "webrtc_offer", "session_id": "harness", "user_id": user, "sdp": sdp,
        }))?;
        let message = self.receive(http::EXCHANGE_LIMIT)?;
        match (message["type"].as_str(), message["sdp"].as_str()) {
            (Some("webrtc_answer"), Some(sdp)) => Ok(sdp.to_owned()),
            _ => bail!("{message}"),
        }
    }

    /// Closes in good order.
    pub fn close(mut self) {
        // The server may be faster.
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
    }
}
