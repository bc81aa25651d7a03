//! Bounds that no flag sets.

use std::time::Duration;

/// Bounds of the HTTP side, each with what happens there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLimits {
    /// Time for a request's head, and for the next one on a kept connection; the connection is
    /// closed after it.
    pub head_time: Duration,
    /// Time for a request's body, all of it; 408 after it.
    pub body_time: Duration,
    /// Bytes of a request's body; 413 beyond.
    pub body_bytes: usize,
    /// Time for a TLS handshake; the connection is closed after it.
    pub tls_time: Duration,
    /// Connections at once, WebSockets not counted; the next one gets a 503 and is closed.
    pub connections: usize,
    /// WebSockets at once; the next one gets a 503.
    pub sockets: usize,
    /// How often a WebSocket is pinged.
    pub ping_every: Duration,
    /// Silence after which a WebSocket is closed.
    pub silence: Duration,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            head_time: Duration::from_secs(30),
            body_time: Duration::from_secs(30),
            // Chromium's offer of 30 m-lines has 78 kB.
            body_bytes: 256 * 1024,
            tls_time: Duration::from_secs(10),
            connections: 1024,
            sockets: 1024,
            ping_every: Duration::from_secs(20),
            silence: Duration::from_secs(30),
        }
    }
}
