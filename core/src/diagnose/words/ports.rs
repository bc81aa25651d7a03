//! Words about mapped ports.

use std::net::SocketAddr;

use super::{TELL, Words};
use crate::diagnose::{PortFacts, Proof, Surroundings, Verdict, Witness, ports};

pub(super) fn of_port(
    verdict: Verdict,
    port: Option<&PortFacts>,
    surroundings: &Surroundings,
) -> Words {
    let (external, internal) = addresses(port);
    let outside = number(port);
    let rule = format!("On the router, forward UDP {external} to {internal}");
    let (sentence, fix) = match verdict {
        Verdict::MapShifted => shifted(port, surroundings),
        Verdict::ForwardToAnotherPort => {
            let at = match port.map(|port| port.proof) {
                Some(Proof::AtPort(at)) => format!("port {at} of this machine"),
                _ => "a port of this machine where nothing listens".to_owned(),
            };
            (
                format!("The router forwards port{outside} to the wrong port of the server."),
                format!(
                    "What is sent to {external} arrives at {at}. {rule}, and keep --udp-ports {}, so that the port stays.",
                    port.map_or(0, |port| port.internal.port())
                ),
            )
        }
        Verdict::ForwardToAnotherHost => (
            format!(
                "What is sent to port{outside} of the router is refused by the router or by another machine than the server."
            ),
            format!(
                "{rule}; look at the address in that rule first. If the rule is right, this machine's own firewall may reject \
                 it: ufw allow {}/udp.",
                port.map_or(0, |port| port.internal.port())
            ),
        ),
        _ => (
            format!(
                "Nothing that is sent to port{outside} of the router arrives at the server: a rule \
                 on the router is missing, or a firewall stands behind it."
            ),
            format!(
                "{rule} (port forwarding, \"virtual server\", or a cloud's security group), and let it into this machine's own \
                 firewall (ufw allow {}/udp). If the router's own outside address is private or 100.64-100.127.x.x, no rule \
                 helps: use a relay. {}",
                port.map_or_else(|| "PORT".to_owned(), |port| port.internal.port().to_string()),
                proof_of(port)
            ),
        ),
    };
    Words { sentence, fix, advice: TELL }
}

/// The map is off by a constant.
fn shifted(port: Option<&PortFacts>, surroundings: &Surroundings) -> (String, String) {
    let (external, internal) = addresses(port);
    let outside = number(port);

    let by = ports::shift(&surroundings.ports).unwrap_or_default();
    let fitting = port.and_then(|port| fitting(port, by));
    let at = match port.map(|port| port.proof) {
        Some(Proof::AtPort(at)) => at.to_string(),
        _ => "another port".to_owned(),
    };
    let side = if by < 0 { "low" } else { "high" };
    let far = match by.abs() {
        1 => "one port too".to_owned(),
        many => format!("{many} ports too"),
    };
    let all = if surroundings.ports.len() > 1 {
        " (and all ports of the range by the same number)"
    } else {
        ""
    };
    (
        format!(
            "--map and the router's rule do not agree: what is sent to port{outside} arrives {far} {side}."
        ),
        format!(
            "What is sent to {external} arrives at local port {at}. Write --map {}{all}, or change the router's rule so \
                     that {external} leads to {internal}.",
            fitting.unwrap_or_else(|| format!("{at}/udp={external}"))
        ),
    )
}

fn addresses(port: Option<&PortFacts>) -> (String, String) {
    match port {
        Some(port) => (port.external.to_string(), port.internal.to_string()),
        None => ("the outside port".to_owned(), "this machine".to_owned()),
    }
}

/// The outside port's number, to follow a word.
fn number(port: Option<&PortFacts>) -> String {
    port.map_or_else(String::new, |port| format!(" {}", port.external.port()))
}

/// The entry of --map under which what the router does is right, for the port that is bound.
fn fitting(port: &PortFacts, by: i32) -> Option<String> {
    let outside = i32::from(port.external.port()) - by;
    let outside = u16::try_from(outside).ok().filter(|port| *port != 0)?;
    let external = SocketAddr::new(port.external.ip(), outside);
    Some(format!("{}/udp={external}", port.internal.port()))
}

/// How to see that it is mended.
fn proof_of(port: Option<&PortFacts>) -> &'static str {
    match port.map(|port| port.witness) {
        Some(Witness::Reflector | Witness::Relay) => {
            "Then run `pinhole doctor` with the same flags again."
        }
        _ => {
            "To prove it from outside, run `pinhole reflect` on any public machine and here `pinhole doctor` \
             with the same flags and --reflector HOST:4780."
        }
    }
}
