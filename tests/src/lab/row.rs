//! One row of a table: who, behind which NATs, configured how, must find which path with which addresses.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::pair::{Pair, PathKind};
use super::server::LabServer;
use super::site::{server_address, viewer_address};
use super::viewer::{Client, LabViewer, ViewerOptions};
use super::{Lab, LabConfig};

/// From the answer to connected. What is slower than this is no connection to a viewer.
const CONNECT_LIMIT: Duration = Duration::from_secs(12);
/// From connected to all pictures.
const PICTURES_LIMIT: Duration = Duration::from_secs(15);
/// A second of them.
const PICTURES: u64 = 60;
/// The endpoint gathers when it starts, and answers with what it has: two retransmissions of a STUN request fit.
const GATHERING: Duration = Duration::from_millis(1000);

/// What is tried, and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// NAT in front of the server, as natlab.sh names it.
    pub nat_a: String,
    /// NAT in front of the viewer, or `same`.
    pub nat_b: String,
    /// Of the lab.
    pub config: LabConfig,
    /// Flags of `pinhole serve`.
    pub flags: String,
    /// Of the viewer.
    pub viewer: ViewerOptions,
    /// The path.
    pub path: PathKind,
    /// What the viewer's candidate of the nominated pair is, as [`super::Candidate::fits`] reads it.
    pub local: String,
    /// The same of the server's.
    pub remote: String,
    /// Whether the three above are expected at all.
    judged: bool,
    /// How long it is watched once it plays, for verdicts on what is well.
    pub watched: Duration,
}

/// What came of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// From the answer to connected.
    pub connect_ms: f64,
    /// From the answer to the first picture.
    pub first_frame_ms: f64,
    /// The nominated pair.
    pub pair: Pair,
    /// What it makes.
    pub path: PathKind,
}

impl Row {
    /// Server and viewer without any configuration. The viewer's candidate is expected to be its own address, and the
    /// path to be direct; the server's candidate must be said.
    pub fn new(nat_a: &str, nat_b: &str) -> Row {
        Row {
            nat_a: nat_a.to_owned(),
            nat_b: nat_b.to_owned(),
            config: LabConfig::default(),
            flags: String::new(),
            viewer: ViewerOptions::default(),
            path: PathKind::Direct,
            local: format!("host {}", viewer_address(nat_a, nat_b)),
            remote: String::new(),
            judged: true,
            watched: Duration::ZERO,
        }
    }

    /// With these flags of the server.
    #[must_use]
    pub fn serve(mut self, flags: &str) -> Row {
        self.config.turn |= flags.contains("--ice-server");
        flags.clone_into(&mut self.flags);
        self
    }

    /// With these STUN and TURN servers of the viewer.
    #[must_use]
    pub fn ice(mut self, servers: &[&str]) -> Row {
        self.config.turn |= !servers.is_empty();
        self.viewer.ice_servers = servers.iter().map(|server| (*server).to_owned()).collect();
        self
    }

    /// With this client.
    #[must_use]
    pub fn client(mut self, client: Client) -> Row {
        self.viewer.client = client;
        self
    }

    /// Expects this of the server's candidate.
    #[must_use]
    pub fn reaches(mut self, path: PathKind, remote: &str) -> Row {
        self.path = path;
        remote.clone_into(&mut self.remote);
        self
    }

    /// Expects this of the viewer's candidate.
    #[must_use]
    pub fn from(mut self, local: &str) -> Row {
        local.clone_into(&mut self.local);
        self
    }

    /// Expects a connection and nothing more: whoever plays the row judges the pair.
    #[must_use]
    pub fn anything(mut self) -> Row {
        self.judged = false;
        self
    }

    /// Watches it for this long once it plays: the program must find nothing wrong with it, but that it goes over TCP
    /// where it does.
    #[must_use]
    pub fn watch(mut self, time: Duration) -> Row {
        self.watched = time;
        self
    }

    /// Whether a pair is what the row expects.
    ///
    /// # Errors
    /// It is not; the text says what is there and what was expected.
    pub fn judge(&self, pair: &Pair) -> Result<PathKind> {
        let path = pair.path((self.nat_b == "same").then(|| server_address(&self.nat_a)));
        if !self.judged {
            return Ok(path);
        }
        if path != self.path || !pair.local.fits(&self.local) || !pair.remote.fits(&self.remote) {
            bail!(
                "the pair is {path}, {pair}; expected {}, {} -> {}",
                self.path,
                self.local,
                self.remote
            );
        }
        Ok(path)
    }

