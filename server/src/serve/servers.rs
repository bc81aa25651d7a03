//! Tells the operator what STUN and TURN servers say: which addresses they give, and what is wrong
//! with those that give none.

use std::collections::BTreeSet;

use pinhole_core::gather::ServerReport;
use pinhole_runtime::Handle;

/// Addresses that are remembered as told; beyond, they are forgotten and told once more.
const GIVEN_MAX: usize = 1024;

/// Faults that the operator has been told of. One that lasts is told once, until it is over.
#[derive(Default)]
struct Told {
    /// Servers that are silent or refuse, by their place.
    at_fault: BTreeSet<usize>,
    /// What the others gave.
    given: BTreeSet<(usize, String)>,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Info(String),
    Warning(String),
    Detail(String),
}

/// Hears the servers until the event loop ends. `urls`: theirs, by their place.
pub(super) async fn watch(handle: Handle, urls: Vec<String>) {
    let mut told = Told::default();
    while let Some((server, report)) = handle.server_report().await {
        let Some(url) = urls.get(server) else { continue };
        for line in told.lines(server, url, &report) {
            match line {
                Line::Info(text) => tracing::info!("{text}"),
                Line::Warning(text) => tracing::warn!("{text}"),
                Line::Detail(text) => tracing::debug!("{text}"),
            }
        }
    }
}

impl Told {
    fn lines(&mut self, server: usize, url: &str, report: &ServerReport) -> Vec<Line> {
        match report {
            ServerReport::Mapped { base, address } => {
                self.gave(server, format!("{address} (as {url} sees {base})"))
            }
            ServerReport::Relayed { addresses } => addresses
                .iter()
                .flat_map(|address| self.gave(server, format!("{address} (relayed by {url})")))
                .collect(),
            ServerReport::Lost => {
                self.given.retain(|(of, _)| *of != server);
                vec![Line::Info(format!("{url} no longer relays for us, and is asked again"))]
            }
            ServerReport::Silent => self.fault(server, format!(
                "{url} does not answer; check its address and port, and that a firewall lets us \
                 reach it. It is asked again now and then, and delays nobody"
            )),
            ServerReport::Refused(code) => {
                let advice = advice(*code);
                self.fault(server, format!("{url} refuses with error {code}: {advice}"))
            }
        }
    }

    fn gave(&mut self, server: usize, text: String) -> Vec<Line> {
        self.at_fault.remove(&server);
        if self.given.len() >= GIVEN_MAX {
            self.given.clear();
        }
        match self.given.insert((server, text.clone())) {
            true => vec![Line::Info(format!("viewers are told {text}"))],
            false => vec![Line::Detail(text)],
        }
    }

    fn fault(&mut self, server: usize, text: String) -> Vec<Line> {
        match self.at_fault.insert(server) {
            true => vec![Line::Warning(text)],
            false => vec![Line::Detail(text)],
        }
    }
}

/// What to do about an error, RFC 8489 §14.8 and RFC 8656 §19.
fn advice(code: u16) -> &'static str {
    match code {
        401 => {
            "it does not know this user, password or secret; check them in --ice-server, or \
                --turn-secret"
        }
        403 => "it forbids what was asked for; check which peers and users it allows",
        437 | 438 => "it lost track of us, and is asked anew",
        440 => "it has no addresses of this family",
        441 => "another user has what we had; check that each server has credentials of its own",
        442 => "it does not relay UDP",
        486 => "this user has as many relays as it may; raise the quota",
        508 => "it has no ports left; widen its range",
        _ => "see its log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(address: &str) -> ServerReport {
        ServerReport::Mapped {
            base: "10.0.0.5:5000".parse().unwrap(),
            address: address.parse().unwrap(),
        }
    }

    #[test]
    fn an_address_is_told_once_and_again_where_it_is_another() {
        let mut told = Told::default();
        let first = told.lines(0, "stun:a", &mapped("203.0.113.7:40000"));
        let text = "viewers are told 203.0.113.7:40000 (as stun:a sees 10.0.0.5:5000)";
        assert_eq!(first, [Line::Info(text.to_string())]);
        let again = told.lines(0, "stun:a", &mapped("203.0.113.7:40000"));
        assert!(matches!(again.as_slice(), [Line::Detail(_)]), "{again:?}");
        let other = told.lines(0, "stun:a", &mapped("203.0.113.7:40001"));
        assert!(matches!(other.as_slice(), [Line::Info(_)]), "{other:?}");
    }

    #[test]
    fn a_fault_is_warned_about_once_until_it_is_over() {
        let mut told = Told::default();
        let warnings =
            |lines: Vec<Line>| lines.iter().filter(|line| matches!(line, Line::Warning(_))).count();
        assert_eq!(warnings(told.lines(1, "turn:a", &ServerReport::Refused(401))), 1);
        assert_eq!(warnings(told.lines(1, "turn:a", &ServerReport::Silent)), 0);
        assert_eq!(warnings(told.lines(2, "turn:b", &ServerReport::Silent)), 1, "another's");
        let relayed =
            ServerReport::Relayed { addresses: vec!["198.51.100.1:50000".parse().unwrap()] };
        assert!(matches!(&told.lines(1, "turn:a", &relayed)[..], [Line::Info(_)]));
        assert!(matches!(&told.lines(1, "turn:a", &ServerReport::Lost)[..], [Line::Info(_)]));
        assert!(matches!(&told.lines(1, "turn:a", &relayed)[..], [Line::Info(_)]), "anew");
        assert_eq!(warnings(told.lines(1, "turn:a", &ServerReport::Silent)), 1);
    }
}
