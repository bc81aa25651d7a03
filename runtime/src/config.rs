//! What a runtime is started with, and what comes of it.
use std::thread::JoinHandle;

use pinhole_core::EndpointConfig;
use pinhole_encoder::Media;

use crate::{Handle, NetworkConfig, RecordFile, Sockets};

/// What a runtime is started with.
pub struct RuntimeConfig {
    /// The endpoint's configuration. Its `bases` and `candidates` come from [`Sockets::bases`].
    pub endpoint: EndpointConfig,
    /// Bound sockets. For each port there is one event loop: [`Sockets::bind_also`].
    pub sockets: Sockets,
    /// What produces access units.
    pub media: Box<dyn Media>,
    /// What to look at beyond the sockets: names of servers, interfaces that come and go.
    pub network: NetworkConfig,
    /// Where sessions are recorded; `None`: nowhere. Several event loops cannot be recorded.
    pub record: Option<RecordFile>,
}

/// A runtime at work on its own thread, or threads.
pub struct Running {
    /// Speaks with it.
    pub handle: Handle,
    /// Its thread, or the one that waits for all of them. It ends after [`Handle::shut_down`], or once every [`Handle`] is dropped.
    pub thread: JoinHandle<Result<(), RuntimeError>>,
}

/// Why a runtime ended by itself, or could not start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The endpoint's configuration is refused.
    #[error(transparent)]
    Config(#[from] pinhole_core::ConfigError),
    /// A recording was asked for, and several event loops.
    #[error("a recording is of one event loop: bind one UDP port, or leave the recording out")]
    RecordsOneLoop,
    /// The operating system refused something.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// The loop panicked: a bug of ours. Viewers were told that their sessions failed.
    #[error("the event loop panicked: {0}; please report this with the log before it")]
    Panicked(String),
}

impl RuntimeError {
    /// Makes an [`RuntimeError::Io`], for `map_err`.
    pub fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> RuntimeError {
        move |error| RuntimeError::Io { what, error }
    }
}