    /// One line.
    pub fn name(&self) -> String {
        let client = match self.viewer.client {
            Client::Aiortc => "",
            Client::Chromium => " Chromium",
        };
        let servers = match self.viewer.ice_servers.as_slice() {
            [] => String::new(),
            servers => format!(" with {}", servers.join(" ")),
        };
        let dash = if self.flags.is_empty() { "" } else { " " };
        format!("{} x {}:{dash}{};{client} viewer{servers}", self.nat_a, self.nat_b, self.flags)
    }
}

/// Plays a row in its lab: offer, answer, connected, a second of pictures, and the pair it was. Server and viewer are
/// taken over from the row before where they fit.
///
/// # Errors
/// No connection, no pictures, or another pair.
pub fn play<'lab>(
    lab: &'lab Lab,
    row: &Row,
    server: &mut Option<LabServer<'lab>>,
    viewer: &mut Option<LabViewer>,
) -> Result<Outcome> {
    if server.as_ref().is_none_or(|server| server.flags != row.flags) {
        // The old one first, for they may want the same ports.
        *server = None;
        // What the routers remember of other rows helps nobody.
        lab.flush()?;
        *server = Some(LabServer::start(lab, &row.flags)?);
        if row.flags.contains("--ice-server") {
            std::thread::sleep(GATHERING);
        }
    }
    let server = server.as_ref().context("a server was started")?;
    match viewer.as_mut().filter(|viewer| viewer.options == row.viewer) {
        Some(viewer) => viewer.again()?,
        None => *viewer = Some(LabViewer::start(lab, &row.viewer)?),
    }
    let viewer = viewer.as_mut().context("a viewer was started")?;
    let outcome = connect(row, server, viewer);
    outcome.with_context(|| {
        let log = server.log();
        let last: Vec<&str> = log.lines().rev().take(12).collect();
        format!("the server says, the last line first: {last:#?}")
    })
}

fn connect(row: &Row, server: &LabServer<'_>, viewer: &mut LabViewer) -> Result<Outcome> {
    let offer = viewer.offer()?;
    let answer = server.whep(&offer)?.answer;
    viewer.answer(&answer)?;
    let connect_ms = viewer.connected(CONNECT_LIMIT).with_context(|| {
        let lines = offer.lines().chain(answer.lines());
        let told: Vec<&str> = lines.filter(|line| line.starts_with("a=candidate")).collect();
        format!("offer and answer had {told:#?}")
    })?;
    let (first_frame_ms, pair) = wait_for_pictures(viewer)?;
    let path = row.judge(&pair)?;
    if !row.watched.is_zero() {
        std::thread::sleep(row.watched);
        is_well(server)?;
    }
    Ok(Outcome { connect_ms, first_frame_ms, pair, path })
}

/// Holds the verdicts on the living sessions to what their paths are.
fn is_well(server: &LabServer<'_>) -> Result<()> {
    let living = server.json("/api/sessions")?;
    let sessions = living.as_array().context("a list of sessions")?;
    if sessions.is_empty() {
        bail!("no session is left");
    }
    for session in sessions {
        let over_tcp = matches!(session["path"].as_str(), Some("tcp" | "relay_tcp" | "relay_tls"));
        let expected = over_tcp.then_some("over-tcp");
        if session["verdict"].as_str() != expected {
            bail!("a session that is well gets a verdict, or one over TCP gets none: {session:#}");
        }
    }
    Ok(())
}

/// Waits for a second of pictures: when the first came, and over which pair.
///
/// # Errors
/// They do not come, or over no pair.
pub fn wait_for_pictures(viewer: &mut LabViewer) -> Result<(f64, Pair)> {
    let first_frame_ms = viewer.first_frame(PICTURES_LIMIT)?;
    let frames = viewer.frames(PICTURES, PICTURES_LIMIT)?;
    Ok((first_frame_ms, frames.pair.context("pictures come over a pair")?))
}
