//! The settings reference, made from the table of flags.

use std::fmt::Write as _;

use clap::{Arg, CommandFactory as _};

use super::flags::Cli;
use super::layers;

const INTRODUCTION: &str = "\
<!-- Made from server/src/settings/flags.rs; do not edit.
     Write it anew: cargo run -p pinhole -- settings-page > docs/settings.md -->

# Settings

Every setting of `pinhole serve` is a flag, an environment variable and a key of the settings file.
The flag wins over the environment, the environment over the file, the file over the default. The
file is `pinhole.toml` in the working directory, or the one that `--config` names; a key that is not
in this table is refused. `pinhole doctor` takes the same settings from the same places, and
`pinhole rewrite-sdp` takes `--map`, `--public-ip` and `--advertise`.

A flag marked *repeatable* takes a list in the other places: an array in the file, and values
separated by spaces or commas in the environment (by spaces alone for `PINHOLE_ICE_SERVER`, whose
values hold commas).

```toml
# pinhole.toml
listen = \"0.0.0.0:8080\"
udp-ports = \"10111-10115\"
map = [\"10111-10115/udp=203.0.113.10:20111-20115\"]
bitrate = \"6M\"
```
";

/// The text of docs/settings.md.
pub fn markdown() -> String {
    let cli = Cli::command();
    let serve = cli.find_subcommand("serve").expect("Cli has the command serve");
    let mut page = INTRODUCTION.to_string();
    let mut heading = None;
    for arg in serve.get_arguments().filter(|arg| arg.get_long().is_some()) {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            let _ = write!(page, "\n## {}\n\n", heading.unwrap_or("Other"));
            page +=
                "| flag | environment | file | default | what it does |\n|---|---|---|---|---|\n";
        }
        page += &row(arg);
    }
    page
}

fn row(arg: &Arg) -> String {
    let id = arg.get_id().as_str();
    let cell = |text: &str| text.replace('|', "\\|");
    let value =
        arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    let flag = match value {
        "BOOL" => format!("--{}", layers::key(id)),
        _ => format!("--{} {value}", layers::key(id)),
    };
    let alias = layers::ALIASES.iter().find(|(alias_of, _)| *alias_of == id);
    let alias = alias.map(|(_, name)| format!(", `{name}`")).unwrap_or_default();
    let default = arg.get_default_values().first().map(|value| value.to_string_lossy());
    let default = default.map(|value| format!("`{value}`")).unwrap_or_default();
    let file = if id == "config" { String::new() } else { format!("`{}`", layers::key(id)) };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let help = help.replace("Repeatable", "*Repeatable*");
    format!(
        "| `{}` | `{}`{alias} | {file} | {default} | {} |\n",
        cell(&flag),
        layers::variable(id),
        cell(&help)
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_settings_page_is_current() {
        let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md");
        let text = std::fs::read_to_string(committed).unwrap_or_default();
        assert!(
            text == super::markdown(),
            "docs/settings.md is not what the flags say; write it anew with\n    \
             cargo run -p pinhole -- settings-page > docs/settings.md"
        );
    }
}
