//! The page of a run: docs/nat-matrix.md.

use std::fmt::Write;
use std::time::Duration;

use super::Tried;
use crate::lab::nat::{Class, Prediction, TYPES};

/// What stands above the figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// The command that made the page.
    pub command: String,
    /// When.
    pub date: String,
    /// How long it took.
    pub took: Duration,
}

/// The bounds that hold for each class at the 95th percentile, in milliseconds.
fn bound_ms(class: Class) -> f64 {
    match class {
        Class::Open => 300.0,
        Class::Punched => 700.0,
        Class::Relayed => 1000.0,
    }
}

/// The page, in Markdown, and whether everything is as it must be: every path as predicted, every class within its bound.
pub fn page(tried: &[Tried], heading: &Heading) -> (String, bool) {
    let mut text = String::new();
    let wrong: Vec<(&Tried, String)> =
        tried.iter().filter_map(|pair| Some((pair, pair.mismatch()?))).collect();
    introduce(&mut text, tried, wrong.len(), heading);
    let in_time = classes(&mut text, tried);
    mismatches(&mut text, &wrong);
    grid(&mut text, tried);
    list(&mut text, tried);
    (text, wrong.is_empty() && in_time)
}

// Writing to a String cannot fail.
macro_rules! line {
    ($text:expr, $($words:tt)*) => { let _ = writeln!($text, $($words)*); };
}

fn introduce(text: &mut String, tried: &[Tried], wrong: usize, heading: &Heading) {
    let minutes = heading.took.as_secs_f64() / 60.0;
    let connections: usize = tried.iter().map(|pair| pair.tries.len()).sum();
    line!(text, "<!-- Made by the command below; do not edit. -->\n");
    line!(text, "# Through which NATs a viewer reaches a server\n");
    line!(text, "`{}`, {}, {minutes:.1} minutes.\n", heading.command, heading.date);
    line!(
        text,
        "Server and viewer each behind a real NAT of the kernel (tests/natlab/natlab.sh says what the types are), STUN \
         and TURN on both sides, and the port map where ports are forwarded. The viewer is aiortc; each connection \
         is made in a fresh lab and played for 60 pictures. There is no delay in the lab: the times are those of the \
         protocols' own timers.\n"
    );
    line!(
        text,
        "{} pairs, {connections} connections, {} pairs as predicted, {wrong} not.\n",
        tried.len(),
        tried.len() - wrong
    );
}

/// True if each class is within its bound.
fn classes(text: &mut String, tried: &[Tried]) -> bool {
    let mut in_time = true;
    line!(text, "## Time to connect\n");
    line!(text, "| who must send first | connections | p50 | p95 | longest | bound of p95 |");
    line!(text, "|---|---|---|---|---|---|");
    for class in [Class::Open, Class::Punched, Class::Relayed] {
        let all = tried.iter().flat_map(Tried::connect_ms);
        let mut times: Vec<f64> = all.filter(|(of, _)| *of == class).map(|(_, ms)| ms).collect();
        times.sort_by(f64::total_cmp);
        let (Some(p50), Some(p95), Some(longest)) =
            (percentile(&times, 50), percentile(&times, 95), times.last())
        else {
            line!(text, "| {class} | 0 | | | | {} ms |", bound_ms(class));
            continue;
        };
        let late = if p95 < bound_ms(class) { "" } else { ", **missed**" };
        in_time &= late.is_empty();
        line!(
            text,
            "| {class} | {} | {p50:.0} ms | {p95:.0} ms | {longest:.0} ms | {} ms{late} |",
            times.len(),
            bound_ms(class)
        );
    }
    line!(text, "");
    in_time
}

/// The nearest rank.
pub(super) fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

fn mismatches(text: &mut String, wrong: &[(&Tried, String)]) {
    if wrong.is_empty() {
        return;
    }
    line!(text, "## Not as predicted\n");
    for (pair, what) in wrong {
        line!(text, "- {} × {}: {what}", pair.nat_a, pair.nat_b);
    }
    line!(text, "");
}

fn grid(text: &mut String, tried: &[Tried]) {
    line!(text, "## At a glance\n");
    line!(
        text,
        "Server down, viewer across; the median to connect in ms, with `r` over a relay and `l` on the LAN.\n"
    );
    line!(text, "| | {} |", TYPES.join(" | "));
    line!(text, "|---|{}", "---|".repeat(TYPES.len()));
    for server in TYPES {
        let cells = TYPES.map(|viewer| {
            tried.iter().find(|pair| pair.nat_a == server && pair.nat_b == viewer).map(cell)
        });
        if cells.iter().any(Option::is_some) {
            line!(text, "| **{server}** | {} |", cells.map(Option::unwrap_or_default).join(" | "));
        }
    }
    line!(text, "");
}

