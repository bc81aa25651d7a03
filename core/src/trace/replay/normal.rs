//! A decision without the names that hang on randomness alone, for comparison.

use std::net::{IpAddr, SocketAddr};

use crate::trace::entry::What;

/// Whom a decision is about: decisions about others may come in another order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Session(u64),
    Offers,
    Server(usize),
    Connections,
    Probes,
}

/// Whose a decision is. `None`: it is none, or is compared as a sum.
pub(super) fn subject(what: &What) -> Option<Subject> {
    if let Some(session) = what.decided_for() {
        return Some(Subject::Session(session));
    }
    match what {
        What::Refused { .. } => Some(Subject::Offers),
        What::Server { server, .. } | What::ResolveWanted { server } => {
            Some(Subject::Server(*server))
        }
        What::Connect { .. } | What::Disconnect { .. } => Some(Subject::Connections),
        What::Probed { .. } => Some(Subject::Probes),
        _ => None,
    }
}

/// What a decision says, up to renaming.
pub(super) fn normal(what: &What, hides_addresses: bool) -> What {
    let mut what = what.clone();
    match &mut what {
        What::Answer { sdp, .. } | What::FragmentAnswer { sdp, .. } => {
            *sdp = normal_sdp(sdp, hides_addresses);
        }
        What::CandidateOut { candidate, .. } => {
            *candidate = normal_line(candidate, &mut Vec::new(), hides_addresses);
        }
        What::Diagnosis { evidence, .. } => {
            for line in evidence {
                *line = without_figures(&without_realm(line));
            }
        }
        What::Probed { token, .. } => *token = "*".to_owned(),
        // Numbers of connections were paired by where they lead.
        What::Connect { stream, .. } => *stream = 0,
        _ => {}
    }
    what
}

fn normal_sdp(sdp: &str, hides: bool) -> String {
    let mut ssrcs = Vec::new();
    let lines = sdp.lines().map(|line| normal_line(line, &mut ssrcs, hides));
    lines.collect::<Vec<_>>().join("\n")
}

fn normal_line(line: &str, ssrcs: &mut Vec<String>, hides: bool) -> String {
    for secret in ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "o="] {
        if line.starts_with(secret) {
            return format!("{secret}*");
        }
    }
    if line.starts_with("a=ssrc") {
        return words(line, |word| ssrc(word, ssrcs));
    }
    if line.contains("candidate:") {
        return words(line, |word| match word.split_once("candidate:") {
            // Browsers' foundations are sums over addresses, and so are ours.
            Some((before, _)) if hides => format!("{before}candidate:*"),
            _ => stand_in(word),
        });
    }
    words(line, stand_in)
}

fn words(line: &str, change: impl FnMut(&str) -> String) -> String {
    line.split(' ').map(change).collect::<Vec<_>>().join(" ")
}

/// An SSRC becomes its place among those that were named before.
fn ssrc(word: &str, known: &mut Vec<String>) -> String {
    let (before, number) = word.rsplit_once(':').map_or(("", word), |(a, b)| (a, b));
    if number.len() < 3 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return stand_in(word);
    }
    let place = known.iter().position(|it| it == number).unwrap_or_else(|| {
        known.push(number.to_owned());
        known.len() - 1
    });
    format!("{before}:#{place}")
}

/// A name that a recorder gave in the order of appearance.
fn stand_in(word: &str) -> String {
    for (name, digits) in [("removed", 1), ("u", 5), ("p", 23)] {
        let at = word.find(name).filter(|at| {
            let number = &word[at + name.len()..];
            number.len() >= digits && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        if let Some(at) = at {
            return format!("{}{name}*", &word[..at]);
        }
    }
    word.to_owned()
}

/// Evidence without the realm of a TURN server: it has a stand-in, or a piece of one.
fn without_realm(line: &str) -> String {
    match line.split_once("realm \"") {
        Some((before, after)) => {
            let after = after.split_once('"').map_or("", |(_, after)| after);
            format!("{before}realm *{after}")
        }
        None => line.to_owned(),
    }
}

/// Evidence without its counts and spans; addresses stay.
fn without_figures(line: &str) -> String {
    words(line, |word| {
        let bare = word.trim_matches(|c: char| ",.;()".contains(c));
        let is_address = bare.parse::<IpAddr>().is_ok() || bare.parse::<SocketAddr>().is_ok();
        let is_figure = bare.starts_with(|c: char| c.is_ascii_digit()) && !is_address;
        if is_figure { word.replace(|c: char| c.is_ascii_digit(), "#") } else { word.to_owned() }
    })
    .replace("##", "#")
    .replace("##", "#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_go_and_addresses_stay() {
        let line = "12 checks of 8.8.8.8:5000 came in 3.52 s, 1234 answered";
        assert_eq!(without_figures(line), "# checks of 8.8.8.8:5000 came in #.# s, # answered");
    }

    #[test]
    fn what_hangs_on_the_seed_is_renamed_and_the_rest_is_not() {
        let sdp = |ufrag: &str, ssrc: &str, port: &str| {
            format!(
                "o=- 1{ssrc} 2 IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\na=ssrc:{ssrc} cname:{ufrag}\r\n\
                 a=ssrc-group:FID {ssrc} 55\r\na=candidate:1 1 udp 5 8.8.8.8 {port} typ host\r\n"
            )
        };
        let normal = |text: String| normal_sdp(&text, false);
        let one = normal(sdp("u00001", "77777", "5"));

        assert_eq!(one, normal(sdp("u00042", "99999", "5")));
        assert_ne!(one, normal(sdp("u00001", "77777", "6")));
    }
}
