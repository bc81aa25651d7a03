//! The NAT lab: server and viewer behind real kernel NATs, in network namespaces that `tests/natlab/natlab.sh` makes.
//!
//! A [`Lab`] is two sites on a small internet with STUN and TURN servers. [`LabServer`] is the program behind the one,
//! [`LabViewer`] a browser or aiortc behind the other; signalling goes through this process, which enters the
//! server's namespace with a thread, so no NAT has a say in it. A [`Row`] says which path the two must find and with
//! which addresses, and [`table::run`] runs many, several labs side by side. [`Tunnel`] carries UDP inside TCP as
//! frp does. [`nat`] knows by rule which path two NATs allow, and [`matrix`] holds the program to it.
//!
//! Needs root, and what `cargo xtask test --only lab` installs. Nothing stays behind: a lab goes down when it is dropped,
//! and by itself when this process ends without that.

mod event;
pub mod ice;
pub mod matrix;
pub mod nat;
mod page;
mod pair;
mod row;
mod server;
mod signalling;
mod site;
pub mod table;
mod tunnel;
mod viewer;
mod wire;

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub use event::{Event, Frames};
pub use page::{LabPage, PageOptions, Shown};
pub use pair::{Candidate, Pair, PathKind};
pub use row::{Outcome, Row, play, wait_for_pictures};
pub use server::LabServer;
pub use signalling::Signalling;
pub use site::{DEAD_SERVER, TURN_ADDRESS, server_address, viewer_address, wan_address};
pub use tunnel::Tunnel;
pub use viewer::{Client, LabViewer, ViewerOptions};
pub use wire::Altered;

/// No call of the script takes longer; coturn gets 5 s to come up.
const SCRIPT_LIMIT_S: &str = "30";

/// A host of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Where the program runs, behind NAT A.
    Server,
    /// Where the viewer runs, behind NAT B or on the server's LAN.
    Viewer,
    /// On the open internet: 192.0.2.1, with STUN and TURN.
    Internet,
}

impl Host {
    fn name(self) -> &'static str {
        match self {
            Host::Server => "srv",
            Host::Viewer => "cli",
            Host::Internet => "pub",
        }
    }
}

/// What a lab has besides its NATs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct LabConfig {
    /// STUN and TURN servers run.
    pub turn: bool,
    /// Further options of coturn.
    pub turn_args: String,
    /// By how much the clock of coturn is ahead, as faketime takes it: `+3d`.
    pub turn_ahead: Option<&'static str>,
    /// Seconds that an idle mapping lives; 120 if not given.
    pub mapping_s: Option<u32>,
    /// Percent of UDP packets that each NAT loses in each direction.
    pub loss_percent: u8,
    /// Rows with different numbers share no lab.
    pub instance: u32,
}

/// A lab that is up. Dropped, it is taken down with all that runs in it.
#[derive(Debug)]
pub struct Lab {
    id: String,
    /// NAT in front of the server, as the script names its type.
    pub nat_a: String,
    /// NAT in front of the viewer, or `same`.
    pub nat_b: String,
    config: LabConfig,
}

impl Lab {
    /// Builds a lab; the types of NATs are those of natlab.sh.
    ///
    /// # Errors
    /// Not root, a tool is missing, or an unknown type; the text says which.
    pub fn up(nat_a: &str, nat_b: &str, config: &LabConfig) -> Result<Lab> {
        let lab = Lab {
            id: fresh_id(),
            nat_a: nat_a.to_owned(),
            nat_b: nat_b.to_owned(),
            config: config.clone(),
        };
        lab.script(&["up", nat_a, nat_b])?;
        Ok(lab)
    }

    /// What the names of this process's namespaces begin with.
    pub fn id_prefix() -> String {
        base36(std::process::id(), 5)
    }

    /// Does work on a host: a thread of its own enters the host's network. Sockets and processes that it makes stay there.
    ///
    /// # Errors
    /// The namespace is gone, or the work failed.
    pub fn enter<T: Send>(&self, host: Host, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let namespace = self.namespace(host);
        let inside = || {
            enter_namespace(&namespace)?;
            work()
        };
        std::thread::scope(|scope| scope.spawn(inside).join())
            .map_err(|_| anyhow!("a thread in {} panicked", namespace.display()))?
    }

    /// Forgets every mapping of both NATs, as a reboot of both routers would.
    ///
    /// # Errors
    /// The script fails.
    pub fn flush(&self) -> Result<()> {
        self.script(&["flush"])
    }

    /// Forgets every mapping of one NAT, `natA` or `natB`.
    ///
    /// # Errors
    /// The script fails.
    pub fn flush_one(&self, nat: &str) -> Result<()> {
        self.script(&["flush", nat])
    }

