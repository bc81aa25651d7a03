//! The program's own page in Chromium on the viewer's host: what a viewer reads there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::wire::{Altered, Wire};
use super::{Host, Lab, LabServer};

/// How a page is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageOptions {
    /// The browser's own STUN and TURN servers, `URL[,USER,CREDENTIAL]`, in place of those that the server tells it.
    pub ice_servers: Option<Vec<String>>,
    /// It offers no H.264.
    pub no_h264: bool,
    /// What happens to the answer on its way.
    pub altered: Altered,
}

/// What the page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Of the verdict, empty where it is the page's own word; `None`: nothing is wrong.
    pub code: Option<String>,
    /// In words.
    pub sentence: String,
    /// What the viewer can do.
    pub advice: String,
    /// Of the player: `playing`, `connecting`.
    pub state: String,
}

/// A browser with the page. Dropped, it is ended.
pub struct LabPage {
    child: Child,
    input: Option<ChildStdin>,
    shown: Receiver<Shown>,
    /// Everything that was shown so far.
    pub seen: Vec<Shown>,
    _wire: Wire,
}

impl LabPage {
    /// Opens the page of this server.
    ///
    /// # Errors
    /// The browser does not start.
    pub fn open(lab: &Lab, server: &LabServer<'_>, options: &PageOptions) -> Result<LabPage> {
        let wire = Wire::open(lab, server.http_port(), options.altered)?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/lab/page.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(format!("http://{}/", wire.entry));
        command.args(options.no_h264.then_some("--no-h264"));
        if let Some(servers) = &options.ice_servers {
            command.arg("--own-ice-servers");
            for server in servers {
                command.args(["--ice-server", server]);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = lab.enter(Host::Viewer, || Ok(command.spawn()?))?;
        let output = child.stdout.take().context("a piped output")?;
        let input = child.stdin.take();
        let (sender, shown) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if parse(&line).is_some_and(|shown| sender.send(shown).is_err()) {
                    return;
                }
            }
        });
        Ok(LabPage { child, input, shown, seen: Vec::new(), _wire: wire })
    }

    /// Waits until the page shows what is wanted.
    ///
    /// # Errors
    /// It does not, in time; the text says what it showed.
    pub fn wait_for(
        &mut self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Shown) -> bool,
    ) -> Result<Shown> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(left) {
                Ok(shown) => {
                    self.seen.push(shown.clone());
                    if wanted(&shown) {
                        return Ok(shown);
                    }
                }
                Err(_) => bail!("the page does not show {what} in {limit:?}: {:#?}", self.seen),
            }
        }
    }

    /// Waits for a verdict of the server's: its code and its sentence. What the page says by itself where it cannot
    /// reach the server has no code, and it goes on trying.
    ///
    /// # Errors
    /// There is none, in time.
    pub fn wait_for_verdict(&mut self, limit: Duration) -> Result<(String, String)> {
        let is_verdict = |shown: &Shown| shown.code.as_ref().is_some_and(|code| !code.is_empty());
        let shown = self.wait_for("a verdict", limit, is_verdict)?;
        Ok((shown.code.unwrap_or_default(), shown.sentence))
    }
}

impl Drop for LabPage {
    fn drop(&mut self) {
        // The browser ends with its driver, which ends with its input; killed, it would leave the browser to itself.
        drop(self.input.take());
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(5) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: &str) -> Option<Shown> {
    let said: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
    Some(Shown {
        code: said["code"].as_str().map(str::to_owned),
        sentence: text("sentence"),
        advice: text("advice"),
        state: text("state"),
    })
}
