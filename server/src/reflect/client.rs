//! The asker's side: names outside addresses to a reflector, and puts together what it sent and what
//! arrived.
//!
//! The sockets to be proved belong to somebody else, the doctor or a server at work. Whoever reads
//! them hands each probe over as an [`Arrival`]; which socket it came to is all that is needed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::protocol::{Ask, LINE_BYTES_MAX, Tell, VERSION};

pub use super::protocol::{Target, Unreachable};

/// How long the connection, and the answer to hello, may take.
const CONNECT_TIME: Duration = Duration::from_secs(4);
/// Probes for each target, and the time between them.
const COUNT: u16 = 5;
const SPACING: Duration = Duration::from_millis(20);
/// After the last arrival, others may be under way.
const QUIET: Duration = Duration::from_millis(150);
/// Lines that wait to be read; the reflector waits meanwhile.
const LINES_MAX: usize = 16;

/// A probe that came to a socket of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The address that the socket is bound to.
    pub local: SocketAddr,
    /// Where it seemed to come from.
    pub remote: SocketAddr,
    /// Its token.
    pub token: String,
    /// Its place among those with this token.
    pub sequence: u16,
    /// When.
    pub at: Instant,
}

/// What became of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Probes that left.
    pub sent: u16,
    /// What ICMP said of them, to the reflector.
    pub unreachable: Option<Unreachable>,
    /// Why none was sent.
    pub refused: Option<String>,
    /// Those that arrived, in their order.
    pub arrivals: Vec<Arrival>,
}

/// Why a reflector is of no help.
#[derive(Debug, thiserror::Error)]
pub enum ReflectorError {
    /// There is no connection.
    #[error(
        "no reflector at {name}: {error}; check that `pinhole reflect` runs there and that its TCP \
         port is open"
    )]
    Connect {
        /// What was asked for.
        name: String,
        /// What the system said.
        error: io::Error,
    },
    /// Its name has no address of the family of our outside addresses, so it cannot send there.
    #[error(
        "the reflector {name} has no {family} address, as the mapped ports have; give it one, or \
         name another with --reflector"
    )]
    OtherFamily {
        /// What was asked for.
        name: String,
        /// `IPv4` or `IPv6`.
        family: &'static str,
    },
    /// It says no.
    #[error("the reflector refuses: {0}")]
    Refused(String),
    /// It is no reflector, or of another version.
    #[error(
        "what answers there is no reflector of this version; is it the port of `pinhole reflect`?"
    )]
    Foreign,
    /// The connection broke.
    #[error("the connection to the reflector broke: {0}")]
    Io(#[from] io::Error),
}

/// A connection to a reflector that has said hello.
#[derive(Debug)]
pub struct Reflector {
    writer: OwnedWriteHalf,
    told: mpsc::Receiver<Result<Tell, ReflectorError>>,
    listener: JoinHandle<()>,
    /// Its address: where its probes come from, unless it is behind a NAT itself.
    pub address: SocketAddr,
    /// Where it sees this connection come from.
    pub seen_from: SocketAddr,
    /// How long it took to answer.
    pub round_trip: Duration,
    /// Our clock minus its, in milliseconds, to within half of `round_trip`.
    pub clock_offset_ms: i64,
}

impl Reflector {
    /// Connects and says hello. `name`: `HOST:PORT`. `towards`: an address of the family of the
    /// targets, which the connection is to have too: to a stranger a reflector sends where the
    /// connection comes from.
    ///
    /// # Errors
    /// Nobody answers in time, or it refuses.
    pub async fn connect(
        name: &str,
        token: Option<&str>,
        towards: Option<IpAddr>,
    ) -> Result<Reflector, ReflectorError> {
        let failed = |error| ReflectorError::Connect { name: name.to_string(), error };
        let connecting = async {
            let found = lookup_host(name).await.map_err(failed)?;
            let fits = |at: &SocketAddr| towards.is_none_or(|to| to.is_ipv4() == at.is_ipv4());
            let addresses: Vec<SocketAddr> = found.filter(fits).collect();
            if addresses.is_empty() {
                let family = if towards.is_some_and(|to| to.is_ipv6()) { "IPv6" } else { "IPv4" };
                return Err(ReflectorError::OtherFamily { name: name.to_string(), family });
            }
            let stream = TcpStream::connect(addresses.as_slice()).await.map_err(failed)?;
            let address = stream.peer_addr()?;
            stream.set_nodelay(true)?;
            let (reader, mut writer) = stream.into_split();
            let mut reader = BufReader::new(reader);
            let hello = Ask::Hello { version: VERSION, token: token.map(str::to_string) };
            let asked = Instant::now();
            say(&mut writer, &hello).await?;
            let Tell::Hello { version: VERSION, unix_ms, you } = next(&mut reader).await? else {
                return Err(ReflectorError::Foreign);
            };
            let round_trip = asked.elapsed();
            let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let ours = ours.saturating_sub(round_trip / 2).as_millis();
            let ours = i64::try_from(ours).unwrap_or(i64::MAX);
            let clock_offset_ms = ours.saturating_sub_unsigned(unix_ms);
            let (tell, told) = mpsc::channel(LINES_MAX);
            let listener = tokio::spawn(listen(reader, tell));
            let seen_from = you;
            Ok(Reflector {
                writer,
                told,
                listener,
                address,
                seen_from,
                round_trip,
                clock_offset_ms,
            })
        };
        timeout(CONNECT_TIME, connecting)
            .await
            .unwrap_or_else(|_| Err(failed(io::ErrorKind::TimedOut.into())))
    }