    /// The names of its namespaces begin with this.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Gives a NAT (`natA`, `natB`) another public address in flight.
    ///
    /// # Errors
    /// The script fails.
    pub fn renumber(&self, nat: &str, address: &str) -> Result<()> {
        self.script(&["renumber", nat, address])
    }

    /// Ends the STUN and TURN servers with every allocation; nobody is told.
    ///
    /// # Errors
    /// The script fails.
    pub fn stop_turn(&self) -> Result<()> {
        self.script(&["turn", "stop"])
    }

    /// Starts them anew with this `user:password` and further options.
    ///
    /// # Errors
    /// The script fails.
    pub fn start_turn(&self, user: &str, options: &str) -> Result<()> {
        let mut script = self.command(&["turn", "start"]);
        script.env("NATLAB_TURN_USER", user).env("NATLAB_TURN_ARGS", options);
        succeed(&mut script)
    }

    /// The certificate of the TURN server over TLS, PEM.
    pub fn certificate(&self) -> PathBuf {
        std::env::temp_dir().join(format!("natlab.{}", self.id)).join("cert.pem")
    }

    /// Runs nftables commands on a host or a router of the lab: `srv`, `cli`, `pub`, `natA`, `natB`.
    ///
    /// # Errors
    /// nft refuses them.
    pub fn nft(&self, place: &str, commands: &str) -> Result<()> {
        let mut nft = Command::new("ip");
        nft.args(["netns", "exec", &format!("{}-{place}", self.id), "nft", commands]);
        let output = nft.stdin(Stdio::null()).output().context("nft")?;
        if !output.status.success() {
            bail!("nft {commands}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Every process that runs on a host.
    ///
    /// # Errors
    /// `ip` fails.
    pub fn processes(&self, host: Host) -> Result<Vec<u32>> {
        let mut ip = Command::new("ip");
        ip.args(["netns", "pids", &format!("{}-{}", self.id, host.name())]);
        let output = ip.stdin(Stdio::null()).output().context("ip netns pids")?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect())
    }

    fn namespace(&self, host: Host) -> PathBuf {
        Path::new("/run/netns").join(format!("{}-{}", self.id, host.name()))
    }

    fn script(&self, words: &[&str]) -> Result<()> {
        succeed(&mut self.command(words))
    }

    fn command(&self, words: &[impl AsRef<OsStr>]) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("natlab/natlab.sh");
        let mut command = Command::new("timeout");
        command.arg(SCRIPT_LIMIT_S).arg(script).args(words).stdin(Stdio::null());
        command.env("NATLAB_ID", &self.id).env("TMPDIR", std::env::temp_dir());
        command.env("NATLAB_OWNER", std::process::id().to_string());
        command.env("NATLAB_TURN", if self.config.turn { "1" } else { "0" });
        command.env("NATLAB_TURN_ARGS", &self.config.turn_args);
        if let Some(ahead) = self.config.turn_ahead {
            command.env("NATLAB_TURN_WRAP", format!("faketime -f {ahead}"));
        }
        command.env("NATLAB_UDP_TIMEOUT", self.config.mapping_s.unwrap_or(120).to_string());
        command.env("NATLAB_LOSS", self.config.loss_percent.to_string());
        command
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = self.script(&["down"]) {
            eprintln!("lab {} ({} x {}): {error:#}", self.id, self.nat_a, self.nat_b);
        }
    }
}

/// Moves the calling thread into a network namespace; its own sockets stay where they are.
fn enter_namespace(namespace: &Path) -> Result<()> {
    let file = File::open(namespace).with_context(|| namespace.display().to_string())?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .with_context(|| format!("entering {}", namespace.display()))
}

/// Eight letters and digits at most, unlike those of any lab of this or another living process.
fn fresh_id() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Process ids end at 2^22, below 36^5.
    format!("{}{}", Lab::id_prefix(), base36(COUNT.fetch_add(1, Ordering::Relaxed), 3))
}

/// The last digits of a number.
fn base36(number: u32, digits: u32) -> String {
    let digit = |place| char::from_digit(number / 36u32.pow(place) % 36, 36).unwrap_or('0');
    (0..digits).rev().map(digit).collect()
}

fn succeed(script: &mut Command) -> Result<()> {
    let output = script.output().context("natlab.sh")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let words: Vec<_> = script.get_args().skip(2).map(OsStr::to_string_lossy).collect();
        bail!("natlab.sh {}: {}, {}", words.join(" "), output.status, said.trim());
    }
    Ok(())
}
