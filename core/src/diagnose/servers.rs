//! What is wrong with a STUN or TURN server.

use std::collections::BTreeSet;

use super::{Answer, Cause, ServerFacts, Surroundings, Verdict};
use crate::gather::TurnTransport;

/// A clock further off than this spoils credentials that carry a time.
const CLOCK_OFF_MAX: i64 = 300;

/// RFC 8489 §14.8, RFC 8656 §19.
const UNAUTHORIZED: u16 = 401;
const QUOTA: u16 = 486;

/// What is wrong with one server. `None`: nothing, or it has not been heard yet.
pub(super) fn judge(surroundings: &Surroundings, place: usize) -> Option<Cause> {
    let server = surroundings.servers.get(place)?;
    let verdict = match (&server.answer, server.relay) {
        (Answer::Pending | Answer::Mapped(_) | Answer::Lost, _) => return None,
        (Answer::Relayed(_), _) if server.echo == Some(false) => Verdict::TurnRelaysNothing,
        (Answer::Relayed(_), _) => return None,
        (Answer::Unresolved, _) => Verdict::NameUnresolved,
        (Answer::Silent, None) => Verdict::StunSilent,
        (Answer::Refused(_), None) => Verdict::StunSilent,
        (Answer::Silent, Some(_)) if server.opens_tcp == Some(true) => Verdict::TurnTcpOnly,
        (Answer::Silent, Some(TurnTransport::Udp)) => Verdict::TurnSilent,
        (Answer::Silent | Answer::Unreachable(_), _) => Verdict::TurnUnreachable,
        (Answer::Refused(UNAUTHORIZED), Some(_)) => unauthorized(surroundings, server),
        (Answer::Refused(QUOTA), Some(_)) => Verdict::TurnQuota,
        (Answer::Refused(_), Some(_)) => Verdict::TurnRefused,
    };
    Some(Cause::server(verdict, place))
}

fn unauthorized(surroundings: &Surroundings, server: &ServerFacts) -> Verdict {
    let off = surroundings.clock.as_ref().map_or(0, |clock| clock.seconds.abs());
    let is_over =
        server.expires_unix.zip(surroundings.unix_seconds).is_some_and(|(e, now)| e <= now);
    if is_over {
        Verdict::TurnCredentialsExpired
    } else if (server.minted || server.expires_unix.is_some()) && off > CLOCK_OFF_MAX {
        Verdict::ClockSkew
    } else if server.former_realm.is_some() {
        Verdict::TurnRealmChanged
    } else {
        Verdict::TurnWrongPassword
    }
}

/// Whether our own side lets no UDP through: every server asked over UDP is silent, and something
/// shows that not all of them are dead.
pub(super) fn is_udp_blocked(surroundings: &Surroundings) -> bool {
    let servers = &surroundings.servers;
    let over_udp = |server: &&ServerFacts| matches!(server.relay, None | Some(TurnTransport::Udp));
    let mut asked = servers.iter().filter(over_udp).peekable();
    let all_silent = asked.peek().is_some() && asked.all(|server| server.answer == Answer::Silent);
    let hosts: BTreeSet<&str> =
        servers.iter().filter(over_udp).map(|server| host(&server.url)).collect();
    let tcp_works = servers.iter().any(|server| {
        matches!(server.relay, Some(TurnTransport::Tcp | TurnTransport::Tls))
            && matches!(server.answer, Answer::Relayed(_) | Answer::Refused(_))
    });
    let proved = super::ports::any_proved(surroundings);
    all_silent && !proved && (tcp_works || hosts.len() > 1)
}

/// Whether some server relays for us.
pub(super) fn has_relay(surroundings: &Surroundings) -> bool {
    surroundings
        .servers
        .iter()
        .any(|server| matches!(server.answer, Answer::Relayed(_)) && server.echo != Some(false))
}

/// The first fault of a server that is asked to relay, or of one that only mirrors.
pub(super) fn fault(surroundings: &Surroundings, relays: bool) -> Option<Cause> {
    let servers = surroundings.servers.iter().enumerate();
    let mut asked = servers.filter(|(_, server)| server.relay.is_some() == relays);
    asked.find_map(|(place, _)| judge(surroundings, place))
}

/// The host of a URL: what stands between the scheme and the port.
fn host(url: &str) -> &str {
    let rest = url.split_once(':').map_or(url, |(_, rest)| rest);
    let rest = rest.split('?').next().unwrap_or(rest);
    match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => rest.split(':').next().unwrap_or(rest),
    }
}
