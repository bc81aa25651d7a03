//! The real program, started on free ports of loopback.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::http;
use crate::viewer::{Viewer, ViewerConfig, ViewerPool};

/// The event loops that every test of the server runs on.
pub const RUNTIMES: [&str; 2] = ["mio", "smol"];

/// From the start of the process to its URL.
const START_LIMIT: Duration = Duration::from_secs(20);
/// From Ctrl-C to the end of the process.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Lines of output that are kept to be shown with a failure.
const LOG_LINES_MAX: usize = 2000;

/// A running program. Dropped, it is killed.
pub struct Server {
    child: Child,
    /// Where HTTP listens.
    pub http: SocketAddr,
    log: Arc<Mutex<VecDeque<String>>>,
}

/// A WHEP session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhepSession {
    /// The SDP answer.
    pub answer: String,
    /// The path of the session.
    pub location: String,
    /// Its entity tag.
    pub etag: Option<String>,
}

impl Server {
    /// Starts `pinhole serve` with this runtime and these further arguments (words).
    ///
    /// # Errors
    /// It ends, or prints no URL in time; the text holds its output.
    pub fn start(runtime: &str, arguments: &str) -> Result<Server> {
        let here = "--listen 127.0.0.1:0 --udp-bind 127.0.0.1 --runtime";
        Server::launch(&format!("{here} {runtime} {arguments}"))
    }

    /// Starts `pinhole serve` with these arguments (words) and no others.
    ///
    /// # Errors
    /// It ends, or prints no URL in time; the text holds its output.
    pub fn launch(arguments: &str) -> Result<Server> {
        Server::spawn(arguments, Stdio::null())
    }

    /// The same, reading its standard input from here.
    ///
    /// # Errors
    /// As above.
    pub fn fed(arguments: &str, input: impl Into<Stdio>) -> Result<Server> {
        Server::spawn(arguments, input.into())
    }

