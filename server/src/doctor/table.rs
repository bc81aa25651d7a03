//! The report for a terminal: a line for each check, wrapped under its own column, then the
//! verdicts.

use std::fmt::Write as _;
use std::time::Duration;

use pinhole_core::diagnose::{Diagnosis, Severity};

use super::report::{Check, Grade, Report};

/// Columns of a terminal that does not say how many it has.
pub const COLUMNS: usize = 100;
/// Columns that are made use of: longer lines are hard to read.
const COLUMNS_MAX: usize = 120;
/// Columns of text that are there however narrow the terminal is.
const TEXT_MIN: usize = 30;

/// Writes it. `colours`: for a terminal that shows them.
pub fn table(report: &Report, columns: usize, colours: bool) -> String {
    let columns = columns.min(COLUMNS_MAX);
    let mut text = String::new();
    let widest =
        |width: fn(&Check) -> usize| report.checks.iter().map(width).max().unwrap_or_default();
    let widths = Widths {
        area: widest(|check| check.area.len()),
        figure: widest(|check| figure(check).len()),
        all: columns,
    };
    for check in &report.checks {
        text += &row(check, &widths, colours);
    }
    text.push('\n');
    for diagnosis in &report.diagnoses {
        text += &verdict(diagnosis, columns, colours);
    }
    text += &evidence(&report.diagnoses, columns);
    let seconds = report.took.as_secs_f32();
    let summary = match (report.is_good(), report.diagnoses.is_empty()) {
        (true, true) => "As far as can be seen from here, a viewer outside would connect.",
        (true, false) => {
            "As far as can be seen from here, a viewer outside would connect; see above."
        }
        (false, _) => "A viewer outside would not connect.",
    };
    let _ = writeln!(text, "{summary} ({seconds:.1} s)");
    text
}

/// Columns of the parts of a row.
struct Widths {
    area: usize,
    figure: usize,
    all: usize,
}

fn row(check: &Check, widths: &Widths, colours: bool) -> String {
    let (mark, colour) = match check.grade {
        Grade::Good => ("ok  ", "32"),
        Grade::Note => ("note", "33"),
        Grade::Bad => ("BAD ", "31"),
        Grade::Unknown => ("?   ", "33"),
    };
    let Widths { area, figure: column, all } = *widths;
    let indent = 2 + mark.len() + 2 + area + 2 + column + 2;
    let said = match check.subject.is_empty() {
        true => check.text.clone(),
        false => format!("{}: {}", check.subject, check.text),
    };
    let lines = wrapped(&said, all.saturating_sub(indent).max(TEXT_MIN));
    let mark = painted(mark, colour, colours);
    let mut text = format!("  {mark}  {:area$}  {:>column$}  ", check.area, figure(check));
    text += &lines.join(&format!("\n{:indent$}", ""));
    text.push('\n');
    text
}

fn figure(check: &Check) -> String {
    check.round_trip.map_or_else(|| check.figure.clone(), milliseconds)
}

fn verdict(diagnosis: &Diagnosis, columns: usize, colours: bool) -> String {
    let (mark, colour) = match diagnosis.severity {
        Severity::Failed => ("FAILED", "1;31"),
        Severity::Degraded => ("worse than it could be", "1;33"),
    };
    let width = columns.saturating_sub(8).max(TEXT_MIN);
    let mut text = format!("{}  {}\n", painted(mark, colour, colours), diagnosis.verdict.code());
    for line in wrapped(&diagnosis.sentence, width) {
        let _ = writeln!(text, "  {line}");
    }
    let fix = wrapped(&diagnosis.fix, width);
    let _ = writeln!(text, "  fix   {}", fix.join("\n        "));
    text.push('\n');
    text
}

/// The facts of all verdicts, each once: most stand on the same.
fn evidence(diagnoses: &[Diagnosis], columns: usize) -> String {
    let mut facts: Vec<&str> = Vec::new();
    for fact in diagnoses.iter().flat_map(|diagnosis| &diagnosis.evidence) {
        if !facts.contains(&fact.as_str()) {
            facts.push(fact);
        }
    }
    if facts.is_empty() {
        return String::new();
    }
    let mut text = "Facts for whoever knows WebRTC:\n".to_string();
    for fact in facts {
        let lines = wrapped(fact, columns.saturating_sub(4).max(TEXT_MIN));
        let _ = writeln!(text, "  {}", lines.join("\n    "));
    }
    text.push('\n');
    text
}

fn painted(text: &str, colour: &str, colours: bool) -> String {
    if colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_string() }
}

pub(super) fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 9.95 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

/// Broken at spaces; a longer word stands out. Lines of the text stay lines.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let fits = line.chars().count() + 1 + word.chars().count() <= width;
            if !line.is_empty() && !fits {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_aligned_and_wrapped_under_their_text() {
        let check = Check {
            round_trip: Some(Duration::from_micros(1234)),
            ..Check::new("stun", "stun:a", Grade::Good, "sees us at 192.0.2.1:70".to_string())
        };
        let row =
            |check: &Check, all, colours| row(check, &Widths { area: 6, figure: 7, all }, colours);
        assert_eq!(
            row(&check, 100, false),
            "  ok    stun     1.2 ms  stun:a: sees us at 192.0.2.1:70\n"
        );
        assert_eq!(
            row(&check, 55, false),
            "  ok    stun     1.2 ms  stun:a: sees us at\n                         192.0.2.1:70\n"
        );
        let painted = row(&check, 100, true);
        assert!(painted.starts_with("  \x1b[32mok  \x1b[0m  stun     1.2 ms"), "{painted:?}");
        let port = Check {
            figure: "5 of 5".to_string(),
            ..Check::new("port", "", Grade::Bad, "x".to_string())
        };
        assert_eq!(row(&port, 100, false), "  BAD   port     5 of 5  x\n");
    }

    #[test]
    fn lines_are_broken_at_spaces_alone() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("muchtoolong a", 4), ["muchtoolong", "a"]);
        assert_eq!(wrapped("a b\nc", 9), ["a b", "c"]);
    }
}
