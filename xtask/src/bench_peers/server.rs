//! A server at work, until it is dropped.

use std::fs::{self, File};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::namespace::Namespace;
use super::peer::{Kind, Peer};
use super::prepare;
use crate::paths;
use crate::run::{program, succeeds};
use crate::str0m_patches;

/// From its start until it answers.
const START_TIME: Duration = Duration::from_secs(15);
/// From being asked to end until it is killed.
const END_TIME: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The estimator's ceiling: more than the stream takes.
const CEILING: &str = "20M";
/// The port of Janus' plugin, in a namespace where nobody else is.
const JANUS_RTP: &str = "127.0.0.1:5004";
const JANUS_WEBSOCKET: &str = "8188";

/// What it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// 1080p60 at 8 Mbit/s, from a file.
    Film,
    /// One small picture, and then nothing more.
    Still,
    /// 30 frames a second of 17 kB, one in ten of 100 kB, each with a stamp.
    Stamped,
}

/// A server at work.
pub(crate) struct Server {
    /// Of the process whose cost counts.
    pub(crate) pid: u32,
    pub(crate) url: String,
    /// The youngest is ended first.
    children: Vec<Child>,
}

impl Server {
    /// Starts a peer and waits until it answers.
    ///
    /// # Errors
    /// It does not start, or does not answer in time; its log has the reason.
    pub(crate) fn start(peer: &Peer, stream: Stream, namespace: &Namespace) -> Result<Server> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut server =
            Server { pid: 0, url: format!("http://127.0.0.1:{port}/whep"), children: Vec::new() };
        let log = prepare::folder().join(format!("{}.log", peer.name));
        let commands = commands(peer, stream, &format!("127.0.0.1:{port}"), namespace)?;
        for (place, mut command) in commands.into_iter().enumerate() {
            let out = if place == 0 {
                File::create(&log)
            } else {
                File::options().append(true).open(&log)
            };
            let out = out.with_context(|| log.display().to_string())?;
            command.stderr(out.try_clone()?).stdout(out).current_dir(paths::root());
            let is_fed = stream == Stream::Still;
            command.stdin(if is_fed { Stdio::piped() } else { Stdio::null() });
            let child = command.spawn().with_context(|| format!("{command:?}"))?;
            if place == 0 {
                server.pid = child.id();
            }
            server.children.push(child);
            // It stays open, and so the source has not ended.
            if let Some(input) = server.children.last_mut().and_then(|child| child.stdin.as_mut()) {
                input.write_all(&still()).context("a picture for it")?;
            }
            if matches!(peer.kind, Kind::Janus { .. }) {
                // Those behind it connect to Janus, once.
                std::thread::sleep(Duration::from_secs(1));
            }
        }
        let begin = Instant::now();
        while !is_listening(peer, port, namespace)? {
            let ended = server.children.iter_mut().find_map(|child| child.try_wait().ok()?);
            if ended.is_some() || begin.elapsed() > START_TIME {
                bail!("it does not answer; {} may say why", log.display());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            succeeds("kill", &["-TERM", &child.id().to_string()]);
            let begin = Instant::now();
            while matches!(child.try_wait(), Ok(None)) && begin.elapsed() < END_TIME {
                std::thread::sleep(LOOK_EVERY);
            }
            // It may have ended by now, which is as well.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn is_listening(peer: &Peer, port: u16, namespace: &Namespace) -> Result<bool> {
    if !peer.is_apart() {
        return Ok(TcpStream::connect(("127.0.0.1", port)).is_ok());
    }
    let mut connect = namespace.program("bash")?;
    connect.args(["-c", &format!("exec 3<>/dev/tcp/127.0.0.1/{port}")]).stderr(Stdio::null());
    Ok(connect.status()?.success())
}

/// What is started, the process whose cost counts first.
fn commands(
    peer: &Peer,
    stream: Stream,
    http: &str,
    namespace: &Namespace,
) -> Result<Vec<Command>> {
    let python = |name: &str| prepare::sources().join("python").join(name);
    let mut server = match peer.kind {
        Kind::Pinhole { runtime, adapts, udp_send, patched } if stream != Stream::Stamped => {
            let built = if patched { str0m_patches::program_at() } else { paths::program() };
            let mut pinhole = pinhole(&built, runtime, adapts, http);
            match stream {
                Stream::Still => pinhole.args(["--source", "-"]),
                _ => pinhole.args(["--fps", "60", "--source"]).arg(prepare::film()),
            };
            pinhole.args(["--udp-send", udp_send]);
            return Ok(vec![pinhole]);
        }
        Kind::Pinhole { runtime, .. } => {
            let stamped = paths::target().join("release/pinhole-stamped");
            program(stamped, &format!("--runtime {runtime}"))
        }
        Kind::Janus { general } => return janus(general, stream, http, namespace),
        Kind::Rust { program: name, words, .. } => {
            let mut server = program(prepare::built(name), "");
            server.args(words);
            server
        }
        Kind::Pion => program(prepare::folder().join("pion-server"), ""),
        Kind::Aiortc => {
            let mut server = program(paths::python(), "");
            server.arg(python("aiortc_server.py"));
            server
        }
        Kind::GStreamer => {
            let mut server = namespace.program("/usr/bin/python3")?;
            server.arg(python("gstreamer_server.py"));
            server
        }
        Kind::Floor { .. } => bail!("it is no server"),
    };
    server.args(["--http", http]).args(words(stream));
    Ok(vec![server])
}

/// What all but `pinhole serve` understand.
fn words(stream: Stream) -> Vec<String> {
    let words: &[&str] = match stream {
        Stream::Film => {
            let film = prepare::film().display().to_string();
            return vec!["--file".into(), film, "--fps".into(), "60".into()];
        }
        Stream::Still => &[],
        Stream::Stamped => &["--file", "synthetic:17000,100000,10", "--fps", "30", "--stamp"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn pinhole(built: &Path, runtime: &str, adapts: bool, http: &str) -> Command {
    let mut pinhole = program(built, "serve --udp-bind 127.0.0.1 --max-viewers 1000");
    pinhole.args(["--listen", http, "--runtime", runtime]);
    let floor: &[&str] = match adapts {
        true => &["--bitrate-floor", "300k", "--bitrate", CEILING],
        // What is encoded here would follow the network.
        false => &["--bitrate-floor", "off"],
    };
    pinhole.args(floor);
    pinhole
}

/// One grey picture of 160 times 120 pixels, as y4m.
fn still() -> Vec<u8> {
    let mut bytes = b"YUV4MPEG2 W160 H120 F30:1 C420\nFRAME\n".to_vec();
    bytes.resize(bytes.len() + 160 * 120 * 3 / 2, 128);
    bytes
}

/// Janus, what sends it the stream, and what speaks WHEP in front of it.
fn janus(general: &str, stream: Stream, http: &str, namespace: &Namespace) -> Result<Vec<Command>> {
    let folder = janus_folder(general)?;
    let mut janus = namespace.program("janus")?;
    janus.arg("-F").arg(folder);
    let mut source = namespace.program(&prepare::built("rtp-source").display().to_string())?;
    source.args(["--to", JANUS_RTP]).args(words(stream));
    if stream == Stream::Film {
        // Its socket has the default size, which a keyframe at once would overflow.
        source.args(["--pause-us", "100"]);
    }
    let mut shim = namespace.program(&paths::python().display().to_string())?;
    shim.arg(prepare::sources().join("python/janus_shim.py"));
    let port = http.rsplit(':').next().unwrap_or_default();
    shim.args([port, JANUS_WEBSOCKET]);
    Ok(vec![janus, source, shim])
}

/// Writes its configuration.
fn janus_folder(general: &str) -> Result<PathBuf> {
    let library = ["/usr/lib/x86_64-linux-gnu/janus", "/usr/lib/aarch64-linux-gnu/janus"];
    let library = library.iter().find(|path| Path::new(path).exists());
    let library = library.context("Janus' plugins are not where Debian has them")?;
    let folder = prepare::folder().join("janus");
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir("/etc/janus")? {
        let path = entry?.path();
        let name = path.file_name().context("a file in a folder has a name")?;
        fs::copy(&path, folder.join(name))?;
    }
    let sources = prepare::sources().join("janus");
    for name in ["janus.jcfg", "janus.plugin.streaming.jcfg", "janus.transport.websockets.jcfg"] {
        let text = fs::read_to_string(sources.join(name)).context(name)?;
        let text = text.replace("@FOLDER@", &folder.display().to_string());
        let text = text.replace("@LIBRARY@", library).replace("@GENERAL@", general);
        fs::write(folder.join(name), text)?;
    }
    Ok(folder)
}
