//! Verdicts in words: what is wrong, and what to do about it.
//!
//! Written for people who have never heard of WebRTC. A sentence names no address of ours; what to
//! do names every flag, port and rule exactly.

use super::{
    Cause, Diagnosis, PortFacts, Proof, ServerFacts, SessionFacts, Severity, Surroundings, Verdict,
    evidence, ports,
};
use crate::gather::{Audience, CandidateKind};

/// What the viewer can do where the fault is none of its own.
const TELL: &str = "Tell whoever runs this server; it has the details.";

/// What is wrong, what whoever runs the server can do, what the viewer can do.
struct Words {
    sentence: String,
    fix: String,
    advice: &'static str,
}

/// Puts a cause into words.
pub(super) fn put(
    cause: Cause,
    severity: Severity,
    surroundings: &Surroundings,
    session: Option<&SessionFacts>,
) -> Diagnosis {
    let Words { sentence, fix, advice } = match (cause.server, cause.port) {
        (Some(server), _) => of_server(cause.verdict, surroundings.servers.get(server)),
        (_, port) if is_of_port(cause.verdict) => {
            let port = port.and_then(|port| surroundings.ports.get(port));
            of_port(cause.verdict, port, surroundings)
        }
        _ => of_path(cause.verdict, surroundings),
    };
    Diagnosis {
        verdict: cause.verdict,
        severity,
        sentence,
        fix,
        advice: advice.to_owned(),
        evidence: evidence::lines(surroundings, session),
    }
}

fn is_of_port(verdict: Verdict) -> bool {
    use Verdict::{ForwardMissing, ForwardToAnotherHost, ForwardToAnotherPort, MapShifted};
    matches!(verdict, ForwardMissing | ForwardToAnotherHost | ForwardToAnotherPort | MapShifted)
}

