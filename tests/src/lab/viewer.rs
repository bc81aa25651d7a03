//! A real client on the viewer's host, driven over its standard input and output: tests/clients/lab/.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::event::{Event, Frames};
use super::pair::Pair;
use super::signalling::{News, Signalling};
use super::{Host, Lab};
use crate::server::profile_dir;

/// A browser starts slowly on a machine with much to do, and gathers for up to 5 s.
const OFFER_LIMIT: Duration = Duration::from_secs(40);
/// How long a message of the server may lie.
const SIGNAL_EVERY: Duration = Duration::from_millis(20);
/// Lines that a client complained with, kept for a failure.
const COMPLAINTS_MAX: usize = 40;

/// Which program watches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Client {
    /// tests/clients/lab/viewer.py
    #[default]
    Aiortc,
    /// tests/clients/lab/chromium.mjs
    Chromium,
}

/// How a client is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ViewerOptions {
    /// Which.
    pub client: Client,
    /// Its STUN and TURN servers: `URL[,USER,CREDENTIAL]`.
    pub ice_servers: Vec<String>,
    /// Only relayed candidates.
    pub relay_only: bool,
    /// Chromium tells its own addresses, which it hides behind mDNS names otherwise.
    pub plain_hosts: bool,
}

/// A running client. Dropped, it is killed.
pub struct LabViewer {
    child: Child,
    input: ChildStdin,
    events: Receiver<Event>,
    complaints: Arc<Mutex<VecDeque<String>>>,
    signalling: Option<Signalling>,
    /// It may be said before what was waited for then.
    first_frame_ms: Option<f64>,
    /// As it was started.
    pub options: ViewerOptions,
}

