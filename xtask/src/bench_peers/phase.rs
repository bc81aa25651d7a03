//! What is measured: many watch, many do nothing, many join, and how long a frame takes.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::namespace::{self, Namespace};
use super::peer::{Kind, Peer};
use super::prepare;
use super::server::{Server, Stream};
use crate::run::{output, program};

/// Longest time of one measurement.
const LIMIT: Duration = Duration::from_secs(75);
/// Sessions with nothing to send.
pub(crate) const IDLE: u32 = 1_000;
/// Between one crowd and the next.
const PAUSE: Duration = Duration::from_millis(300);

/// A phase can be chosen by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    FanOut,
    Idle,
    Join,
    Latency,
}

/// What one measurement gave.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) peer: &'static str,
    pub(crate) what: What,
    /// As the receiver prints them.
    pub(crate) figures: BTreeMap<String, f64>,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// With so many viewers.
    FanOut(u32),
    /// With [`IDLE`] viewers of a picture that stands still.
    Idle,
    /// One after the other.
    Join,
    /// Twelve at once.
    Storm,
    /// To one viewer.
    Latency,
    /// To the last of so many.
    LastOf(u32),
}

impl Phase {
    pub(crate) const ALL: [Phase; 4] = [Phase::FanOut, Phase::Idle, Phase::Join, Phase::Latency];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Phase::FanOut => "fan-out",
            Phase::Idle => "idle",
            Phase::Join => "join",
            Phase::Latency => "latency",
        }
    }

    /// The phase of this name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn named(name: &str) -> Result<Phase> {
        let found = Phase::ALL.into_iter().find(|phase| phase.name() == name);
        found.with_context(|| format!("there is no phase {name:?}: fan-out, idle, join, latency"))
    }

    /// Measures a peer.
    ///
    /// # Errors
    /// It does not start, or nobody sees its stream.
    pub(crate) fn run(
        self,
        peer: &Peer,
        viewers: &[u32],
        namespace: &Namespace,
    ) -> Result<Vec<Record>> {
        if let Kind::Floor { gso } = peer.kind {
            return viewers.iter().map(|count| floor(peer, gso, *count)).collect();
        }
        let stream = match self {
            Phase::FanOut | Phase::Join => Stream::Film,
            Phase::Idle => Stream::Still,
            Phase::Latency => Stream::Stamped,
        };
        let server = Server::start(peer, stream, namespace)?;
        match self {
            Phase::FanOut => viewers
                .iter()
                .map(|count| {
                    let reports = if peer.estimates() { "--reports" } else { "" };
                    let words = format!("watch --viewers {count} {reports}");
                    let record = receive(peer, What::FanOut(*count), &words, &server, namespace);
                    std::thread::sleep(PAUSE);
                    record
                })
                .collect(),
            Phase::Idle => {
                let words = format!("idle --viewers {IDLE}");
                Ok(vec![receive(peer, What::Idle, &words, &server, namespace)?])
            }
            Phase::Join => {
                let all = [
                    (What::Join, "join --joins 50 --gap-ms 30"),
                    (What::Storm, "join --joins 150 --at-once 12"),
                ];
                all.into_iter()
                    .map(|(what, words)| receive(peer, what, words, &server, namespace))
                    .collect()
            }
            Phase::Latency => {
                let most = viewers.iter().max().filter(|count| **count > 1).copied();
                let all = [(What::Latency, 1)]
                    .into_iter()
                    .chain(most.map(|count| (What::LastOf(count), count)));
                all.map(|(what, count)| {
                    let words = format!("latency --seconds 8 --viewers {count}");
                    receive(peer, what, &words, &server, namespace)
                })
                .collect()
            }
        }
    }
}

fn receive(
    peer: &Peer,
    what: What,
    words: &str,
    server: &Server,
    namespace: &Namespace,
) -> Result<Record> {
    let name = if peer.kind == Kind::GStreamer { "receiver-openssl" } else { "receiver" };
    let built = prepare::built(name);
    let mut receiver = if peer.is_apart() {
        namespace.program(&built.display().to_string())?
    } else {
        program(built, "")
    };
    receiver.args(words.split_whitespace()).args([
        "--url",
        &server.url,
        "--pid",
        &server.pid.to_string(),
    ]);
    if peer.is_apart() {
        receiver.args(["--bind", namespace::ADDRESS]);
    }
    if matches!(peer.kind, Kind::Janus { .. }) {
        receiver.arg("--offered");
    }
    measure(peer, what, &mut receiver)
}

fn floor(peer: &Peer, gso: bool, viewers: u32) -> Result<Record> {
    let mut floor = program(prepare::built("udp-floor"), "--fps 60 --seconds 4 --viewers");
    floor.arg(viewers.to_string()).arg("--file").arg(prepare::film());
    if gso {
        floor.arg("--gso");
    }
    measure(peer, What::FanOut(viewers), &mut floor)
}

fn measure(peer: &Peer, what: What, command: &mut Command) -> Result<Record> {
    // The text of an error is enough.
    let text = output(command.env("RUST_BACKTRACE", "0"), LIMIT)?;
    let figures = figures(&text);
    let shown: Vec<String> =
        figures.iter().map(|(name, value)| format!("{name} {value}")).collect();
    println!("  {what:?}: {}", shown.join(", "));
    Ok(Record { peer: peer.name, what, figures })
}

/// Lines of a name and a number.
fn figures(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}