    /// Has probes sent to `targets`, at most sixteen, and waits for them: until all have arrived, or
    /// are known not to, or `wait` is over. What comes is taken from `arrivals`; what has another
    /// token is dropped.
    ///
    /// # Errors
    /// The reflector refuses the whole request, or the connection breaks.
    pub async fn probe(
        &mut self,
        targets: &[Target],
        arrivals: &mut mpsc::Receiver<Arrival>,
        wait: Duration,
    ) -> Result<Vec<Outcome>, ReflectorError> {
        let begin = Instant::now();
        let listen = wait.saturating_sub(SPACING * u32::from(COUNT));
        let ask = Ask::Probe {
            targets: targets.to_vec(),
            count: COUNT,
            spacing_ms: SPACING.as_millis() as u64,
            listen_ms: listen.as_millis() as u64,
        };
        say(&mut self.writer, &ask).await?;
        let mut outcomes = vec![Outcome::default(); targets.len()];
        let (mut said, mut until) = (0, begin + wait);
        let mut is_done = false;
        loop {
            tokio::select! {
                tell = timeout_at(until, self.told.recv()), if !is_done => match tell {
                    Ok(tell) => match note(&mut outcomes, tell.ok_or(ReflectorError::Foreign)??) {
                        Noted::Target => said += 1,
                        Noted::News => {}
                        Noted::Done => is_done = true,
                        Noted::Foreign => return Err(ReflectorError::Foreign),
                    },
                    Err(_) => break,
                },
                arrival = timeout_at(until, arrivals.recv()) => match arrival {
                    Ok(Some(arrival)) => keep(&mut outcomes, targets, arrival),
                    Ok(None) | Err(_) => break,
                },
            }
            let known = |outcome: &Outcome| {
                !outcome.arrivals.is_empty()
                    || outcome.unreachable.is_some()
                    || outcome.refused.is_some()
            };
            if (said >= targets.len() && outcomes.iter().all(known)) || is_done {
                until = until.min(Instant::now() + QUIET);
            }
        }
        self.drain(is_done).await?;
        Ok(outcomes)
    }

    /// Leaves the stream at the beginning of the next request.
    async fn drain(&mut self, is_done: bool) -> Result<(), ReflectorError> {
        if is_done {
            return Ok(());
        }
        say(&mut self.writer, &Ask::Enough).await?;
        let drained = async {
            while self.told.recv().await.ok_or(ReflectorError::Foreign)?? != Tell::Done {}
            Ok(())
        };
        timeout(CONNECT_TIME, drained).await.unwrap_or(Err(ReflectorError::Foreign))
    }
}

enum Noted {
    /// All probes of one more target have left, or never will.
    Target,
    News,
    Done,
    Foreign,
}

fn note(outcomes: &mut [Outcome], tell: Tell) -> Noted {
    let (number, noted) = match &tell {
        Tell::Sent { target, .. } | Tell::Refused { target, .. } => (*target, Noted::Target),
        Tell::Unreachable { target, .. } => (*target, Noted::News),
        Tell::Done => return Noted::Done,
        Tell::Hello { .. } | Tell::Error { .. } => return Noted::Foreign,
    };
    let Some(outcome) = outcomes.get_mut(number) else { return Noted::Foreign };
    match tell {
        Tell::Sent { count, .. } => outcome.sent = count,
        Tell::Refused { text, .. } => outcome.refused = Some(text),
        Tell::Unreachable { what, .. } => outcome.unreachable = Some(what),
        Tell::Hello { .. } | Tell::Done | Tell::Error { .. } => {}
    }
    noted
}

fn keep(outcomes: &mut [Outcome], targets: &[Target], arrival: Arrival) {
    let place = targets.iter().position(|target| target.token == arrival.token);
    let Some(outcome) = place.and_then(|place| outcomes.get_mut(place)) else { return };
    // A network may double them; a bound all the same.
    if outcome.arrivals.len() < 2 * usize::from(COUNT) {
        outcome.arrivals.push(arrival);
    }
}

/// Reads lines until the connection ends.
async fn listen(
    mut reader: BufReader<OwnedReadHalf>,
    tell: mpsc::Sender<Result<Tell, ReflectorError>>,
) {
    loop {
        let told = next(&mut reader).await;
        let is_over = told.is_err();
        if tell.send(told).await.is_err() || is_over {
            return;
        }
    }
}

async fn say(writer: &mut OwnedWriteHalf, ask: &Ask) -> io::Result<()> {
    let mut line = serde_json::to_vec(ask)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

async fn next(reader: &mut BufReader<OwnedReadHalf>) -> Result<Tell, ReflectorError> {
    let mut line = Vec::new();
    reader.take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line).await?;
    match serde_json::from_slice(&line) {
        Ok(Tell::Error { text }) => Err(ReflectorError::Refused(text)),
        Ok(tell) => Ok(tell),
        Err(_) => Err(ReflectorError::Foreign),
    }
}

impl Drop for Reflector {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