impl LabViewer {
    /// Starts a client on the viewer's host.
    ///
    /// # Errors
    /// It does not start; mostly because `cargo xtask test --only lab` has not installed it.
    pub fn start(lab: &Lab, options: &ViewerOptions) -> Result<LabViewer> {
        let mut command = command_of(options.client)?;
        for server in &options.ice_servers {
            command.args(["--ice-server", server]);
        }
        command.arg("--ca").arg(lab.certificate());
        command.args(options.relay_only.then_some("--relay-only"));
        command.args(options.plain_hosts.then_some("--plain-hosts"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let spawn = || command.spawn().with_context(|| format!("{:?}", command.get_program()));
        let mut child = lab.enter(Host::Viewer, spawn)?;
        let (sender, events) = channel();
        let complaints = Arc::new(Mutex::new(VecDeque::new()));
        let output = child.stdout.take().context("a piped output")?;
        let errors = child.stderr.take().context("a piped error output")?;
        let input = child.stdin.take().context("a piped input")?;
        read_events(output, sender, complaints.clone());
        keep_complaints(errors, complaints.clone());
        let options = options.clone();
        Ok(LabViewer {
            child,
            input,
            events,
            complaints,
            signalling: None,
            first_frame_ms: None,
            options,
        })
    }

    /// Waits for the offer.
    ///
    /// # Errors
    /// None comes.
    pub fn offer(&mut self) -> Result<String> {
        self.wait_for("an offer", OFFER_LIMIT, |event| match event {
            Event::Offer(sdp) => Some(sdp),
            _ => None,
        })
    }

    /// Hands in the answer; time counts from here.
    ///
    /// # Errors
    /// The client is gone.
    pub fn answer(&mut self, sdp: &str) -> Result<()> {
        self.send(&json!({ "answer": sdp }))
    }

    /// Offers and answers over a WebSocket that stays: whenever this viewer is waited for, late candidates and restarts
    /// pass in both directions.
    ///
    /// # Errors
    /// The server does not answer, or the client is gone.
    pub fn connect_over(&mut self, mut signalling: Signalling, offer: &str) -> Result<()> {
        let answer = signalling.offer(offer)?;
        self.signalling = Some(signalling);
        self.answer(&answer)
    }

    /// Hands in a candidate that came late, a line of SDP without `a=`.
    ///
    /// # Errors
    /// The client is gone.
    pub fn add_candidate(&mut self, line: &str) -> Result<()> {
        self.send(&json!({ "candidate": line }))
    }

    /// Waits until ICE is connected; milliseconds since the answer.
    ///
    /// # Errors
    /// It is not, in time.
    pub fn connected(&mut self, limit: Duration) -> Result<f64> {
        self.wait_for("connected", limit, |event| match event {
            Event::Connected { ms, .. } => Some(ms),
            _ => None,
        })
    }

    /// Waits for the first picture; milliseconds since the answer.
    ///
    /// # Errors
    /// None comes in time.
    pub fn first_frame(&mut self, limit: Duration) -> Result<f64> {
        if let Some(ms) = self.first_frame_ms {
            return Ok(ms);
        }
        self.wait_for("a picture", limit, |event| match event {
            Event::FirstFrame(ms) => Some(ms),
            _ => None,
        })
    }

    /// Waits until this many pictures are decoded.
    ///
    /// # Errors
    /// They are not, in time.
    pub fn frames(&mut self, count: u64, limit: Duration) -> Result<Frames> {
        self.wait_for(&format!("{count} pictures"), limit, |event| match event {
            Event::Frames(frames) if frames.total >= count => Some(frames),
            _ => None,
        })
    }

    /// Counts gaps from here on; what was said before is forgotten.
    ///
    /// # Errors
    /// The client is gone.
    pub fn mark(&mut self) -> Result<()> {
        self.send(&json!({ "mark": true }))?;
        self.wait_for("the mark", OFFER_LIMIT, |event| (event == Event::Marked).then_some(()))
    }

    /// Watches for a while; the last of what it said. No failure ends this early.
    ///
    /// # Errors
    /// It says nothing at all.
    pub fn watch(&mut self, time: Duration) -> Result<Frames> {
        let end = Instant::now() + time;
        let mut last = None;
        while let Ok(event) = self.next_event(end) {
            if let Event::Frames(frames) = event {
                last = Some(frames);
            }
        }
        last.with_context(|| format!("no word from the client in {time:?}; {}", self.complaints()))
    }

    /// What passed over its WebSocket since the first answer.
    pub fn signalled(&self) -> &[String] {
        self.signalling.as_ref().map_or(&[], |signalling| &signalling.said)
    }

    /// Closes the connection and makes a new offer, for [`LabViewer::offer`].
    ///
    /// # Errors
    /// The client is gone.
    pub fn again(&mut self) -> Result<()> {
        while self.events.try_recv().is_ok() {}
        self.first_frame_ms = None;
        self.send(&json!({ "again": true }))
    }

    fn send(&mut self, command: &Value) -> Result<()> {
        let sent = writeln!(self.input, "{command}").and_then(|()| self.input.flush());
        sent.with_context(|| format!("the client is gone; {}", self.complaints()))
    }

    fn wait_for<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut pick: impl FnMut(Event) -> Option<T>,
    ) -> Result<T> {
        let end = Instant::now() + limit;
        let mut said = Vec::new();
        loop {
            match self.next_event(end) {
                Ok(Event::State(state)) => said.push(state),
                Ok(event) => {
                    if let Some(found) = pick(event) {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let complaints = self.complaints();
                    bail!("not {what} within {limit:?}; states {said:?}; {complaints}")
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the client ended, not {what}; states {said:?}; {}", self.complaints())
                }
            }
        }
    }

    /// What it says next. Signalling goes on meanwhile, which keeps offers and candidates of a restart.
    fn next_event(&mut self, end: Instant) -> Result<Event, RecvTimeoutError> {
        loop {
            self.signal();
            let left = end.saturating_duration_since(Instant::now());
            let wait = if self.signalling.is_some() { left.min(SIGNAL_EVERY) } else { left };
            match (self.events.recv_timeout(wait), &mut self.signalling) {
                (Err(RecvTimeoutError::Timeout), Some(_)) if wait < left => {}
                (Ok(Event::Offer(sdp)), Some(signalling)) => signalling.send_restart(&sdp),
                (Ok(Event::Candidate(line)), Some(signalling)) => signalling.send_candidate(&line),
                (event, _) => {
                    if let Ok(Event::FirstFrame(ms)) = &event {
                        self.first_frame_ms = Some(*ms);
                    }
                    return event;
                }
            }
        }
    }

    /// Hands in what the server has said by itself.
    fn signal(&mut self) {
        while let Some(news) = self.signalling.as_mut().and_then(Signalling::next) {
            let command = match news {
                News::Answer(sdp) => json!({ "answer": sdp }),
                News::Candidate(line) => json!({ "candidate": line }),
                News::RestartWanted => json!({ "restart": true }),
            };
            if let Err(error) = self.send(&command) {
                note(&self.complaints, format!("{error:#}"));
            }
        }
    }

    fn complaints(&self) -> String {
        let lines = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        format!("it complains: {}", lines.join(" / "))
    }
}

impl Drop for LabViewer {
    fn drop(&mut self) {
        // It may have ended by itself. A browser ends with the pipe that drives it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command_of(client: Client) -> Result<Command> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/lab");
    let mut command = match client {
        Client::Aiortc => Command::new(python()?),
        Client::Chromium => Command::new("node"),
    };
    command.arg(folder.join(match client {
        Client::Aiortc => "viewer.py",
        Client::Chromium => "chromium.mjs",
    }));
    Ok(command)
}

/// Python with aiortc, beside what cargo builds.
fn python() -> Result<PathBuf> {
    let python = profile_dir()?.parent().context("target")?.join("venv/bin/python");
    if !python.exists() {
        bail!("{} is missing: `cargo xtask test --only lab` installs it", python.display());
    }
    Ok(python)
}

fn read_events(
    output: impl Read + Send + 'static,
    sender: Sender<Event>,
    complaints: Arc<Mutex<VecDeque<String>>>,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            match parse(&line).map(|event| sender.send(event).is_ok()) {
                // Nobody listens any more.
                Some(false) => return,
                Some(true) => {}
                None => note(&complaints, line),
            }
        }
    });
}

fn keep_complaints(errors: impl Read + Send + 'static, complaints: Arc<Mutex<VecDeque<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            note(&complaints, line);
        }
    });
}

fn note(complaints: &Mutex<VecDeque<String>>, line: String) {
    let mut lines = complaints.lock().unwrap_or_else(PoisonError::into_inner);
    lines.push_back(line);
    if lines.len() > COMPLAINTS_MAX {
        lines.pop_front();
    }
}

fn parse(line: &str) -> Option<Event> {
    let said: Value = serde_json::from_str(line).ok()?;
    let pair = Pair::parse(&said["pair"]);
    Some(match said["event"].as_str()? {
        "offer" => Event::Offer(said["sdp"].as_str()?.to_owned()),
        "connected" => Event::Connected { ms: said["ms"].as_f64()?, pair },
        "first_frame" => Event::FirstFrame(said["ms"].as_f64()?),
        "frames" => Event::Frames(Frames {
            total: said["total"].as_u64()?,
            since_ms: said["since_ms"].as_f64()?,
            longest_gap_ms: said["longest_gap_ms"].as_f64()?,
            pair,
        }),
        "state" => {
            let state = |key: &str| said[key].as_str().unwrap_or("?").to_owned();
            Event::State(format!("{}/{}", state("ice"), state("connection")))
        }
        "candidate" => Event::Candidate(said["candidate"].as_str()?.to_owned()),
        "marked" => Event::Marked,
        _ => return None,
    })
}
