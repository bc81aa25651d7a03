//! Takes connections: as many as there is room for, each with bounds of time, HTTP/1.1, with or without TLS.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::settings::HttpLimits;

/// How long an HTTP connection may live, so that a peer that never reads its answer holds no place for ever. A
/// WebSocket leaves this count when it begins.
const CONNECTION_TIME: Duration = Duration::from_secs(300);
/// Pause after the system refused to accept: out of descriptors, mostly, which passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time for the answers under way when the server stops.
const DRAIN_TIME: Duration = Duration::from_millis(300);
/// Bytes of a request's head, and of what is read ahead.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Headers of a request; hyper answers 431 beyond.
const HEADERS_MAX: usize = 64;

const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 5\r\n\
    Content-Length: 37\r\nConnection: close\r\n\r\ntoo many connections; try again later";

/// A listener and what it serves.
pub(crate) struct Server {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) router: Router,
    pub(crate) limits: HttpLimits,
}

impl Server {
    /// Serves until `stopping` is true, then lets answers under way finish for a moment.
    pub(crate) async fn run(self, mut stopping: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
                () = stopped(&mut stopping) => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                // Not spawned: a flood must not become a flood of tasks.
                refuse(stream);
                continue;
            };
            let (tls, router, limits) =
                (self.tls.clone(), self.router.clone(), self.limits.clone());
            let stopping = stopping.clone();
            connections.spawn(async move {
                if let Err(error) = serve(stream, tls, router, &limits, stopping).await {
                    tracing::debug!("an HTTP connection ended: {error}");
                }
                drop(place);
            });
        }
        drop(self.listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        let _ = timeout(DRAIN_TIME, drained).await;
    }
}

/// Comes back once the server is shutting down, or has been dropped.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Says that there is no room, if that can be said without waiting.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(FULL);
    }
}

async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: &HttpLimits,
    stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    // Answers and signalling messages are small and wanted at once.
    stream.set_nodelay(true)?;
    match tls {
        None => serve_http(stream, router, limits, stopping).await,
        Some(tls) => match timeout(limits.tls_time, tls.accept(stream)).await {
            Ok(stream) => serve_http(stream?, router, limits, stopping).await,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "slow TLS handshake")),
        },
    }
}

async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: &HttpLimits,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = sleep(CONNECTION_TIME) => {
            connection.as_mut().graceful_shutdown();
            match timeout(limits.body_time, connection).await {
                Ok(ended) => ended,
                Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "an old connection")),
            }
        }
    };
    ended.map_err(io::Error::other)
}
