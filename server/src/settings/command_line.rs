//! From the command line, the environment and the file to what is to be done.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use super::flags::{Cli, Command, DoctorFlags, EncodersFlags, MapFlags, RewriteFlags, ServeFlags};
use super::layers::{self, Layers};
use super::{
    Access, Addresses, DoctorSettings, Environment, Invocation, RewriteSettings, Settings,
    SettingsError, check,
};
use crate::encoders::EncodersSettings;
use crate::reflect::ReflectSettings;

/// The file that is read where there is one and `--config` names no other.
const DEFAULT_FILE: &str = "pinhole.toml";
/// Where `reflect` finds its token, if it is on no command line.
const REFLECT_TOKEN: &str = "PINHOLE_REFLECT_TOKEN";

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
        let takes_layers = ["serve", "doctor", "encoders", "rewrite-sdp"].contains(&command);
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
            Command::RewriteSdp(flags) => {
                Ok(Invocation::RewriteSdp(rewriting(flags, layers.warnings)))
            }
            Command::Replay(flags) => Ok(Invocation::Replay(flags.into())),
            Command::Encoders(EncodersFlags { encoder, json }) => {
                Ok(Invocation::Encoders(EncodersSettings { encoder, json }))
            }
            Command::Reflect(flags) => {
                let named = || environment.get(REFLECT_TOKEN).filter(|token| !token.is_empty());
                let token = flags.token.or_else(|| named().cloned());
                Ok(Invocation::Reflect(ReflectSettings { listen: flags.listen, token }))
            }
            Command::Serve(flags) => {
                let settings = checked(*flags, &matches, layers)?;
                Ok(Invocation::Serve(Box::new(settings)))
            }
            Command::Doctor(flags) => {
                let DoctorFlags { json, serve } = *flags;
                let settings = checked(serve, &matches, layers)?;
                Ok(Invocation::Doctor(Box::new(DoctorSettings { settings, json })))
            }
        }
    }
}

fn rewriting(flags: RewriteFlags, warnings: Vec<String>) -> RewriteSettings {
    let MapFlags { map, public_ip, advertise } = flags.mapping;
    RewriteSettings {
        addresses: Addresses { map, public_ip, advertise, ..Addresses::default() },
        messages: flags.messages,
        keep_mdns: flags.keep_mdns,
        warnings,
    }
}

/// The settings of `serve`, whichever command has them.
fn checked(
    flags: ServeFlags,
    matches: &ArgMatches,
    layers: Layers,
) -> Result<Settings, SettingsError> {
    let (_, matches) = matches.subcommand().expect("a command was parsed");
    let access = access(&flags, matches, &layers)?;
    let mut settings = check::settings(flags, access)?;
    settings.warnings.extend(layers.warnings);
    Ok(settings)
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
