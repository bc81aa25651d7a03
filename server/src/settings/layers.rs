//! The layers below the command line: environment, then file, become defaults of the flags.
//!
//! A flag `--udp-ports` is `PINHOLE_UDP_PORTS` in the environment and `udp-ports` in the file.
//! Repeatable flags take a list there: separated by spaces or commas in the environment
//! (`ice-server` by spaces), an array in the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};

use super::SettingsError;

/// The environment, or the part of it that a test makes up.
pub type Environment = BTreeMap<String, String>;

/// What every variable of ours begins with.
const PREFIX: &str = "PINHOLE_";

/// Names that people know from other programs of this kind, heard after our own.
pub(super) const ALIASES: [(&str, &str); 3] =
    [("udp_ports", "EPR"), ("public_ip", "NAT1TO1"), ("log", "RUST_LOG")];

/// Where a value below the command line comes from; the later variant wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// The settings file.
    File(PathBuf),
    /// This variable.
    Environment(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::File(path) => write!(out, "the settings file {}", path.display()),
            Origin::Environment(name) => write!(out, "the environment variable {name}"),
        }
    }
}

/// Values for flags that the command line leaves out, by the flag's id.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) values: BTreeMap<String, (Origin, Vec<String>)>,
    /// Variables that begin with our prefix and mean nothing.
    pub(super) warnings: Vec<String>,
}

/// The environment variable of a flag.
pub(super) fn variable(id: &str) -> String {
    format!("{PREFIX}{}", id.to_ascii_uppercase())
}

/// The key of a flag in the file.
pub(super) fn key(id: &str) -> String {
    id.replace('_', "-")
}

/// Reads both layers for the flags of `serve`.
pub(super) fn read(
    serve: &Command,
    environment: &Environment,
    file: Option<&Path>,
) -> Result<Layers, SettingsError> {
    let mut layers = Layers::default();
    if let Some(path) = file {
        read_file(serve, path, &mut layers)?;
    }
    read_environment(serve, environment, &mut layers);
    Ok(layers)
}

fn read_environment(serve: &Command, environment: &Environment, layers: &mut Layers) {
    for arg in serve.get_arguments() {
        let id = arg.get_id().as_str();
        let alias = ALIASES.iter().find(|(alias_of, _)| *alias_of == id).map(|(_, name)| *name);
        let names = [Some(variable(id)), alias.map(str::to_string)];
        // An empty variable is one that a compose file passes through without a value.
        let set = |name: &String| environment.get(name).filter(|value| !value.is_empty());
        let found = names.into_iter().flatten().find_map(|name| Some((set(&name)?.clone(), name)));
        let Some((value, name)) = found else { continue };
        let values = match arg.get_action() {
            ArgAction::Append if id == "ice_server" => list(&value, char::is_whitespace),
            ArgAction::Append => list(&value, |end: char| end == ',' || end.is_whitespace()),
            _ => vec![value],
        };
        layers.values.insert(id.to_string(), (Origin::Environment(name), values));
    }
    let known: Vec<String> =
        serve.get_arguments().map(|arg| variable(arg.get_id().as_str())).collect();
    for name in environment.keys().filter(|name| name.starts_with(PREFIX)) {
        if !known.contains(name) {
            let near = near_match(name, known.iter().map(String::as_str));
            layers
                .warnings
                .push(format!("the environment variable {name} means nothing here{near}"));
        }
    }
}

fn list(value: &str, separator: impl Fn(char) -> bool) -> Vec<String> {
    value.split(separator).filter(|part| !part.is_empty()).map(str::to_string).collect()
}

fn read_file(serve: &Command, path: &Path, layers: &mut Layers) -> Result<(), SettingsError> {
    let refuse = |what: String| SettingsError::File { path: path.to_path_buf(), what };
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        refuse(format!("not TOML: {}", error.to_string().trim_end()))
    })?;
    // A file cannot name another file.
    let args: Vec<&Arg> = serve.get_arguments().filter(|arg| arg.get_id() != "config").collect();
    let known: Vec<String> = args.iter().map(|arg| key(arg.get_id().as_str())).collect();
    for (name, value) in table {
        let arg = args.iter().find(|arg| key(arg.get_id().as_str()) == key(&name));
        let Some(arg) = arg else {
            let near = near_match(&key(&name), known.iter().map(String::as_str));
            return Err(refuse(format!("there is no setting {name:?}{near}")));
        };
        let values = match (value, arg.get_action()) {
            (toml::Value::Array(items), ArgAction::Append) => {
                items.into_iter().map(scalar).collect::<Option<Vec<_>>>()
            }
            (value, _) => scalar(value).map(|value| vec![value]),
        };
        let Some(values) = values else {
            let shape = match arg.get_action() {
                ArgAction::Append => "a string or an array of strings",
                _ => "a string, a number or true or false",
            };
            return Err(refuse(format!("{name} takes {shape}")));
        };
        let id = arg.get_id().as_str().to_string();
        layers.values.insert(id, (Origin::File(path.to_path_buf()), values));
    }
    Ok(())
}

fn scalar(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

/// `; did you mean X?`, or nothing where nothing is near.
fn near_match<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = |candidate: &&str| strsim::jaro_winkler(name, candidate);
    known
        .max_by(|left, right| near(left).total_cmp(&near(right)))
        .filter(|best| near(best) > 0.8)
        .map(|best| format!("; did you mean {best}?"))
        .unwrap_or_default()
}
