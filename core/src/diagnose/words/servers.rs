//! Words about STUN and TURN servers.

use super::{TELL, Words};
use crate::diagnose::{Answer, ServerFacts, Verdict};

pub(super) fn of_server(verdict: Verdict, server: Option<&ServerFacts>) -> Words {
    let url = server.map_or("URL", |server| server.url.as_str());
    let base = url.split('?').next().unwrap_or(url);
    let of = |(sentence, fix): (&str, String)| Words {
        sentence: sentence.to_owned(),
        fix,
        advice: TELL,
    };
    let words = of_silence(verdict, url, base).or_else(|| of_credentials(verdict, url, server));
    if let Some(words) = words {
        return of(words);
    }
    of(match verdict {
        Verdict::TurnPeerRefused => (
            "The relay (TURN server) refuses to relay to the viewer's address.",
            format!(
                "{url} refuses {}. If the viewer told a private address only, give viewers a STUN server: --ice-server \
                 stun:HOST:3478. Only if the relay really reaches that address, take it out of denied-peer-ip or add \
                 allowed-peer-ip=ADDRESS to coturn.conf, and restart it. Error 443: the relay has no address of that family.",
                refused(server)
            ),
        ),
        Verdict::TurnRelaysNothing => (
            "The relay (TURN server) grants a relay, but nothing comes through it.",
            format!(
                "Let UDP into the machine of {base} on its relay ports (coturn: min-port to max-port, 49152-65535 if not set), \
                 and behind a NAT give it external-ip=PUBLIC/PRIVATE."
            ),
        ),
        _ => (
            "The relay (TURN server) refuses to relay for this server.",
            format!(
                "{url} answers with {}. Read its log of that moment (journalctl -u coturn), or add another relay with a second \
                 --ice-server.",
                code(server)
            ),
        ),
    })
}

/// Servers that cannot be spoken with.
fn of_silence(verdict: Verdict, url: &str, base: &str) -> Option<(&'static str, String)> {
    Some(match verdict {
        Verdict::StunSilent => (
            "The STUN server, which would tell this server its outside address, does not answer.",
            format!(
                "Check the name and port in {url} (mostly 3478), and that UDP may leave this machine; or name another: \
                 --ice-server stun:HOST:3478. With --map no STUN server is needed."
            ),
        ),
        Verdict::TurnSilent => (
            "The relay (TURN server) does not answer.",
            format!(
                "On the machine of {base} check that the relay runs (systemctl status coturn) and that its firewall and \
                 security group let in UDP to that port; check that this machine may send UDP there. If only UDP is blocked on \
                 the way: --ice-server '{base}?transport=tcp,USER,CREDENTIAL'."
            ),
        ),
        Verdict::NameUnresolved => (
            "The name of a STUN or TURN server has no address.",
            format!(
                "Correct the name in --ice-server {url}, or this machine's name service (try: getent hosts NAME)."
            ),
        ),
        Verdict::TurnTcpOnly => (
            "The relay (TURN server) takes TCP connections, but does not answer over UDP.",
            format!(
                "On the relay allow UDP to its port and to its relay ports (coturn: 49152-65535), and remove no-udp from its \
                 configuration. Until then: --ice-server '{base}?transport=tcp,USER,CREDENTIAL', which is slower when packets \
                 are lost."
            ),
        ),
        Verdict::TurnUnreachable => (
            "No connection to the relay (TURN server) can be made.",
            format!(
                "Check host and port in {url} (coturn: TCP 3478, TLS 5349) and the relay's firewall. For turns: run `openssl \
                 s_client -connect HOST:PORT -servername HOST`, which must end in \"Verify return code: 0\"; for a CA of your \
                 own give --turn-ca FILE."
            ),
        ),
        _ => return None,
    })
}

/// Servers that do not take what we show them.
fn of_credentials(
    verdict: Verdict,
    url: &str,
    server: Option<&ServerFacts>,
) -> Option<(&'static str, String)> {
    let realm = server.and_then(|server| server.realm.as_deref()).unwrap_or("");
    let former = server.and_then(|server| server.former_realm.as_deref()).unwrap_or("");
    let asked = match realm {
        "" => String::new(),
        realm => format!(" (it asks for realm \"{realm}\")"),
    };
    let minted = server.is_some_and(|server| server.minted);
    Some(match verdict {
        Verdict::TurnWrongPassword if minted => (
            "The relay (TURN server) does not take the credentials that are made from the shared secret.",
            format!(
                "--turn-secret must be the same as static-auth-secret in the configuration of {url}, which needs \
                 use-auth-secret{asked}; and the clocks of both machines must be right (compare `date -u`)."
            ),
        ),
        Verdict::TurnWrongPassword => (
            "The relay (TURN server) does not take the user name and password.",
            format!(
                "Correct USER and CREDENTIAL in --ice-server {url},USER,CREDENTIAL{asked}; with coturn they are those of \
                 `user=USER:CREDENTIAL`, and lt-cred-mech must be on."
            ),
        ),
        Verdict::TurnCredentialsExpired => (
            "The credentials for the relay (TURN server) have expired.",
            format!(
                "The number that the user name begins with is the time at which it ended. Get new ones for --ice-server \
                 {url},USER,CREDENTIAL. With a relay of your own, leave USER,CREDENTIAL out and give --turn-secret SECRET \
                 (its static-auth-secret) instead: then they are renewed by themselves."
            ),
        ),
        Verdict::ClockSkew => (
            "The server's clock is wrong, so the relay (TURN server) refuses its credentials, which carry a time.",
            format!(
                "timedatectl set-ntp true; then `timedatectl` must say \"synchronized: yes\" (NTP is UDP 123, outwards). If this \
                 clock is right, compare that of {url} by `date -u`."
            ),
        ),
        Verdict::TurnRealmChanged => (
            "The relay (TURN server) was given another realm, in which the password is not good.",
            format!(
                "{url} took these credentials in realm \"{former}\" and asks for \"{realm}\" now. Set realm={former} in its \
                 configuration, or, for users in its database, run turnadmin -a -u USER -p CREDENTIAL -r {realm}; then restart \
                 it."
            ),
        ),
        Verdict::TurnQuota => (
            "The relay (TURN server) grants this user no more relays: its quota is used up.",
            format!(
                "Wait ten minutes, for relays of a killed server end then, or restart {url}. If it comes back, raise user-quota \
                 and total-quota in its configuration (100 and 1000, say)."
            ),
        ),
        _ => return None,
    })
}

fn refused(server: Option<&ServerFacts>) -> String {
    let peers = server.map(|server| server.peers_refused.as_slice()).unwrap_or_default();
    let peers: Vec<String> =
        peers.iter().take(4).map(|(peer, code)| format!("{peer} with error {code}")).collect();
    peers.join(", ")
}

/// The error code with its meaning, RFC 8489 §14.8 and RFC 8656 §19.
fn code(server: Option<&ServerFacts>) -> String {
    let code = match server.map(|server| &server.answer) {
        Some(Answer::Refused(code)) => *code,
        _ => return "an error".to_owned(),
    };
    let meaning = match code {
        300 => "another server should be tried",
        400 => "it does not understand the request",
        403 => "forbidden",
        437 | 438 => "it lost track of us",
        440 => "it has no addresses of this family",
        441 => "another user has what we had: give each server credentials of its own",
        442 => "it does not relay UDP",
        500 => "a fault of its own",
        508 => "it has no ports left: widen min-port to max-port",
        _ => "see its documentation",
    };
    format!("error {code} ({meaning})")
}
