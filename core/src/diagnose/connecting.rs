//! Why a session does not connect.

use std::net::SocketAddr;
use std::time::Duration;

use super::servers::{self, has_relay};
use super::{
    Answer, Cause, Dtls, Proof, SessionFacts, Stage, Surroundings, Verdict, ViewerCandidate,
    reachability,
};
use crate::gather::{CandidateKind, Paths, is_public};
use crate::session::CloseCause;

/// A connection that takes longer than this suffers from something.
const PATIENCE: Duration = Duration::from_secs(5);
/// "The host is not reached": the code of browsers' icecandidateerror for a silent server.
const NOT_REACHED: u16 = 701;

/// Why there is no connection. `None`: it is too early to tell.
pub(super) fn judge(surroundings: &Surroundings, session: &SessionFacts) -> Option<Cause> {
    let wrong = session.dtls == Dtls::WrongCertificate || session.sdp_altered;
    if wrong {
        return Some(Cause::of(Verdict::CertificateMismatch));
    }
    let is_final = session.is_given_up() || session.stage == Stage::Ended(CloseCause::Failed);
    let gave_up = matches!(session.stage, Stage::Ended(CloseCause::Local | CloseCause::Remote));
    if session.age < PATIENCE && !is_final {
        return gave_up.then_some(Cause::of(Verdict::GaveUp));
    }
    Some(match (session.checks.came() > 0, session.checks.answered > 0) {
        (true, true) if is_final => Cause::of(Verdict::DtlsBlocked),
        // ICE has a path, and still there is no connection.
        (true, true) => Cause::of(Verdict::MtuBlackHole),
        (true, false) => one_way(surroundings, session),
        (false, true) => Cause::of(silent_within_reach(session)),
        (false, false) => nothing_came(surroundings, session),
    })
}

/// The viewer answers our checks, so the way is open both ways, and no check of its own is good.
fn silent_within_reach(session: &SessionFacts) -> Verdict {
    if session.checks.forged > 0 { Verdict::StaleAnswer } else { Verdict::NeverBegan }
}

/// The viewer's checks come, and nothing of ours is answered.
fn one_way(surroundings: &Surroundings, session: &SessionFacts) -> Cause {
    peer_refused(surroundings, session).unwrap_or(Cause::of(Verdict::UdpBlockedHere))
}

fn nothing_came(surroundings: &Surroundings, session: &SessionFacts) -> Cause {
    let surroundings = &impatient(surroundings);
    if session.checks.forged > 0 {
        return Cause::of(Verdict::StaleAnswer);
    }
    if session.browser.as_ref().is_some_and(|report| report.ice == "new") {
        return Cause::of(Verdict::NeverBegan);
    }
    if let Some(cause) = peer_refused(surroundings, session) {
        return cause;
    }
    if surroundings.paths == Paths::Relay && !has_relay(surroundings) {
        let fault = servers::fault(surroundings, true);
        return fault.unwrap_or(Cause::of(Verdict::NoRelay));
    }
    let is_outside = is_outside(surroundings, session);
    let cause = is_outside.then(|| reachability::obstacle(surroundings)).flatten();
    let viewer_is_cut_off = has_udp(session) == Some(false);
    // A port that somebody tried in vain is at fault whatever the viewer suffers from.
    let is_certain = |cause: &Cause| {
        let port = cause.port.and_then(|port| surroundings.ports.get(port));
        port.is_some_and(|port| port.proof != Proof::Untried)
    };
    match cause {
        Some(cause) if is_certain(&cause) || !viewer_is_cut_off => cause,
        None if !is_outside => Cause::of(Verdict::UdpBlockedHere),
        Some(_) | None => Cause::of(Verdict::UdpBlockedThere),
    }
}

/// A STUN server that has not answered by now, and was asked before the viewer came, is taken for one
/// that does not: its last retransmission may be seconds away.
fn impatient(surroundings: &Surroundings) -> Surroundings {
    let mut surroundings = surroundings.clone();
    let mirrors = surroundings.servers.iter_mut().filter(|server| server.relay.is_none());
    for server in mirrors.filter(|server| server.answer == Answer::Pending) {
        server.answer = Answer::Silent;
    }
    surroundings
}

/// A relay that does not relay to this viewer, where it is its only way.
fn peer_refused(surroundings: &Surroundings, session: &SessionFacts) -> Option<Cause> {
    let told = |peer| {
        let mut told = session.viewer.iter();
        told.any(|candidate| address(candidate).is_some_and(|told| told.ip() == peer))
    };
    let relays = surroundings.servers.iter().enumerate();
    let mut relays = relays.filter(|(_, server)| matches!(server.answer, Answer::Relayed(_)));
    let place = relays.find_map(|(place, server)| {
        server.peers_refused.iter().any(|(peer, _)| told(*peer)).then_some(place)
    })?;
    // Private addresses that a public relay refuses hurt nobody who has a public one too.
    let has_public = session.viewer.iter().filter_map(address).any(|at| {
        let refused = &surroundings.servers[place].peers_refused;
        is_public(at.ip()) && !refused.iter().any(|(peer, _)| *peer == at.ip())
    });
    (!has_public).then_some(Cause::server(Verdict::TurnPeerRefused, place))
}

/// Whether the viewer is in another network than ours, as far as can be told.
fn is_outside(surroundings: &Surroundings, session: &SessionFacts) -> bool {
    let near = |at: SocketAddr| {
        !is_public(at.ip())
            && surroundings.candidates.iter().any(|ours| same_network(ours.base, at))
    };
    let told_near = session.viewer.iter().filter_map(address).any(near);
    let signals_near = session
        .signalled_from
        .is_some_and(|from| !from.is_loopback() && near(SocketAddr::new(from, 1)));
    !told_near && !signals_near
}

/// A guess by the usual size of a private network.
fn same_network(ours: SocketAddr, theirs: SocketAddr) -> bool {
    match (ours, theirs) {
        (SocketAddr::V4(ours), SocketAddr::V4(theirs)) => {
            ours.ip().octets()[..3] == theirs.ip().octets()[..3]
        }
        (SocketAddr::V6(ours), SocketAddr::V6(theirs)) => {
            ours.ip().segments()[..4] == theirs.ip().segments()[..4]
        }
        _ => false,
    }
}

/// Whether UDP leaves the viewer's network; `None`: not known.
fn has_udp(session: &SessionFacts) -> Option<bool> {
    let reflexive = |candidate: &ViewerCandidate| {
        matches!(candidate, ViewerCandidate::At { kind: CandidateKind::ServerReflexive, .. })
    };
    let told = session.viewer.iter().any(reflexive);
    let report = session.browser.as_ref();
    let found = report.is_some_and(|r| r.candidate_types.iter().any(|kind| kind == "srflx"));
    if told || found {
        return Some(true);
    }
    let cut = report.is_some_and(|r| r.errors.iter().any(|error| error.code == NOT_REACHED));
    cut.then_some(false)
}

fn address(candidate: &ViewerCandidate) -> Option<SocketAddr> {
    match candidate {
        ViewerCandidate::Hidden => None,
        ViewerCandidate::At { address, .. } => Some(*address),
    }
}
