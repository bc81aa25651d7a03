//! Tells the operator what STUN and TURN servers say: which addresses they give, and what is wrong
//! with those that give none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pinhole_core::diagnose::{Diagnosis, examine_server};
use pinhole_core::gather::{ServerKind, ServerReport, TurnTransport};
use pinhole_runtime::Handle;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::findings::{FindingsDesk, opens_tcp};
use crate::gather_servers::GatherServers;
use crate::ice_url::IceUrl;
use crate::verdicts;

/// Addresses that are remembered as told; beyond, they are forgotten and told once more.
const GIVEN_MAX: usize = 1024;
/// How long a TURN server that is silent over UDP may take to accept a TCP connection.
const PROBE_TIME: Duration = Duration::from_secs(2);
/// How often one server is tried so, at most.
const PROBE_EVERY: Duration = Duration::from_secs(60);

/// One server.
#[derive(Debug, Clone)]
pub(super) struct Server {
    url: String,
    /// Where to try TCP when UDP is silent: TURN over UDP. A STUN server is of no use over TCP.
    tcp: Option<(String, u16)>,
}

/// The servers by their place.
pub(super) fn list(servers: &GatherServers) -> Vec<Server> {
    let server = |(url, config): (&String, &pinhole_core::gather::ServerConfig)| {
        let is_turn_udp =
            matches!(config.kind, ServerKind::Turn { transport: TurnTransport::Udp, .. });
        let address = IceUrl::parse(url).ok().map(|url| (url.host, url.port));
        Server { url: url.clone(), tcp: address.filter(|_| is_turn_udp) }
    };
    servers.urls.iter().zip(&servers.servers).map(server).collect()
}

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

/// Hears the servers until the event loop ends.
pub(super) async fn watch(handle: Handle, desk: Arc<FindingsDesk>, servers: Vec<Server>) {
    let mut told = Told::default();
    let mut probed = BTreeMap::new();
    while let Some((place, report)) = handle.server_report().await {
        let Some(server) = servers.get(place) else { continue };
        let mut probe = None;
        match report {
            ServerReport::Silent => {
                let now = Instant::now();
                let due = probed.get(&place).is_none_or(|at| now >= *at + PROBE_EVERY);
                if let Some(address) = server.tcp.clone().filter(|_| due) {
                    probed.insert(place, now);
                    probe = Some(address);
                }
            }
            _ if probed.remove(&place).is_some() => {
                desk.note(|known| opens_tcp(known, place, None)).await;
            }
            _ => {}
        }
        let mut warning = None;
        for line in told.lines(place, &server.url, &report) {
            match line {
                Line::Info(text) => tracing::info!("{text}"),
                Line::Warning(text) => warning = Some(text),
                Line::Detail(text) => tracing::debug!("{text}"),
            }
        }
        if probe.is_some() || warning.is_some() {
            let (handle, desk, url) = (handle.clone(), desk.clone(), server.url.clone());
            tokio::spawn(async move {
                if let Some(address) = probe {
                    let opens = takes_tcp(address).await;
                    desk.note(|known| opens_tcp(known, place, Some(opens))).await;
                }
                let Some(text) = warning else { return };
                match verdict(&handle, place).await {
                    Some(diagnosis) => {
                        tracing::warn!("{}", verdicts::line(&url, &diagnosis));
                    }
                    None => tracing::warn!("{text}"),
                }
            });
        }
    }
}

/// Whether somebody accepts a TCP connection there.
async fn takes_tcp(address: (String, u16)) -> bool {
    matches!(timeout(PROBE_TIME, TcpStream::connect(address)).await, Ok(Ok(_)))
}

/// What is wrong with a server, in the words that a session would fail with.
async fn verdict(handle: &Handle, place: usize) -> Option<Diagnosis> {
    examine_server(&handle.surroundings().await.ok()?, place)
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
