//! Words about firewalls, NATs and tunnels.

use super::{TELL, Words};
use crate::diagnose::{Surroundings, Verdict};
use crate::gather::{Audience, CandidateKind};

pub(super) fn words(verdict: Verdict, surroundings: &Surroundings) -> Option<Words> {
    let (sentence, fix, advice): (&str, String, &'static str) = match verdict {
        Verdict::PrivateCandidatesOnly => (
            "The server tells viewers only addresses of its own private network, which nobody outside can reach.",
            private_fix(surroundings),
            "From outside the server's network there is no way in yet; tell whoever runs it.",
        ),
        Verdict::UdpBlockedHere => (
            "A firewall at the server lets no UDP in or out.",
            format!("Let UDP through this machine's firewall (ufw allow {0}/udp; firewall-cmd --add-port={0}/udp) and \
                     through the cloud's security group, in and out. Where that is impossible, give a relay over TCP: \
                     --ice-server turns:HOST:443,USER,CREDENTIAL, or let viewers come over TCP (--tcp-port).", udp_port(surroundings)),
            TELL,
        ),
        Verdict::UdpBlockedThere => (
            "The network of the viewer seems to let no UDP out.",
            "Give those viewers a way over TCP: --ice-server turns:HOST:443,USER,CREDENTIAL (a TURN server with TLS on \
             port 443), or --tcp-port with that port reachable from outside (--map PORT/tcp=HOST:PORT).".to_owned(),
            "Try another network (a phone's, say) or leave the VPN; or ask for UDP to be allowed.",
        ),
        Verdict::SymmetricNats => (
            "The routers on both sides pick ports that the other side cannot foresee, and there is no relay to help.",
            "Forward a port and say so with --map LOCAL/udp=PUBLIC:PORT; or give a relay: --ice-server \
             turn:HOST:3478,USER,CREDENTIAL.".to_owned(),
            "Another network may work (not a mobile one); else tell whoever runs this server.",
        ),
        Verdict::NoRelay => (
            "Only relays are allowed, and the server has none.",
            "Add one with --ice-server turn:HOST:3478,USER,CREDENTIAL, or allow other paths with --ice-policy all."
                .to_owned(),
            TELL,
        ),
        Verdict::Tunnel => (
            "Pictures reach the server's network through a tunnel that carries UDP inside TCP, so one lost packet delays all.",
            "Forward the UDP port itself instead of tunnelling it (frp: a kernel WireGuard or a plain port forward in \
             its place), or lower --bitrate so that the tunnel never queues.".to_owned(),
            "",
        ),
        Verdict::OverTcp => (
            "The picture comes over TCP, because UDP does not get through: it will stutter where packets are lost.",
            "Let UDP through to the TURN server or to the mapped port; TCP is the last resort.".to_owned(),
            "Another network may let UDP through and look smoother.",
        ),
        _ => return None,
    };
    Some(Words { sentence: sentence.to_owned(), fix, advice })
}

/// The flag that tells viewers an outside address.
fn private_fix(surroundings: &Surroundings) -> String {
    let ours = surroundings.candidates.iter().find(|told| told.kind == CandidateKind::Host);
    let port = ours.map_or(10111, |told| told.base.port());
    let audience = match surroundings.audience {
        Audience::Lan if !surroundings.map.is_empty() => " --advertise both",
        _ => "",
    };
    format!(
        "Forward a UDP port on the router to this machine, and say so: --udp-ports {port} --map \
         {port}/udp=PUBLIC_ADDRESS:PORT{audience} (or --public-ip PUBLIC_ADDRESS where the numbers are the same); or \
         give servers that help: --ice-server stun:HOST:PORT and --ice-server turn:HOST:PORT,USER,CREDENTIAL."
    )
}

fn udp_port(surroundings: &Surroundings) -> String {
    let ours = surroundings.candidates.iter().find(|told| !told.base.ip().is_loopback());
    ours.map_or_else(|| "PORT".to_owned(), |told| told.base.port().to_string())
}