fn of_port(verdict: Verdict, port: Option<&PortFacts>, surroundings: &Surroundings) -> Words {
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

fn of_server(verdict: Verdict, server: Option<&ServerFacts>) -> Words {
    let url = server.map_or("the server", |server| server.url.as_str());
    let realm = server.and_then(|server| server.realm.as_deref()).unwrap_or("");
    let asked =
        if realm.is_empty() { String::new() } else { format!(" (it asks for realm \"{realm}\")") };
    let minted = server.is_some_and(|server| server.minted);
    let (sentence, fix) = match verdict {
        Verdict::StunSilent => (
            format!("The STUN server {url}, which would tell the server its outside address, does not answer."),
            format!("Look whether {url} is right and its machine is up, and that no firewall keeps UDP from \
                     it; or name another with --ice-server stun:HOST:PORT. Where ports are forwarded, --map \
                     needs no STUN server at all."),
        ),
        Verdict::TurnSilent => (
            format!("The relay (TURN server) {url} does not answer."),
            format!("Look whether {url} is right and its machine is up, and that its firewall lets in UDP to \
                     that port; where UDP is blocked on the way, add ?transport=tcp to its URL."),
        ),
        Verdict::NameUnresolved => (
            format!("The name in {url} has no address."),
            format!("Correct the name in --ice-server {url}, or this machine's name service (try: getent hosts NAME)."),
        ),
        Verdict::TurnTcpOnly => {
            let base = url.split('?').next().unwrap_or(url);
            (
                format!("The relay (TURN server) {url} answers over TCP, but not over UDP, as it is asked."),
                format!("Write --ice-server {base}?transport=tcp,USER,CREDENTIAL; better, let UDP through to that \
                         server, because TCP delays pictures whenever a packet is lost."),
            )
        }
        Verdict::TurnUnreachable => (
            format!("No connection to the relay (TURN server) {url} can be made."),
            format!("Look whether {url} is right, its machine is up and its firewall lets in TCP to that port. \
                     Over TLS its certificate must be valid for that name, or its CA be given with --turn-ca FILE."),
        ),
        Verdict::TurnWrongPassword if minted => (
            format!("The relay (TURN server) {url} does not take the credentials that are made from the shared secret."),
            format!("--turn-secret must be the same as static-auth-secret in the relay's configuration (with \
                     use-auth-secret){asked}; and the clocks of both machines must be right."),
        ),
        Verdict::TurnWrongPassword => (
            format!("The relay (TURN server) {url} does not take the user name and password."),
            format!("Correct USER and CREDENTIAL in --ice-server {url},USER,CREDENTIAL{asked}; with coturn \
                     they are those of `user=USER:CREDENTIAL`, and lt-cred-mech must be on."),
        ),
        Verdict::TurnCredentialsExpired => (
            format!("The credentials for the relay (TURN server) {url} have expired."),
            format!("The user name begins with the time of its end, which is over. Get new ones for \
                     --ice-server {url},USER,CREDENTIAL; or give --turn-secret, from which fresh ones are made for ever."),
        ),
        Verdict::ClockSkew => (
            "The clock of the server is wrong, and its relay (TURN server) therefore refuses it.".to_owned(),
            format!("Set this machine's clock (timedatectl set-ntp true). Credentials made from --turn-secret carry \
                     a time, which {url} compares with its own."),
        ),
        Verdict::TurnRealmChanged => (
            format!("The relay (TURN server) {url} was given another realm, in which the password is not good."),
            format!("It took these credentials in realm \"{}\" and asks for realm \"{realm}\" now. Set realm= in its \
                     configuration back, or make the user anew for the new one (turnadmin -a -u USER -p CREDENTIAL -r {realm}).",
                    server.and_then(|server| server.former_realm.as_deref()).unwrap_or("")),
        ),
        Verdict::TurnQuota => (
            format!("The relay (TURN server) {url} grants this user no more relays: its quota is used up."),
            "Raise user-quota and total-quota in the relay's configuration, or end what uses them: an old \
             server that was killed keeps its relays for ten minutes.".to_owned(),
        ),
        Verdict::TurnPeerRefused => (
            format!("The relay (TURN server) {url} refuses to relay to the viewer's address."),
            format!("Its configuration forbids that address ({}): take it out of denied-peer-ip, or add \
                     allowed-peer-ip=ADDRESS; for viewers in a private network, use a relay in that network.",
                    refused(server)),
        ),
        Verdict::TurnRelaysNothing => (
            format!("The relay (TURN server) {url} grants a relay, but nothing comes through it."),
            "Let UDP into the relay's machine on its relay ports (coturn: min-port to max-port, 49152-65535 by \
             default), and behind a NAT give it external-ip=PUBLIC/PRIVATE.".to_owned(),
        ),
        _ => (
            format!("The relay (TURN server) {url} refuses to relay for this server."),
            "Its log says why; the error code stands in the evidence.".to_owned(),
        ),
    };
    Words { sentence, fix, advice: TELL }
}

fn refused(server: Option<&ServerFacts>) -> String {
    let peers = server.map(|server| server.peers_refused.as_slice()).unwrap_or_default();
    let peers: Vec<String> =
        peers.iter().take(4).map(|(peer, code)| format!("{peer}, error {code}")).collect();
    peers.join("; ")
}

fn of_path(verdict: Verdict, surroundings: &Surroundings) -> Words {
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
        Verdict::NoH264 => (
            "The viewer's browser offers no H.264 video that this server sends.",
            "Viewers need a browser with H.264: Chrome, Edge, Safari, or Firefox with its OpenH264 plug-in; on Linux \
             the distribution's Chromium may come without it.".to_owned(),
            "Use a browser with H.264 video: Chrome, Edge, Safari or Firefox (in Firefox, look under about:addons, Plugins, \
             whether OpenH264 is enabled).",
        ),
        Verdict::NeverBegan => (
            "The viewer's browser was given the answer, and never began to connect.",
            "The page must hand the answer to setRemoteDescription before the peer connection is closed; look into the \
             browser's console for an error.".to_owned(),
            "Reload the page.",
        ),
        Verdict::GaveUp => (
            "The viewer left before a connection stood.",
            "Nothing is wrong if this is rare.".to_owned(),
            "",
        ),
        Verdict::CertificateMismatch => (
            "Something between the viewer and the server has altered their agreement: the certificate is not the one it names.",
            "A proxy or program on the signalling path rewrites SDP, or answers of two sessions are mixed up: a=fingerprint \
             and a=ice-* must pass untouched (what may be rewritten: `pinhole rewrite-sdp`). Use HTTPS or WSS end to end.".to_owned(),
            "Leave proxies and VPNs that inspect traffic, or tell whoever runs this server.",
        ),
        Verdict::StaleAnswer => (
            "The viewer uses an answer that is not the one this server gave it.",
            "The answer of an older offer, or of another viewer, is handed to the browser, or ice-pwd is altered on the way: \
             each offer needs its own answer.".to_owned(),
            "Reload the page.",
        ),
        Verdict::MtuBlackHole => (
            "Small packets get through and large ones do not, so there is no picture.",
            "Somewhere on the path (a VPN, PPPoE, a tunnel) the MTU is too small, and the messages that would say so are \
             blocked: lower the MTU of the VPN's interface on both of its ends (ip link set dev wg0 mtu 1280), let ICMP \
             through, and see that UDP datagrams of 1250 bytes pass (ping -M do -s 1222 HOST).".to_owned(),
            "Leave the VPN, or lower its MTU to 1280.",
        ),
        Verdict::DtlsBlocked => (
            "Viewer and server reach one another, but the encryption between them does not come about.",
            "A firewall on the way may inspect and drop DTLS: allow it, or offer a relay over TLS (--ice-server \
             turns:HOST:443,USER,CREDENTIAL).".to_owned(),
            "Try another network.",
        ),
        Verdict::EncoderStalled => (
            "The server makes no pictures at the moment: its encoder, or what feeds it, stands still.",
            "Look at the source first (does it still write frames?), then at the log for the encoder; a GPU that hangs \
             shows in dmesg.".to_owned(),
            "The connection is fine; wait, or tell whoever runs this server.",
        ),
        Verdict::PacketsLost => (
            "Many packets are lost on the way to the viewer, so the picture breaks or freezes.",
            "Lower --bitrate below what the path carries; on the way, look for a saturated uplink, Wi-Fi, or a traffic policer."
                .to_owned(),
            "Use a cable instead of Wi-Fi, or end downloads on this network.",
        ),
        Verdict::PathCut => (
            "The path to the viewer was good and then was cut, while the viewer is still there.",
            "A firewall or NAT on the way drops long-lived UDP: look for session limits or UDP timeouts (30 s and more) on \
             both sides, and for an interface or route that went away. A relay over TLS (--ice-server \
             turns:HOST:443,USER,CREDENTIAL) gets through such firewalls.".to_owned(),
            "Reload the page; if it happens each time after the same while, try another network.",
        ),
        Verdict::ViewerMoves => (
            "The viewer's address changes while it watches; each change costs a moment of picture.",
            "A VPN, a mobile network or a router with several uplinks on the viewer's side does this. Nothing need be done \
             here; a relay over TLS (--ice-server turns:HOST:443,USER,CREDENTIAL) suffers as well.".to_owned(),
            "Leave the VPN or stay on one network, if the picture halts too often.",
        ),
        Verdict::ViewerGone => (
            "The viewer is gone: it fell silent by every way at once.",
            "Most likely a closed lid, a lost network or a killed browser; nothing need be done here.".to_owned(),
            "",
        ),
        _ => (
            "It does not work, and nothing that is known explains it.",
            "Please report it, with the evidence and a recording (--record FILE).".to_owned(),
            TELL,
        ),
    };
    Words { sentence: sentence.to_owned(), fix, advice }
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
