//! Parsers of what viewers send, for those who feed them any bytes; no part of the program.

use crate::http::{report, ws};

/// Reads a message of the WebSocket. The error is the message that answers it.
pub fn websocket_message(text: &str) -> Result<(), String> {
    ws::messages::parse(text).map(drop).map_err(|fault| fault.to_json())
}

/// Reads a browser's report, as WHEP takes it. The error says what is wrong with it.
pub fn browser_report(text: &str) -> Result<(), String> {
    report::read(text).map(drop)
}
