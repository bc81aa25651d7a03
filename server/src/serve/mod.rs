//! `pinhole serve`: starts everything in the order in which it can fail, and ends it so that
//! viewers are told.
//!
//! The HTTP port is bound first, because another program on it is the most likely mistake; then
//! names of the port map are resolved and UDP bound ([`addresses`]), the stream opened, the event
//! loop started. Names of STUN and TURN servers are resolved beside all that ([`servers`] hears what
//! comes of it). Signalling runs on the executor that calls [`start`]; the sessions run on the loop's
//! own thread.

pub(crate) mod addresses;
mod loops;
mod proofs;
mod report;
mod servers;
pub(crate) mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pinhole_core::h264::ProfileLevelId;
use pinhole_core::{Certificate, EndpointConfig, Limits, Seed, VideoFormat, WallClock};
use pinhole_encoder::{MediaEvent, Stream, StreamFormat};
use pinhole_runtime::{Handle, NetworkConfig, RuntimeConfig, RuntimeError};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::findings::FindingsDesk;
use crate::http::accept::Server;
use crate::http::access::AccessRules;
use crate::http::{App, router};
use crate::ice_servers::IceServers;
use crate::ice_tcp;
use crate::sessions::{Sessions, random};
use crate::settings::{BitrateFloor, IceFor, RecordSettings, RuntimeKind, Settings, TcpPort};

/// Time for WebSockets to say goodbye, for the loop to end, for HTTP to end. Together under two
/// seconds.
const GOODBYE_TIME: Duration = Duration::from_millis(600);
const LOOP_TIME: Duration = Duration::from_millis(700);
const HTTP_TIME: Duration = Duration::from_millis(400);

/// Why `serve` cannot start; the text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The HTTP port.
    #[error(
        "cannot listen on {address}: {error}; another program may use the port: choose one with \
         --listen"
    )]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The port map, a host name, or no address to offer.
    #[error("{0}")]
    Addresses(String),
    /// UDP sockets.
    #[error(transparent)]
    Bind(#[from] pinhole_runtime::BindError),
    /// Certificate or key of HTTPS, or the CA of TURN servers.
    #[error("{0}")]
    Tls(String),
    /// The file of the recording.
    #[error("{0}")]
    Record(String),
    /// Source or encoder.
    #[error(transparent)]
    Stream(#[from] pinhole_encoder::StreamError),
    /// The certificate of DTLS.
    #[error(transparent)]
    Certificate(#[from] pinhole_core::CertificateError),
    /// The event loop.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// Why a server came to its end by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The source has no more pictures.
    SourceEnded,
    /// The source, the encoder or the event loop failed, with the text for people.
    Failed(String),
}

/// A server at work. Dropping it ends it too, without waiting for anything.
pub struct Running {
    /// Where HTTP listens, with the real port.
    pub addr: SocketAddr,
    /// The page's address, with a `/` at its end.
    pub url: String,
    /// What to tell the operator.
    pub report: Vec<String>,
    /// Speaks with the sessions.
    pub handle: Handle,
    stopping: watch::Sender<bool>,
    app: Arc<App>,
    http: JoinHandle<()>,
    media: JoinHandle<End>,
    event_loop: std::thread::JoinHandle<Result<(), RuntimeError>>,
}

/// Starts a server. Comes back once it answers; waits for the source's first bytes, where that is
/// standard input.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    let listen = settings.listen;
    let listener =
        TcpListener::bind(listen).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (addr, listener) =
        listener.map_err(|error| StartError::Listen { address: listen, error })?;
    let tls = settings.tls.as_ref().map(tls::acceptor).transpose().map_err(StartError::Tls)?;
    let roots = settings.turn_ca.as_deref().map(tls::roots).transpose();
    let roots = roots.map_err(StartError::Tls)?.unwrap_or_default();

    let wanted = settings.addresses.clone();
    let servers = settings.gather_servers();
    let http = addresses::listened(&listener, Some(addr));
    let asked = servers.servers.clone();
    let loops = loops::wanted(&settings);
    let mut bound = blocking(move || addresses::bind(&wanted, &http, asked, loops)).await?;
    let config = settings.stream.clone();
    let stream = blocking(move || Ok(Stream::start(&config)?)).await?;
    let (format, stats) = (stream.format().clone(), stream.stats());
    let url = report::url(&settings, addr);
    let report = report::lines(&settings, &bound, &servers, &format, &url);

    let tcp = bound.tcp.take().map(TcpListener::from_std).transpose();
    let tcp = tcp.map_err(RuntimeError::io("the TCP port cannot be waited for"))?;
    let watched = servers::list(&servers);
    let network = NetworkConfig { names: servers.names, bases: Some(bound.bases.clone()), roots };
    let provable = proofs::Provable::of(&bound, &settings.addresses);
    let event_loop = start_loop(&settings, bound, stream, network)?;
    let handle = event_loop.handle;
    let access_rules = AccessRules::new(&settings);

    let (stopping, stopped) = watch::channel(false);
    let ice_servers = match settings.ice_for {
        IceFor::Both | IceFor::Browsers => settings.ice_servers,
        IceFor::Server => IceServers::default(),
    };
    let app = Arc::new(App {
        handle: handle.clone(),
        sessions: Arc::new(Sessions::new(handle.clone())),
        access: access_rules,
        limits: settings.http.clone(),
        ice_servers,
        health: Default::default(),
        findings: Arc::new(FindingsDesk::new(handle.clone())),
        format,
        stream: stats,
        sockets: Arc::new(Semaphore::new(settings.http.sockets)),
        stopping: stopped.clone(),
    });
    if let Some(listener) = tcp {
        let first_time = settings.http.head_time;
        tokio::spawn(ice_tcp::run(listener, handle.clone(), first_time, stopped.clone()));
    }
    tokio::spawn(servers::watch(handle.clone(), app.findings.clone(), watched));
    let proving = settings.reflector.map(|by| provable.by(by, &app));
    proving.map(|proving| tokio::spawn(proving.run(stopped.clone())));
    let ice = (settings.addresses.tcp_port == TcpPort::Http).then(|| handle.clone());
    let server = Server { listener, tls, router: router(app.clone()), limits: settings.http, ice };
    Ok(Running {
        addr,
        url,
        report,
        handle,
        stopping,
        http: tokio::spawn(server.run(stopped)),
        media: tokio::spawn(watch_media(app.clone())),
        app,
        event_loop: event_loop.thread,
    })
}

impl Running {
    /// Comes back when the server has come to its end by itself; [`Running::shutdown`] is still to
    /// be called.
    pub async fn ended(&mut self) -> End {
        match (&mut self.media).await {
            Ok(end) => end,
            Err(error) => End::Failed(format!("signalling failed: {error}")),
        }
    }

    /// Ends it, telling the viewers; within two seconds.
    pub async fn shutdown(self) {
        self.stopping.send_replace(true);
        let limits = &self.app.limits;
        let all = u32::try_from(limits.sockets).unwrap_or(u32::MAX);
        let goodbye = timeout(GOODBYE_TIME, self.app.sockets.acquire_many(all)).await;
        if goodbye.is_err() {
            tracing::debug!("some WebSockets did not close in time");
        }
        let joined = async {
            let _ = self.handle.shut_down().await;
            let thread = self.event_loop;
            spawn_blocking(move || thread.join()).await
        };
        match timeout(LOOP_TIME, joined).await {
            Ok(Ok(Ok(Ok(())))) => {}
            Ok(Ok(Ok(Err(error)))) => tracing::warn!("the event loop ended: {error}"),
            Ok(_) => tracing::warn!("the event loop panicked"),
            Err(_) => tracing::warn!("the event loop did not end in time"),
        }
        let _ = timeout(HTTP_TIME, self.http).await;
        self.media.abort();
    }
}

fn start_loop(
    settings: &Settings,
    bound: addresses::Bound,
    stream: Stream,
    network: NetworkConfig,
) -> Result<pinhole_runtime::Running, StartError> {
    let record = settings.record.as_ref().map(RecordSettings::create).transpose();
    let config = RuntimeConfig {
        endpoint: endpoint_config(settings, &bound, stream.format())?,
        sockets: bound.sockets,
        media: Box::new(stream),
        network,
        record: record.map_err(StartError::Record)?,
    };
    Ok(match settings.runtime {
        RuntimeKind::Mio => pinhole_mio::spawn(config)?,
        RuntimeKind::Smol => pinhole_smol::spawn(config)?,
    })
}

/// Runs something that may wait on an executor's thread made for waiting.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(StartError::Addresses(format!("interrupted at start: {error}"))),
        },
    }
}