    fn spawn(arguments: &str, input: Stdio) -> Result<Server> {
        let mut command = Command::new(program()?);
        command.arg("serve").args(arguments.split_whitespace());
        command.current_dir(std::env::temp_dir());
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let log = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(output) = child.stdout.take() {
            keep_lines(output, log.clone());
        }
        if let Some(output) = child.stderr.take() {
            keep_lines(output, log.clone());
        }
        let mut server = Server { child, http: SocketAddr::from(([127, 0, 0, 1], 0)), log };
        let begin = Instant::now();
        loop {
            if let Some(http) = server.log().lines().find_map(address_in) {
                server.http = http;
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("the program ended with {status}:\n{}", server.log());
            }
            if begin.elapsed() > START_LIMIT {
                bail!("no URL within {START_LIMIT:?}:\n{}", server.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it has printed, the last lines of it.
    pub fn log(&self) -> String {
        let lines = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Posts an offer to `/whep`.
    ///
    /// # Errors
    /// Anything but 201 with an answer and a Location.
    pub fn whep(&self, offer: &str) -> Result<WhepSession> {
        let kind = "Content-Type: application/sdp";
        let response = http::request(self.http, "POST", "/whep", &[kind], offer.as_bytes())?;
        let response = response.expect(201)?;
        let location = response.header("location").context("no Location")?.to_owned();
        let etag = response.header("etag").map(str::to_owned);
        Ok(WhepSession { answer: response.body, location, etag })
    }

    /// Connects a viewer over `/whep`; also returns the path of its session.
    ///
    /// # Errors
    /// Those of [`Server::whep`] and of the viewer.
    pub fn connect(&self, pool: &ViewerPool, config: &ViewerConfig) -> Result<(Viewer, String)> {
        let waiting = pool.offer(config)?;
        let session = self.whep(waiting.offer())?;
        Ok((waiting.answer(&session.answer)?, session.location))
    }

    /// Ends a WHEP session.
    ///
    /// # Errors
    /// Anything but success.
    pub fn delete(&self, location: &str) -> Result<()> {
        let response = http::request(self.http, "DELETE", location, &[], b"")?;
        if !(200..300).contains(&response.status) {
            bail!("DELETE {location}: {} {}", response.status, response.body);
        }
        Ok(())
    }

    /// What HTTP answers to a `GET`.
    ///
    /// # Errors
    /// Anything but 200.
    pub fn get(&self, path: &str) -> Result<String> {
        Ok(http::get(self.http, path)?.expect(200)?.body)
    }

    /// All values of `/metrics`, by name with labels.
    ///
    /// # Errors
    /// It is not there, or a line is not of the text format.
    pub fn metrics(&self) -> Result<BTreeMap<String, f64>> {
        let page = http::get(self.http, "/metrics")?.expect(200)?;
        let lines = page.body.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').context("a metric has a value")?;
                Ok((name.to_owned(), value.parse().with_context(|| line.to_owned())?))
            })
            .collect()
    }

    /// The sum over all labels of a metric.
    ///
    /// # Errors
    /// There is no such metric.
    pub fn metric(&self, name: &str) -> Result<f64> {
        let all = self.metrics()?;
        let with_labels = format!("{name}{{");
        let ours = |key: &&String| *key == name || key.starts_with(&with_labels);
        if !all.keys().any(|key| ours(&key)) {
            bail!("no metric {name}; there are {:?}", all.keys());
        }
        Ok(all.iter().filter(|(key, _)| ours(key)).map(|(_, value)| value).sum())
    }

    /// Waits until a metric is as wanted.
    ///
    /// # Errors
    /// It is not, within `limit`.
    pub fn wait_for_metric(
        &self,
        name: &str,
        limit: Duration,
        wanted: impl Fn(f64) -> bool,
    ) -> Result<f64> {
        let begin = Instant::now();
        loop {
            let value = self.metric(name)?;
            if wanted(value) {
                return Ok(value);
            }
            if begin.elapsed() > limit {
                bail!("{name} is {value} after {limit:?}\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// The process is gone.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        Ok(kilobytes.context("VmRSS is a number")? * 1024)
    }

    /// Open file descriptors.
    ///
    /// # Errors
    /// The process is gone.
    pub fn open_files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.pid()))?.count())
    }

    /// Sends Ctrl-C and waits for the end.
    ///
    /// # Errors
    /// It ends with anything but 0, or not in time.
    pub fn stop(mut self) -> Result<()> {
        let pid = self.pid().to_string();
        Command::new("kill").args(["-INT", &pid]).stdin(Stdio::null()).status()?;
        let begin = Instant::now();
        while begin.elapsed() < STOP_LIMIT {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("the program ended with {status} after Ctrl-C:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(anyhow!("the program runs on {STOP_LIMIT:?} after Ctrl-C:\n{}", self.log()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program: what `PINHOLE` names, or else built with the profile of this test. Cargo builds it only for its own
/// package's tests.
pub(crate) fn program() -> Result<PathBuf> {
    if let Some(program) = std::env::var_os("PINHOLE") {
        return Ok(program.into());
    }
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = PROGRAM.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(|error| anyhow!(error))
}

fn build() -> Result<PathBuf> {
    let profile = profile_dir()?;
    let release = profile.ends_with("release");
    let mut cargo = Command::new(env!("CARGO"));
    // Of the whole workspace and with some test: by itself the package, and without tests the workspace,
    // has other features of its dependencies, and all that stands on them would be built again.
    cargo.args(["build", "--quiet", "--offline", "--workspace"]);
    cargo.args(["--bin", "pinhole", "--test", "tree"]);
    cargo.args(release.then_some("--release"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    cargo.env("CARGO_TARGET_DIR", profile.parent().context("target")?);
    let output = cargo.output().context("cargo")?;
    if !output.status.success() {
        bail!("the program does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(profile.join("pinhole"))
}

/// `target/PROFILE`, where this test or program was built.
///
/// # Errors
/// It was not built by cargo.
pub fn profile_dir() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folder = this.parent().context("target/PROFILE")?;
    let profile = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    Ok(profile.context("target/PROFILE/deps")?.to_owned())
}

fn keep_lines(output: impl Read + Send + 'static, log: Arc<Mutex<VecDeque<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_back(line);
            if log.len() > LOG_LINES_MAX {
                log.pop_front();
            }
        }
    });
}

/// The address of `http://127.0.0.1:PORT` in a line.
fn address_in(line: &str) -> Option<SocketAddr> {
    let rest = line.split("http://").nth(1)?;
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c)));
    rest[..end.unwrap_or(rest.len())]
        .parse()
        .ok()
        .filter(|address: &SocketAddr| address.port() != 0)
}