fn cell(pair: &Tried) -> String {
    let bad = if pair.mismatch().is_some() { "!" } else { "" };
    let Some((path, ms)) = median(pair) else { return "failed!".to_owned() };
    let mark = match path.as_str() {
        "relay" => "r",
        "lan" => "l",
        _ => "",
    };
    format!("{ms:.0}{mark}{bad}")
}

fn list(text: &mut String, tried: &[Tried]) {
    line!(text, "## Every pair\n");
    line!(
        text,
        "| server | viewer | predicted | path | connect ms | viewer's candidate → server's |"
    );
    line!(text, "|---|---|---|---|---|---|");
    for pair in tried {
        let times: Vec<String> = pair
            .tries
            .iter()
            .map(|outcome| match outcome {
                Ok(outcome) => format!("{:.0}", outcome.connect_ms),
                Err(_) => "failed".to_owned(),
            })
            .collect();
        let last = pair.tries.iter().rev().find_map(|outcome| outcome.as_ref().ok());
        let shown = last.map(|outcome| outcome.pair.to_string()).unwrap_or_default();
        let path = median(pair).map(|(path, _)| path).unwrap_or_default();
        let predicted = match pair.prediction {
            Prediction::Path(path) => path.to_string(),
            Prediction::Guess => "direct if the guess is right, else relay".to_owned(),
        };
        line!(
            text,
            "| {} | {} | {predicted} | {path} | {} | {} |",
            pair.nat_a,
            pair.nat_b,
            times.join(" "),
            shown.replace("->", "→")
        );
    }
}

/// The path of the last success and the median of the times.
fn median(pair: &Tried) -> Option<(String, f64)> {
    let good = || pair.tries.iter().filter_map(|outcome| outcome.as_ref().ok());
    let mut times: Vec<f64> = good().map(|outcome| outcome.connect_ms).collect();
    times.sort_by(f64::total_cmp);
    Some((good().next_back()?.path.to_string(), percentile(&times, 50)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::nat::predict;
    use crate::lab::{Candidate, Outcome, Pair, PathKind};

    fn tried(nat_a: &str, nat_b: &str, path: PathKind, connect_ms: &[f64]) -> Tried {
        let candidate = |kind: &str, address: &str| Candidate {
            kind: kind.to_owned(),
            address: address.to_owned(),
            port: 60500,
            transport: "udp".to_owned(),
        };
        let remote = if path == PathKind::Relay { "192.0.2.1" } else { "192.0.2.10" };
        let pair =
            Pair { local: candidate("host", "10.20.0.2"), remote: candidate("prflx", remote) };
        let outcome = |&connect_ms: &f64| {
            Ok(Outcome { connect_ms, first_frame_ms: 0.0, pair: pair.clone(), path })
        };
        Tried {
            nat_a: nat_a.to_owned(),
            nat_b: nat_b.to_owned(),
            prediction: predict(nat_a, nat_b).unwrap(),
            tries: connect_ms.iter().map(outcome).collect(),
        }
    }

    fn made(tried: &[Tried]) -> (String, bool) {
        let command = "cargo xtask nat-matrix".to_owned();
        let heading = Heading { command, date: "today".to_owned(), took: Duration::from_secs(90) };
        page(tried, &heading)
    }

    #[test]
    fn a_page_without_faults_is_good() {
        let all = [
            tried("port", "port", PathKind::Direct, &[100.0, 300.0, 200.0]),
            tried("port", "sym", PathKind::Relay, &[800.0]),
        ];
        let (text, good) = made(&all);
        assert!(good, "{text}");
        assert!(text.contains("| both must punch | 3 | 200 ms | 300 ms | 300 ms |"), "{text}");
        assert!(text.contains("2 pairs, 4 connections, 2 pairs as predicted, 0 not"), "{text}");
    }

    #[test]
    fn another_path_a_strange_address_a_failure_and_a_late_class_are_faults() {
        let strange = {
            let mut pair = tried("port", "port", PathKind::Direct, &[1.0]);
            pair.nat_a = "none".to_owned();
            pair
        };
        let failed = Tried {
            tries: vec![Err("not connected".to_owned())],
            ..tried("port", "port", PathKind::Direct, &[])
        };
        for (wrong, shown) in [
            (tried("port", "sym", PathKind::Direct, &[1.0]), "direct instead of relay"),
            (strange, "direct over"),
            (failed, "not connected"),
            (tried("port", "port", PathKind::Direct, &[701.0]), "**missed**"),
        ] {
            let (text, good) = made(&[wrong]);
            assert!(!good && text.contains(shown), "{shown} in {text}");
        }
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(percentile(&times, 50), Some(10.0));
        assert_eq!(percentile(&times, 95), Some(19.0));
        assert_eq!(percentile(&times[..1], 50), Some(1.0));
        assert_eq!(percentile(&[], 50), None);
    }
}