fn endpoint_config(
    settings: &Settings,
    bound: &addresses::Bound,
    format: &StreamFormat,
) -> Result<EndpointConfig, StartError> {
    let [profile_idc, constraints, level_idc] = format.profile_level_id;
    let floor = match settings.bitrate_floor {
        BitrateFloor::At(bits) => Some(bits),
        BitrateFloor::Off => None,
    };
    let bitrate_floor = floor.map_or(0, u64::from);
    Ok(EndpointConfig {
        seed: Seed::new(random()),
        wall_clock: WallClock {
            unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            at: Instant::now(),
        },
        certificate: Certificate::generate()?,
        gather: bound.gather.clone(),
        video: VideoFormat {
            profile_level_id: ProfileLevelId { profile_idc, constraints, level_idc },
        },
        estimator: floor.map(|_| settings.stream.bitrate.into()),
        limits: Limits {
            sessions: settings.max_viewers,
            bitrate_floor,
            retransmit_for: settings.retransmit_for,
            ..Limits::default()
        },
    })
}

/// Hears of the stream until it ends.
async fn watch_media(app: Arc<App>) -> End {
    loop {
        match app.handle.media_event().await {
            Some(MediaEvent::Stalled(ms)) => {
                tracing::warn!("the encoder has not answered for {ms} ms");
                app.health.set(Some(format!("the encoder has not answered for {ms} ms")));
                let stalled = Duration::from_millis(ms);
                app.findings.note(|known| known.encoder_stalled = Some(stalled)).await;
            }
            Some(MediaEvent::Recovered) => {
                tracing::warn!("the encoder answers again");
                app.health.set(None);
                app.findings.note(|known| known.encoder_stalled = None).await;
            }
            Some(MediaEvent::Replaced { from, to, why }) => {
                let how = format!("{to} encodes now instead of {from}: {why}");
                tracing::warn!("{how}");
                app.health.mended(how);
                app.findings.note(|known| known.encoder_stalled = None).await;
            }
            Some(MediaEvent::Ended) => {
                app.health.set(Some("the source has ended".to_string()));
                return End::SourceEnded;
            }
            Some(MediaEvent::Failed(text)) => {
                app.health.set(Some(text.clone()));
                return End::Failed(text);
            }
            None => {
                let text = "the event loop has ended".to_string();
                app.health.set(Some(text.clone()));
                return End::Failed(text);
            }
        }
    }
}
