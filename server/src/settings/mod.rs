//! The settings of the program: flag > environment > file > default.
//!
//! [`flags`] is the one table. [`layers`] turns the environment and the file into defaults of the
//! flags, so that a value is parsed and refused the same way wherever it stands. [`check`] refuses
//! what does not work together. [`markdown`] writes the reference from the same table. Nothing here
//! touches the network; host names in a port map are resolved when the program starts
//! ([`crate::serve`]).

mod check;
pub mod flags;
mod layers;
mod limits;
mod page;
mod record;
mod values;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use pinhole_core::gather::{Audience, Paths};
use pinhole_encoder::StreamConfig;

pub use flags::{IceFor, RuntimeKind, TcpPort};
pub use layers::Environment;
pub use limits::HttpLimits;
pub use page::markdown;
pub use record::RecordSettings;
pub use values::PortRange;

use crate::gather_servers::GatherServers;
use crate::ice_servers::IceServers;
use crate::origin::AllowedOrigin;
use flags::{Cli, Command, ServeFlags};
use layers::Layers;

/// The file that is read where there is one and `--config` names no other.
const DEFAULT_FILE: &str = "pinhole.toml";

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// `pinhole serve`
    Serve(Box<Settings>),
    /// `pinhole rewrite-sdp`
    RewriteSdp(RewriteSettings),
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
    /// Which event loop.
    pub runtime: RuntimeKind,
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
    /// Log filter.
    pub log: String,
    /// Bounds of the HTTP side; not on the command line.
    pub http: HttpLimits,
    /// What the operator should hear at start.
    pub warnings: Vec<String>,
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

impl Settings {
    /// Reads all layers: `arguments` with the program's name first, `environment`, and the settings
    /// file, which is looked for in `directory` if none is named.
    pub fn parse<I, T>(
        arguments: I,
        environment: &Environment,
        directory: &Path,
    ) -> Result<Invocation, SettingsError>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString>,
    {
        let arguments = with_default_command(arguments.into_iter().map(Into::into).collect());
        let mut cli = Cli::command();
        let serve = cli.find_subcommand("serve").expect("Cli has the command serve").clone();
        let file = named_file(&arguments, environment).or_else(|| {
            let path = directory.join(DEFAULT_FILE);
            path.is_file().then_some(path)
        });
        // A broken file must not keep help from being shown, nor a line without `serve` from being
        // refused.
        let command = arguments.get(1).and_then(|word| word.to_str()).unwrap_or_default();
        let takes_layers = ["serve", "rewrite-sdp"].contains(&command);
        let asks_help = arguments.iter().any(|word| word == "--help" || word == "-h");
        let layers = match takes_layers && !asks_help {
            true => layers::read(&serve, environment, file.as_deref())?,
            false => Layers::default(),
        };
        for (id, (_, values)) in &layers.values {
            // The layers are those of `serve`; another command takes of them what it knows.
            let command = cli.find_subcommand(command).expect("a command that takes layers");
            if command.get_arguments().all(|arg| arg.get_id() != id.as_str()) {
                continue;
            }
            let (name, values) = (command.get_name().to_owned(), values.clone());
            cli = cli.mut_subcommand(name, |command| {
                command.mut_arg(id, |arg| arg.default_values(values).hide_default_value(true))
            });
        }
        let matches = cli
            .try_get_matches_from(&arguments)
            .map_err(|error| explain(error, &serve, &layers, &arguments))?;
        let cli = Cli::from_arg_matches(&matches)
            .map_err(|error| explain(error, &serve, &layers, &arguments))?;
        match cli.command {
            Command::SettingsPage => Ok(Invocation::SettingsPage),
            Command::RewriteSdp(flags) => Ok(Invocation::RewriteSdp(RewriteSettings {
                addresses: Addresses {
                    map: flags.mapping.map,
                    public_ip: flags.mapping.public_ip,
                    advertise: flags.mapping.advertise,
                    ..Addresses::default()
                },
                messages: flags.messages,
                keep_mdns: flags.keep_mdns,
                warnings: layers.warnings,
            })),
            Command::Serve(flags) => {
                let matches = matches.subcommand_matches("serve").expect("it was serve");
                let access = access(&flags, matches, &layers)?;
                let mut settings = check::settings(*flags, access)?;
                settings.warnings.extend(layers.warnings);
                Ok(Invocation::Serve(Box::new(settings)))
            }
        }
    }
}

/// `pinhole --source -` is `pinhole serve --source -`.
fn with_default_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.is_empty() {
        arguments.push("pinhole".into());
    }
    let global = ["-h", "--help", "-V", "--version"];
    let first = arguments.get(1).map(|word| word.to_string_lossy().into_owned());
    let serve = match first.as_deref() {
        None => true,
        Some(word) => word.starts_with('-') && !global.contains(&word),
    };
    if serve {
        arguments.insert(1, "serve".into());
    }
    arguments
}

/// The file that the command line or the environment names. It is needed before clap can run,
/// because its values are clap's defaults.
fn named_file(arguments: &[OsString], environment: &Environment) -> Option<PathBuf> {
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--config" {
            return words.next().map(PathBuf::from);
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    environment.get(&layers::variable("config")).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Says where a refused value stands: clap knows only the flag.
fn explain(
    error: clap::Error,
    serve: &clap::Command,
    layers: &Layers,
    arguments: &[OsString],
) -> SettingsError {
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => {
            flag.split([' ', '=']).next().unwrap_or(flag).to_string()
        }
        _ => String::new(),
    };
    let written = |word: &OsString| {
        let word = word.to_string_lossy();
        word == flag || word.starts_with(&format!("{flag}="))
    };
    let value_errors = [ErrorKind::ValueValidation, ErrorKind::InvalidValue];
    let origin = value_errors
        .contains(&error.kind())
        .then(|| serve.get_arguments().find(|arg| arg.get_long() == flag.strip_prefix("--")))
        .flatten()
        .filter(|_| !arguments.iter().any(written))
        .and_then(|arg| layers.values.get(arg.get_id().as_str()))
        .map(|(origin, _)| format!("\nThe value stands in {origin}.\n"))
        .unwrap_or_default();
    SettingsError::CommandLine { error: Box::new(error), origin }
}

/// `--token` and `--open` are one setting in two spellings: the higher layer wins, and one layer
/// has but one.
fn access(
    flags: &ServeFlags,
    matches: &ArgMatches,
    layers: &Layers,
) -> Result<Access, SettingsError> {
    let rank = |id: &str| match (matches.value_source(id), layers.values.get(id)) {
        (Some(ValueSource::CommandLine), _) => 3,
        (_, Some((layers::Origin::Environment(_), _))) => 2,
        (_, Some((layers::Origin::File(_), _))) => 1,
        _ => 0,
    };
    match (&flags.token, flags.open) {
        (Some(_), true) if rank("token") == rank("open") => Err(SettingsError::Refused(
            "--token and --open exclude each other: --token lets in who has it, --open everybody; \
             leave one out"
                .to_string(),
        )),
        (Some(_), true) if rank("open") > rank("token") => Ok(Access::Open),
        (Some(token), _) => Ok(Access::Token(token.clone())),
        (None, true) => Ok(Access::Open),
        (None, false) => Ok(Access::Local),
    }
}

#[cfg(test)]
mod tests;
