//! The story for a terminal: time, who, what, wrapped under its own column.

use pinhole_core::trace::{Difference, Entry, What};

use super::Again;
use super::story::Row;
use super::words;
use crate::doctor::wrapped;

/// Columns that are made use of: longer lines are hard to read.
const COLUMNS_MAX: usize = 120;
/// Columns of text that are there however narrow the terminal is.
const TEXT_MIN: usize = 40;
/// Lines of an SDP that are shown where two differ.
const LINES_MAX: usize = 5;

/// Writes it.
pub(super) fn table(rows: &[Row], again: &Again, columns: usize, colours: bool) -> String {
    let columns = columns.min(COLUMNS_MAX);
    let who = rows.iter().map(|row| row.who.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        text += &line(row, who, columns, colours);
    }
    text.push('\n');
    for caveat in &again.replayed.caveats {
        text += &under("Note: ", &caveat.to_string(), columns);
    }
    text += &verdict(again, columns, colours);
    text
}

fn line(row: &Row, who: usize, columns: usize, colours: bool) -> String {
    let head = format!("{}  {:who$}  ", seconds(row.at_us), row.who);
    let indent = head.len();
    let width = columns.saturating_sub(indent).max(TEXT_MIN);
    let mut lines = wrapped(&clean(&row.text), width);
    if let Some(first) = lines.first_mut().filter(|_| row.is_decision && colours) {
        *first = format!("\x1b[1m{first}\x1b[0m");
    }
    for below in &row.below {
        let rest = wrapped(&clean(below), width.saturating_sub(4));
        lines.extend(
            rest.iter()
                .enumerate()
                .map(|(n, line)| if n == 0 { format!("  {line}") } else { format!("    {line}") }),
        );
    }
    format!("{head}{}\n", lines.join(&format!("\n{:indent$}", "")))
}

/// Whether the decisions are the same, or what differs first.
fn verdict(again: &Again, columns: usize, colours: bool) -> String {
    let comparison = &again.comparison;
    let decisions = |count| if count == 1 { "decision" } else { "decisions" };
    let same = comparison.same;
    if comparison.is_same() {
        let text = format!("Run again: same {same} {}.", decisions(same));
        return format!("{}\n", painted(&text, "32", colours));
    }
    let text = format!("Run again: same {same} {}, but", decisions(same));
    let mut text = format!("{}\n", painted(&text, "1;31", colours));
    for difference in &comparison.differences {
        text += &pair(difference, columns);
    }
    text
}

fn pair(difference: &Difference, columns: usize) -> String {
    let whose = [&difference.recorded, &difference.replayed].into_iter().flatten().next();
    let whose = whose.map(|entry| about(&entry.what)).unwrap_or_default();
    let said = |entry: &Option<Entry>| match entry {
        Some(entry) => {
            let text = words::decision(&entry.what).unwrap_or_default();
            let text = format!("{}  {whose}{text}", seconds(entry.at_us).trim_start());
            match &entry.what {
                What::Diagnosis { evidence, .. } => format!("{text}\n{}", evidence.join("\n")),
                _ => text,
            }
        }
        None => format!("nothing {}", whose.trim_end_matches(": ")),
    };
    let mut text = under("  recorded  ", &said(&difference.recorded), columns);
    text += &match when_alone(difference) {
        Some(when) => under("  replayed  ", &when, columns),
        None => under("  replayed  ", &said(&difference.replayed), columns),
    };
    for line in lines_that_differ(difference) {
        text += &under("            ", &line, columns);
    }
    text.push('\n');
    text
}

/// Where nothing differs but the time: by how much.
fn when_alone(difference: &Difference) -> Option<String> {
    let (then, now) = (difference.recorded.as_ref()?, difference.replayed.as_ref()?);
    let by = seconds(then.at_us.abs_diff(now.at_us));
    let when = if then.at_us < now.at_us { "later" } else { "earlier" };
    (then.what == now.what).then(|| format!("the same, {} {when}", by.trim_start()))
}

/// Of two answers, the lines that only one has.
fn lines_that_differ(difference: &Difference) -> Vec<String> {
    let sdp = |entry: &Option<Entry>| match entry.as_ref().map(|entry| &entry.what) {
        Some(What::Answer { sdp, .. } | What::FragmentAnswer { sdp, .. }) => Some(sdp.clone()),
        _ => None,
    };
    let (Some(then), Some(now)) = (sdp(&difference.recorded), sdp(&difference.replayed)) else {
        return Vec::new();
    };
    let hangs_on_seed = |line: &str| {
        ["o=", "a=ice-", "a=fingerprint", "a=ssrc"].iter().any(|start| line.starts_with(start))
    };
    let only = |one: &str, other: &str, mark: &str| -> Vec<String> {
        let lines = one.lines().filter(|line| !hangs_on_seed(line));
        let lines = lines.filter(|line| !other.lines().any(|it| it == *line));
        lines.take(LINES_MAX).map(|line| format!("{mark} {line}")).collect()
    };
    [only(&then, &now, "-"), only(&now, &then, "+")].concat()
}

fn about(what: &What) -> String {
    if let Some(session) = what.decided_for() {
        return format!("session {session}: ");
    }
    match what {
        What::Server { server, .. } => format!("server {server}: "),
        _ => String::new(),
    }
}

fn under(head: &str, text: &str, columns: usize) -> String {
    let indent = head.len();
    let lines = wrapped(&clean(text), columns.saturating_sub(indent).max(TEXT_MIN));
    format!("{head}{}\n", lines.join(&format!("\n{:indent$}", "")))
}

/// Without what a terminal would obey: anybody may have written a recording.
fn clean(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', "·")
}

fn seconds(us: u64) -> String {
    format!("{:>9.3} s", us as f64 / 1e6)
}

fn painted(text: &str, colour: &str, colours: bool) -> String {
    if colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}
