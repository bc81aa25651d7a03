//! Viewers that come over TCP (RFC 6544): their connections, from HTTP's port or one of their own,
//! go to the event loop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use pinhole_runtime::Handle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::http::accept::stopped;
use crate::http::first_bytes::{Speaks, look};

/// Connections at once that have not said yet what they are; the next one is closed.
const UNKNOWN_MAX: usize = 128;
/// Pause after the system refused to accept: out of descriptors, mostly, which passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Gives a connection to the event loop, which bounds how many it takes.
pub(crate) async fn hand_over(
    handle: &Handle,
    stream: TcpStream,
    first_bytes: Vec<u8>,
) -> io::Result<()> {
    match handle.adopt_stream(stream.into_std()?, first_bytes).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(io::Error::other("the event loop has no place for this connection")),
        Err(error) => Err(io::Error::other(error.to_string())),
    }
}

/// Takes connections on a port of their own until `stopping` is true. One that does not begin with
/// a check within `first_time` is closed.
pub(crate) async fn run(
    listener: TcpListener,
    handle: Handle,
    first_time: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(UNKNOWN_MAX));
    let mut unknown = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = unknown.join_next() => continue,
            () = stopped(&mut stopping) => return,
        };
        let mut stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let handle = handle.clone();
        unknown.spawn(async move {
            let ended = match timeout(first_time, look(&mut stream)).await {
                Ok(Ok(Speaks::Ice(first_bytes))) => hand_over(&handle, stream, first_bytes).await,
                Ok(Ok(Speaks::Other | Speaks::Nothing)) | Err(_) => {
                    Err(io::Error::other("it does not begin with a check"))
                }
                Ok(Err(error)) => Err(error),
            };
            if let Err(error) = ended {
                tracing::debug!("a TCP connection is closed: {error}");
            }
            drop(place);
        });
    }
}
