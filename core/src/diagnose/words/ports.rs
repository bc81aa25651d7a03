//! Words about mapped ports.

use super::{TELL, Words};
use crate::diagnose::{PortFacts, Proof, Surroundings, Verdict, ports};

pub(super) fn of_port(
    verdict: Verdict,
    port: Option<&PortFacts>,
    surroundings: &Surroundings,
) -> Words {
    let (external, internal) = match port {
        Some(port) => (port.external.to_string(), port.internal.to_string()),
        None => ("the outside port".to_owned(), "this machine".to_owned()),
    };
    let outside = port.map_or_else(String::new, |port| format!(" {}", port.external.port()));
    let rule = format!("On the router, forward UDP {external} to {internal}");
    let (sentence, fix) = match verdict {
        Verdict::MapShifted => {
            let by = ports::shift(&surroundings.ports).unwrap_or_default();
            let at = match port.map(|port| port.proof) {
                Some(Proof::AtPort(at)) => at.to_string(),
                _ => "another port".to_owned(),
            };
            (
                format!(
                    "The port numbers in --map do not fit the router's: what is sent to port\
                     {outside} arrives {by:+} beside where it should."
                ),
                format!(
                    "What is sent to {external} arrives at local port {at}. Either write --map {at}/udp={external} \
                     (and bind that port with --udp-ports {at}), or change the router's rule so that {external} \
                     leads to {internal}."
                ),
            )
        }
        Verdict::ForwardToAnotherPort => {
            let at = match port.map(|port| port.proof) {
                Some(Proof::AtPort(at)) => format!("port {at} of this machine"),
                _ => "a port of this machine where nothing listens".to_owned(),
            };
            (
                format!("The router forwards port{outside} to the wrong port of the server."),
                format!("What is sent to {external} arrives at {at}. {rule}."),
            )
        }
        Verdict::ForwardToAnotherHost => (
            format!("The router forwards port{outside} to another machine than the server."),
            format!(
                "What is sent to {external} is refused, and does not come to this machine. {rule}; \
                 look at the address in that rule first."
            ),
        ),
        _ => (
            format!(
                "Nothing that is sent to port{outside} of the router arrives at the server: a rule \
                 on the router is missing, or a firewall stands behind it."
            ),
            format!(
                "{rule} (port forwarding, \"virtual server\", or a cloud's security group), and let \
                 UDP {} into this machine's own firewall. Then run `pinhole doctor` with the same \
                 flags and --reflector to prove it from outside.",
                port.map_or_else(|| "in".to_owned(), |port| port.internal.port().to_string())
            ),
        ),
    };
    Words { sentence, fix, advice: TELL }
}
