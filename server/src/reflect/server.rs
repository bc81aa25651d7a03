//! The reflector at work: one task for each control connection, one for the echo.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use subtle::ConstantTimeEq as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::protocol::{
    Ask, CONNECTION_TIME, COUNT_MAX, LINE_BYTES_MAX, LISTEN_MAX, REQUESTS_MAX, SPACING_MAX,
    SPACING_MIN, TARGETS_MAX, Target, Tell, VERSION,
};
use super::ration::Rations;
use super::sender::{self, Pace};
use super::{ReflectSettings, echo};

/// Connections at once; the next one waits to be accepted.
const CONNECTIONS_MAX: usize = 128;
/// Tries of a port that is free over both TCP and UDP.
const ANY_PORT_TRIES: usize = 16;
/// After an error of the listener, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// A reflector at work. Dropping it ends it.
pub struct Reflecting {
    /// Where TCP and UDP listen.
    pub address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

struct Shared {
    token: Option<String>,
    rations: Arc<Mutex<Rations>>,
}

impl Reflecting {
    /// Binds both ports and begins to answer.
    ///
    /// # Errors
    /// The port is taken, or the address is not this machine's.
    pub async fn start(settings: &ReflectSettings) -> io::Result<Reflecting> {
        let (listener, socket) = bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let rations = Arc::new(Mutex::new(Rations::default()));
        let shared = Arc::new(Shared { token: settings.token.clone(), rations: rations.clone() });
        let tasks =
            vec![tokio::spawn(accept(listener, shared)), tokio::spawn(echo::run(socket, rations))];
        Ok(Reflecting { address, tasks })
    }
}

impl Drop for Reflecting {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn bind(listen: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let mut last = None;
    for _ in 0..ANY_PORT_TRIES {
        let listener = TcpListener::bind(listen).await?;
        match UdpSocket::bind(listener.local_addr()?).await {
            Ok(socket) => return Ok((listener, socket)),
            Err(error) if listen.port() != 0 => return Err(error),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut tasks = JoinSet::new();
    loop {
        let permit = connections.clone().acquire_owned().await;
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        while tasks.try_join_next().is_some() {}
        if !shared.rations().connect(Instant::now(), peer.ip()) {
            continue;
        }
        let shared = shared.clone();
        tasks.spawn(async move {
            let _permit = permit;
            // Whoever is cut off asks again.
            let _ = timeout(CONNECTION_TIME, talk(stream, peer, &shared)).await;
            shared.rations().disconnect(peer.ip());
        });
    }
}

impl Shared {
    fn rations(&self) -> MutexGuard<'_, Rations> {
        self.rations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection, to its end. An error ends it: there is nobody to tell.
async fn talk(stream: TcpStream, peer: SocketAddr, shared: &Shared) -> io::Result<()> {
    let source = stream.local_addr()?.ip().to_canonical();
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let is_trusted = match next(&mut reader).await? {
        Some(Ask::Hello { version: VERSION, token }) => match (&shared.token, &token) {
            (None, _) | (Some(_), None) => false,
            (Some(ours), Some(theirs)) if bool::from(ours.as_bytes().ct_eq(theirs.as_bytes())) => {
                true
            }
            _ => return fail(&mut writer, "the token is not this reflector's").await,
        },
        Some(Ask::Hello { .. }) => {
            let text = format!("this reflector speaks version {VERSION}; use the same Pinhole");
            return fail(&mut writer, &text).await;
        }
        _ => return fail(&mut writer, "say hello first").await,
    };
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unix_ms = u64::try_from(unix.as_millis()).unwrap_or_default();
    say(&mut writer, &Tell::Hello { version: VERSION, unix_ms, you: peer }).await?;
    for _ in 0..REQUESTS_MAX {
        match next(&mut reader).await? {
            Some(Ask::Probe { targets, count, spacing_ms, listen_ms }) => {
                let pace = Pace {
                    count: count.min(COUNT_MAX),
                    spacing: Duration::from_millis(spacing_ms).clamp(SPACING_MIN, SPACING_MAX),
                    listen: Duration::from_millis(listen_ms).min(LISTEN_MAX),
                };
                if targets.len() > TARGETS_MAX {
                    let text = format!("at most {TARGETS_MAX} targets at a time");
                    return fail(&mut writer, &text).await;
                }
                let (may, refusals) = sort(targets, pace, peer, is_trusted, shared);
                probe(&mut reader, &mut writer, may, refusals, source, pace).await?;
            }
            Some(Ask::Enough) => {}
            Some(Ask::Hello { .. }) => return fail(&mut writer, "hello is said once").await,
            None => return Ok(()),
        }
    }
    fail(&mut writer, &format!("{REQUESTS_MAX} requests are enough for one connection")).await
}

/// The targets that get probes, with their numbers, and the refusals of the others.
fn sort(
    targets: Vec<Target>,
    pace: Pace,
    peer: SocketAddr,
    is_trusted: bool,
    shared: &Shared,
) -> (Vec<(usize, Target)>, Vec<Tell>) {
    let (mut may, mut refusals) = (Vec::new(), Vec::new());
    for (number, target) in targets.into_iter().enumerate() {
        let why = if !is_trusted && target.address.ip().to_canonical() != peer.ip() {
            Some(format!(
                "you come from {}, and without its token a reflector sends nowhere else: start it \
                 with --token, and use --reflector-token",
                peer.ip()
            ))
        } else if !may_be_target(target.address, peer.ip()) {
            Some(format!("{} is not the address of one machine elsewhere", target.address))
        } else if !shared.rations().take(Instant::now(), peer.ip(), pace.count.into()) {
            Some("that is enough for now; ask again in a minute".to_string())
        } else {
            None
        };
        match why {
            None => may.push((number, target)),
            Some(text) => refusals.push(Tell::Refused { target: number, text }),
        }
    }
    (may, refusals)
}

/// Not a group of machines, and not the reflector itself unless the asker is on it, too.
fn may_be_target(target: SocketAddr, peer: IpAddr) -> bool {
    let ip = target.ip().to_canonical();
    let is_group = match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_multicast() || ip.is_unspecified(),
    };
    let is_own = ip.is_loopback() && !peer.is_loopback();
    !is_group && !is_own && target.port() != 0
}

/// Sends, and tells what happens, until all is said or the asker hangs up.
async fn probe(
    reader: &mut BufReader<OwnedReadHalf>,
    writer: &mut OwnedWriteHalf,
    targets: Vec<(usize, Target)>,
    refusals: Vec<Tell>,
    source: IpAddr,
    pace: Pace,
) -> io::Result<()> {
    for refusal in &refusals {
        say(writer, refusal).await?;
    }
    let (tell, mut told) = mpsc::channel(TARGETS_MAX);
    let mut senders = JoinSet::new();
    for (number, target) in targets {
        senders.spawn(sender::send(number, target, source, pace, tell.clone()));
    }
    drop(tell);
    loop {
        tokio::select! {
            news = told.recv() => match news {
                Some(news) => say(writer, &news).await?,
                None => return say(writer, &Tell::Done).await,
            },
            // The next request, or the end, means that the asker has seen enough.
            _ = reader.fill_buf() => return say(writer, &Tell::Done).await,
        }
    }
}

/// The next line; `None` at the end, and for what is none of ours.
async fn next(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Ask>> {
    let mut line = Vec::new();
    reader.take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line).await?;
    Ok(serde_json::from_slice(&line).ok())
}

async fn say(writer: &mut OwnedWriteHalf, tell: &Tell) -> io::Result<()> {
    let mut line = serde_json::to_vec(tell)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

async fn fail(writer: &mut OwnedWriteHalf, text: &str) -> io::Result<()> {
    say(writer, &Tell::Error { text: text.to_string() }).await
}
