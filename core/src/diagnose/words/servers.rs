//! Words about STUN and TURN servers.

use super::{TELL, Words};
use crate::diagnose::{ServerFacts, Verdict};

pub(super) fn of_server(verdict: Verdict, server: Option<&ServerFacts>) -> Words {
    let url = server.map_or("the server", |server| server.url.as_str());
    if let Some((sentence, fix)) = of_credentials(verdict, url, server) {
        return Words { sentence, fix, advice: TELL };
    }
    let (sentence, fix) = match verdict {
        Verdict::StunSilent => (
            "The STUN server, which would tell this server its outside address, does not answer."
                .to_owned(),
            format!(
                "Look whether {url} is right and its machine is up, and that no firewall keeps UDP from \
                     it; or name another with --ice-server stun:HOST:PORT. Where ports are forwarded, --map \
                     needs no STUN server at all."
            ),
        ),
        Verdict::TurnSilent => (
            "The relay (TURN server) does not answer.".to_owned(),
            format!(
                "Look whether {url} is right and its machine is up, and that its firewall lets in UDP to \
                     that port; where UDP is blocked on the way, add ?transport=tcp to its URL."
            ),
        ),
        Verdict::NameUnresolved => (
            "The name of a STUN or TURN server has no address.".to_owned(),
            format!(
                "Correct the name in --ice-server {url}, or this machine's name service (try: getent hosts NAME)."
            ),
        ),
        Verdict::TurnTcpOnly => {
            let base = url.split('?').next().unwrap_or(url);
            (
                "The relay (TURN server) answers over TCP, but not over UDP, as it is asked."
                    .to_owned(),
                format!(
                    "Write --ice-server {base}?transport=tcp,USER,CREDENTIAL; better, let UDP through to that \
                         server, because TCP delays pictures whenever a packet is lost."
                ),
            )
        }
        Verdict::TurnUnreachable => (
            "No connection to the relay (TURN server) can be made.".to_owned(),
            format!(
                "Look whether {url} is right, its machine is up and its firewall lets in TCP to that port. \
                     Over TLS its certificate must be valid for that name, or its CA be given with --turn-ca FILE."
            ),
        ),
        Verdict::TurnQuota => (
            "The relay (TURN server) grants this user no more relays: its quota is used up."
                .to_owned(),
            format!(
                "Raise user-quota and total-quota in the configuration of {url}, or end what uses them: an old server \
                     that was killed keeps its relays for ten minutes."
            ),
        ),
        Verdict::TurnPeerRefused => (
            "The relay (TURN server) refuses to relay to the viewer's address.".to_owned(),
            format!(
                "The configuration of {url} forbids that address ({}): take it out of denied-peer-ip, or add \
                     allowed-peer-ip=ADDRESS; for viewers in a private network, use a relay in that network.",
                refused(server)
            ),
        ),
        Verdict::TurnRelaysNothing => (
            "The relay (TURN server) grants a relay, but nothing comes through it.".to_owned(),
            format!(
                "Let UDP into the machine of {url} on its relay ports (coturn: min-port to max-port, 49152-65535 by \
                     default), and behind a NAT give it external-ip=PUBLIC/PRIVATE."
            ),
        ),
        _ => (
            "The relay (TURN server) refuses to relay for this server.".to_owned(),
            format!("The log of {url} says why; the error code stands in the evidence."),
        ),
    };
    Words { sentence, fix, advice: TELL }
}

fn of_credentials(
    verdict: Verdict,
    url: &str,
    server: Option<&ServerFacts>,
) -> Option<(String, String)> {
    let realm = server.and_then(|server| server.realm.as_deref()).unwrap_or("");
    let asked =
        if realm.is_empty() { String::new() } else { format!(" (it asks for realm \"{realm}\")") };
    let minted = server.is_some_and(|server| server.minted);
    Some(match verdict {
        Verdict::TurnWrongPassword if minted => (
            "The relay (TURN server) does not take the credentials that are made from the shared secret.".to_owned(),
            format!(
                "--turn-secret must be the same as static-auth-secret in the configuration of {url} (with \
                     use-auth-secret){asked}; and the clocks of both machines must be right."
            ),
        ),
        Verdict::TurnWrongPassword => (
            "The relay (TURN server) does not take the user name and password.".to_owned(),
            format!(
                "Correct USER and CREDENTIAL in --ice-server {url},USER,CREDENTIAL{asked}; with coturn \
                     they are those of `user=USER:CREDENTIAL`, and lt-cred-mech must be on."
            ),
        ),
        Verdict::TurnCredentialsExpired => (
            "The credentials for the relay (TURN server) have expired.".to_owned(),
            format!(
                "The user name begins with the time of its end, which is over. Get new ones for \
                     --ice-server {url},USER,CREDENTIAL; or give --turn-secret, from which fresh ones are made for ever."
            ),
        ),
        Verdict::ClockSkew => (
            "The clock of the server is wrong, and its relay (TURN server) therefore refuses it."
                .to_owned(),
            format!(
                "Set this machine's clock (timedatectl set-ntp true). Credentials made from --turn-secret carry \
                     a time, which {url} compares with its own."
            ),
        ),
        Verdict::TurnRealmChanged => (
            "The relay (TURN server) was given another realm, in which the password is not good.".to_owned(),
            format!(
                "It took these credentials in realm \"{}\" and asks for realm \"{realm}\" now. Set realm= in its \
                     configuration back, or make the user anew for the new one (turnadmin -a -u USER -p CREDENTIAL -r {realm}).",
                server.and_then(|server| server.former_realm.as_deref()).unwrap_or("")
            ),
        ),
        _ => return None,
    })
}

fn refused(server: Option<&ServerFacts>) -> String {
    let peers = server.map(|server| server.peers_refused.as_slice()).unwrap_or_default();
    let peers: Vec<String> =
        peers.iter().take(4).map(|(peer, code)| format!("{peer}, error {code}")).collect();
    peers.join("; ")
}
