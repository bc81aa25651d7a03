//! Words about firewalls, NATs and tunnels.

use super::{TELL, Words};
use crate::diagnose::{Surroundings, Verdict};
use crate::gather::{Audience, CandidateKind};

pub(super) fn words(verdict: Verdict, surroundings: &Surroundings) -> Option<Words> {
    let port = udp_port(surroundings);
    let (sentence, fix, advice): (&str, String, &'static str) = match verdict {
        Verdict::PrivateCandidatesOnly => (
            "The server tells viewers only addresses of its own private network, which nobody outside can reach.",
            forward(surroundings),
            "From outside the server's network there is no way in yet; tell whoever runs it.",
        ),
        Verdict::UdpBlockedHere => (
            "A firewall at the server lets no UDP in or out.",
            format!(
                "Keep one port (--udp-ports {port}) and open it: ufw allow {port}/udp, or firewall-cmd --permanent \
                 --add-port={port}/udp and firewall-cmd --reload; in a cloud's security group allow UDP {port} in, and all \
                 UDP out. If UDP is impossible here: --ice-server turns:HOST:443,USER,CREDENTIAL, or --tcp-port 8443 \
                 --map 8443/tcp=PUBLIC_ADDRESS:8443 with that TCP port forwarded."
            ),
            TELL,
        ),
        Verdict::UdpBlockedThere => (
            "The network of the viewer seems to let no UDP out.",
            "Offer a way over TCP: on the router forward TCP 443 to port 8443 of this machine and start with --tcp-port \
             8443 --map 8443/tcp=PUBLIC_ADDRESS:443; or add a relay with TLS: --ice-server \
             turns:HOST:443,USER,CREDENTIAL.".to_owned(),
            "Try another network (a phone's, say) or leave the VPN; or ask for UDP to be allowed.",
        ),
        Verdict::SymmetricNats => (
            "The routers between viewer and server choose ports that nobody can foresee, and there is no relay to help.",
            forward(surroundings),
            "Another network may work (not a mobile one); else tell whoever runs this server.",
        ),
        Verdict::NoRelay => (
            "Only relays are allowed, and the server has none.",
            "Add one with --ice-server turn:HOST:3478,USER,CREDENTIAL (and --ice-for must not be browsers), or allow other \
             paths with --ice-policy all: viewers then learn addresses of this machine.".to_owned(),
            TELL,
        ),
        Verdict::Tunnel => (
            "Pictures reach the server's network through a tunnel that carries UDP inside TCP, so one lost packet delays all.",
            "Replace the tunnel (frp and the like) by WireGuard and a UDP port forward on the public machine; until then \
             set --bitrate to half of what the tunnel carries.".to_owned(),
            "",
        ),
        Verdict::OverTcp => (
            "The picture comes over TCP, so it stutters whenever a packet is lost.",
            format!(
                "Offer a way over UDP too: forward a UDP port (--udp-ports {port} --map \
                 {port}/udp=PUBLIC_ADDRESS:PUBLIC_PORT), or open UDP 3478 and the relay ports (coturn: 49152-65535) of the \
                 relay and name it as --ice-server turn:HOST:3478,USER,CREDENTIAL. If the viewer's own network blocks UDP, \
                 nothing can be done here."
            ),
            "Another network may let UDP through and look smoother.",
        ),
        _ => return None,
    };
    Some(Words { sentence: sentence.to_owned(), fix, advice })
}

/// How to forward a port and say so, or what helps without.
fn forward(surroundings: &Surroundings) -> String {
    let port = udp_port(surroundings);
    let audience = match surroundings.audience {
        Audience::Lan if !surroundings.map.is_empty() => " --advertise both",
        _ => "",
    };
    format!(
        "On the router, forward UDP PUBLIC_PORT (any number) to port {port} of this machine, and start with --udp-ports {port} \
         --map {port}/udp=PUBLIC_ADDRESS:PUBLIC_PORT{audience}. If nothing can be forwarded, add a relay: --ice-server \
         turn:HOST:3478,USER,CREDENTIAL."
    )
}

/// The port that viewers should come to.
fn udp_port(surroundings: &Surroundings) -> u16 {
    let is_ours = |kind| kind != CandidateKind::Relayed(crate::gather::TurnTransport::Udp);
    let mut told = surroundings.candidates.iter().filter(|told| is_ours(told.kind));
    let ours = told.find(|told| !told.base.ip().is_loopback());
    ours.map_or(10111, |told| told.base.port())
}
