//! Takes connections: as many as there is room for, each with bounds of time, HTTP/1.1, with or
//! without TLS. Viewers that come to this port to speak ICE over TCP are passed on.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use pinhole_runtime::Handle;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::caller::Peer;
use super::first_bytes::{Speaks, look};
use crate::ice_tcp::hand_over;
use crate::settings::HttpLimits;

/// How long an HTTP connection may live, so that a peer that never reads its answer holds no place
/// for ever. A WebSocket leaves this count when it begins.
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
    /// Who takes viewers that speak ICE; `None`: they have no business here.
    pub(crate) ice: Option<Handle>,
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
            let (stream, peer) = match accepted {
                Ok((stream, peer)) => (stream, peer.ip()),
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
            let connection = Connection {
                tls: self.tls.clone(),
                router: self.router.clone(),
                limits: self.limits.clone(),
                ice: self.ice.clone(),
                stopping: stopping.clone(),
                since: Instant::now(),
                peer,
            };
            connections.spawn(async move {
                if let Err(error) = connection.serve(stream).await {
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

/// What serves one connection.
struct Connection {
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: HttpLimits,
    ice: Option<Handle>,
    stopping: watch::Receiver<bool>,
    since: Instant,
    peer: IpAddr,
}

impl Connection {
    async fn serve(mut self, mut stream: TcpStream) -> io::Result<()> {
        // Answers and signalling messages are small and wanted at once.
        stream.set_nodelay(true)?;
        if let Some(ice) = self.ice.take() {
            match self.look(&mut stream).await? {
                Speaks::Ice(first_bytes) => return hand_over(&ice, stream, first_bytes).await,
                Speaks::Nothing => return Ok(()),
                Speaks::Other => {}
            }
        }
        match self.tls.take() {
            None => self.serve_http(stream).await,
            Some(tls) => {
                let handshake = timeout_at(self.since + self.limits.tls_time, tls.accept(stream));
                let stream = handshake.await.map_err(|_| late("slow TLS handshake"))??;
                // What follows is a connection that has just begun.
                self.since = Instant::now();
                self.serve_http(stream).await
            }
        }
    }

    /// Waits for the first bytes; no longer than for what would begin with them.
    async fn look(&mut self, stream: &mut TcpStream) -> io::Result<Speaks> {
        let most = if self.tls.is_some() { self.limits.tls_time } else { self.limits.head_time };
        tokio::select! {
            looked = timeout_at(self.since + most, look(stream)) => {
                looked.map_err(|_| late("it says nothing"))?
            }
            () = stopped(&mut self.stopping) => Ok(Speaks::Nothing),
        }
    }

    async fn serve_http(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> io::Result<()> {
        let asked = Arc::new(AtomicBool::new(false));
        let first_head_by = self.since + self.limits.head_time;
        let note = Arc::clone(&asked);
        let router = TowerToHyperService::new(self.router);
        let peer = Peer(self.peer);
        let service = service_fn(move |mut request: Request<Incoming>| {
            note.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(peer);
            router.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut self.stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            // Hyper counts from when it was given the connection, which had waited before.
            () = unasked(first_head_by, &asked) => return Err(late("a slow head")),
            () = sleep(CONNECTION_TIME) => {
                connection.as_mut().graceful_shutdown();
                match timeout(self.limits.body_time, connection).await {
                    Ok(ended) => ended,
                    Err(_) => return Err(late("an old connection")),
                }
            }
        };
        ended.map_err(io::Error::other)
    }
}

/// Comes back at that moment, unless something was asked before.
async fn unasked(by: Instant, asked: &AtomicBool) {
    sleep_until(by).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
