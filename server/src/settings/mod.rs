//! The settings of the program: flag > environment > file > default.
//!
//! [`flags`] is the one table. [`layers`] turns the environment and the file into defaults of the
//! flags, so that a value is parsed and refused the same way wherever it stands; [`command_line`]
//! puts them together. [`check`] refuses what does not work together. [`markdown`] writes the
//! reference from the same table. Nothing here touches the network; host names in a port map are
//! resolved when the program starts ([`crate::serve`]).

mod check;
mod choices;
mod command_line;
pub mod flags;
mod layers;
mod limits;
mod page;
mod record;
mod values;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pinhole_core::gather::{Audience, Paths};
use pinhole_encoder::StreamConfig;
use pinhole_runtime::Batching;

pub use choices::{BitrateFloor, IceFor, RuntimeKind, TcpPort};
pub use layers::Environment;
pub use limits::HttpLimits;
pub use page::markdown;
pub use record::RecordSettings;
pub use values::PortRange;

use crate::encoders::EncodersSettings;
use crate::gather_servers::GatherServers;
use crate::ice_servers::IceServers;
use crate::origin::AllowedOrigin;
use crate::reflect::ReflectSettings;

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// `pinhole serve`
    Serve(Box<Settings>),
    /// `pinhole rewrite-sdp`
    RewriteSdp(RewriteSettings),
    /// `pinhole doctor`
    Doctor(Box<DoctorSettings>),
    /// `pinhole reflect`
    Reflect(ReflectSettings),
    /// `pinhole encoders`
    Encoders(EncodersSettings),
    /// `pinhole replay`
    Replay(ReplaySettings),
    /// `pinhole settings-page`
    SettingsPage,
}

/// All settings of `pinhole serve`, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where HTTP listens; port 0 is any.
    pub listen: SocketAddr,
    /// Who may watch.
    pub access: Access,
    /// Origins besides our own whose pages may connect.
    pub allow_origin: Vec<AllowedOrigin>,
    /// HTTPS and WSS.
    pub tls: Option<TlsFiles>,
    /// Viewers at once.
    pub max_viewers: usize,
    /// Source and encoder.
    pub stream: StreamConfig,
    /// How far the stream follows the paths of its viewers.
    pub bitrate_floor: BitrateFloor,
    /// How long a packet can be sent again.
    pub retransmit_for: Duration,
    /// Which event loop.
    pub runtime: RuntimeKind,
    /// How many of them; `None`: by the number of cores.
    pub threads: Option<usize>,
    /// Sockets and what viewers are told of them.
    pub addresses: Addresses,
    /// STUN and TURN servers.
    pub ice_servers: IceServers,
    /// Who uses them.
    pub ice_for: IceFor,
    /// Certificates that trust those of TURN servers, besides the system's.
    pub turn_ca: Option<PathBuf>,
    /// Where sessions are recorded.
    pub record: Option<RecordSettings>,
    /// Who proves our ports from outside.
    pub reflector: Option<ReflectorSettings>,
    /// Log filter.
    pub log: String,
    /// Bounds of the HTTP side; not on the command line.
    pub http: HttpLimits,
    /// What the operator should hear at start.
    pub warnings: Vec<String>,
}

/// All settings of `pinhole doctor`.
#[derive(Debug, Clone)]
pub struct DoctorSettings {
    /// What is to be examined: a server with these settings.
    pub settings: Settings,
    /// Whether JSON is printed.
    pub json: bool,
}

/// A reflector, and who we are to it.
#[derive(Clone, PartialEq, Eq)]
pub struct ReflectorSettings {
    /// `HOST:PORT`.
    pub address: String,
    /// Its secret.
    pub token: Option<String>,
}

/// All settings of `pinhole replay`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaySettings {
    /// The recording.
    pub file: PathBuf,
    /// The only session that is told.
    pub session: Option<u64>,
    /// Whether every packet is told.
    pub verbose: bool,
    /// Whether JSON is printed.
    pub json: bool,
}

impl From<flags::ReplayFlags> for ReplaySettings {
    fn from(flags: flags::ReplayFlags) -> ReplaySettings {
        let flags::ReplayFlags { file, session, verbose, json } = flags;
        ReplaySettings { file, session, verbose, json }
    }
}

/// All settings of `pinhole rewrite-sdp`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RewriteSettings {
    /// The map and the audience.
    pub addresses: Addresses,
    /// Whether each line is a message of its own.
    pub messages: bool,
    /// Whether mDNS candidates stay for a public audience.
    pub keep_mdns: bool,
    /// What the operator should hear.
    pub warnings: Vec<String>,
}

/// Who may watch.
#[derive(Clone, PartialEq, Eq)]
pub enum Access {
    /// Whoever runs a program on this machine: HTTP listens on loopback only.
    Local,
    /// Whoever has the token.
    Token(String),
    /// Whoever reaches the port.
    Open,
}

/// Certificate and key of HTTPS, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// UDP sockets and the addresses that viewers are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Local ports to choose from; `None`: any.
    pub udp_ports: Option<PortRange>,
    /// The one local address to bind.
    pub udp_bind: Option<IpAddr>,
    /// How datagrams leave, at best.
    pub udp_send: Batching,
    /// Entries of the port map, as written.
    pub map: Vec<String>,
    /// Outside addresses with the same ports, as written.
    pub public_ip: Vec<String>,
    /// Who is told what; `None`: public if something is mapped, else both if there are servers to
    /// gather from, else lan.
    pub advertise: Option<Audience>,
    /// Where viewers without UDP connect.
    pub tcp_port: TcpPort,
    /// Which paths viewers may take.
    pub paths: Paths,
}

impl Settings {
    /// The servers that we gather from ourselves.
    pub fn gather_servers(&self) -> GatherServers {
        match self.ice_for {
            IceFor::Both | IceFor::Server => self.ice_servers.to_gather(),
            IceFor::Browsers => GatherServers::default(),
        }
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Access::Local => "Local",
            Access::Token(_) => "Token(…)",
            Access::Open => "Open",
        })
    }
}

impl std::fmt::Debug for ReflectorSettings {
    /// Leaves the token out.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "ReflectorSettings({})", self.address)
    }
}

impl std::fmt::Debug for IceServers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("IceServers(…)")
    }
}

/// Why settings are refused; the text says what is wrong and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The command line, or a value that one of the layers below put in its place. Help and version
    /// come this way too.
    #[error("{error}{origin}")]
    CommandLine {
        /// What clap says.
        error: Box<clap::Error>,
        /// Where the value stands, unless on the command line.
        origin: String,
    },
    /// The settings file.
    #[error("{}: {what}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Settings that do not work together.
    #[error("{0}")]
    Refused(String),
}

impl SettingsError {
    /// Whether this is the text of `--help` or `--version`, for standard output and exit code 0.
    pub fn is_help(&self) -> bool {
        matches!(self, SettingsError::CommandLine { error, .. } if !error.use_stderr())
    }
}

impl Default for Settings {
    /// The settings of `pinhole` without arguments, environment or file.
    fn default() -> Settings {
        match Settings::parse(["pinhole"], &Environment::new(), Path::new("/nonexistent")) {
            Ok(Invocation::Serve(settings)) => *settings,
            other => unreachable!("the defaults are settings, not {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
