//! The facts, one a line, for people who know what they mean.

use super::{
    Answer, BrowserReport, Dtls, PortFacts, Proof, ServerFacts, SessionFacts, Stage, Surroundings,
    ViewerCandidate, Witness,
};
use crate::gather::{CandidateKind, LocalCandidate, TurnTransport};
use crate::stun::NatReport;

/// All facts that are known.
pub(super) fn lines(surroundings: &Surroundings, session: Option<&SessionFacts>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(session) = session {
        of_session(session, &mut lines);
    }
    let told: Vec<String> = surroundings.candidates.iter().map(candidate).collect();
    lines.push(format!("viewers are told: {}", or_nothing(&told)));
    lines.extend(surroundings.servers.iter().map(server));
    lines.extend(surroundings.ports.iter().map(port));
    lines.extend(surroundings.nat.as_ref().map(nat));
    lines.extend(
        surroundings
            .clock
            .as_ref()
            .map(|clock| format!("our clock is {:+} s off that of {}", clock.seconds, clock.whose)),
    );
    lines.extend(
        surroundings
            .encoder_stalled
            .map(|time| format!("the encoder has not answered for {:.1} s", time.as_secs_f64())),
    );
    lines
}

fn of_session(session: &SessionFacts, lines: &mut Vec<String>) {
    let seconds = session.age.as_secs_f64();
    lines.push(match (session.stage, session.connected_for) {
        (Stage::Ended(cause), Some(time)) => {
            format!("ended ({cause:?}), connected for {:.1} s", time.as_secs_f64())
        }
        (Stage::Ended(cause), None) => format!("ended ({cause:?}) {seconds:.1} s after the offer"),
        (stage, _) => format!("{stage:?}, {seconds:.1} s after the offer"),
    });
    let told: Vec<String> = session.viewer.iter().map(viewer_candidate).collect();
    let from = session.signalled_from.map(|from| format!("; it signals from {from}"));
    lines.push(format!("the viewer tells: {}{}", or_nothing(&told), from.unwrap_or_default()));
    let checks = &session.checks;
    lines.push(format!(
        "checks of the viewer: {} over UDP, {} through a relay, {} over TCP, {} forged; ours: {} sent, {} answered",
        checks.over_udp, checks.over_relay, checks.over_tcp, checks.forged, checks.sent, checks.answered
    ));
    lines.push(match session.dtls {
        Dtls::NotBegun => "DTLS: nothing seen".to_owned(),
        Dtls::Begun { received, sent, largest_sent } => {
            format!(
                "DTLS: {received} datagrams came, {sent} left, the largest of {largest_sent} bytes"
            )
        }
        Dtls::WrongCertificate => "DTLS: the certificate is not the one in the SDP".to_owned(),
        Dtls::Done => "DTLS: done".to_owned(),
    });
    if let Some(path) = &session.path {
        lines.push(format!("path: {:?}, {} to {}", path.kind, path.local, path.remote));
    }
    let media = &session.media;
    if session.connected_for.is_some() {
        let loss = media
            .loss
            .map_or_else(|| "unknown".to_owned(), |loss| format!("{:.0} %", loss * 100.0));
        lines.push(format!(
            "media: {} frames sent, loss {loss}, {} reports and {} requests for a keyframe came; the address changed {} times",
            media.frames_sent, media.reports, media.keyframe_requests, session.roams
        ));
    }
    let silent =
        session.silent_for.map(|time| format!("last heard {:.1} s ago", time.as_secs_f64()));
    lines.push(silent.unwrap_or_else(|| "never heard".to_owned()));
    lines.extend(session.browser.as_ref().map(browser));
    if session.sdp_altered {
        lines.push("the browser holds another certificate fingerprint than was sent".to_owned());
    }
}

fn browser(report: &BrowserReport) -> String {
    let errors: Vec<String> = report
        .errors
        .iter()
        .map(|error| format!("{} {} {}", error.code, error.url, error.text))
        .collect();
    format!(
        "the browser: ICE {}, connection {}, own candidates {}, pair {}, {} packets, {} pictures decoded, errors: {}",
        report.ice,
        report.connection,
        or_nothing(&report.candidate_types),
        report.pair.as_deref().unwrap_or("none"),
        report.packets_received,
        report.frames_decoded,
        or_nothing(&errors)
    )
}

fn or_nothing(list: &[String]) -> String {
    if list.is_empty() { "nothing".to_owned() } else { list.join(", ") }
}

fn candidate(told: &LocalCandidate) -> String {
    let kind = kind(told.kind);
    match told.address == told.base {
        true => format!("{kind} {} {}", told.protocol, told.address),
        false => format!("{kind} {} {} for {}", told.protocol, told.address, told.base),
    }
}

fn kind(kind: CandidateKind) -> &'static str {
    match kind {
        CandidateKind::Host => "host",
        CandidateKind::ServerReflexive => "srflx",
        CandidateKind::Relayed(_) => "relay",
    }
}

fn viewer_candidate(told: &ViewerCandidate) -> String {
    match told {
        ViewerCandidate::Hidden => "a hidden host".to_owned(),
        ViewerCandidate::At { address, kind: of, .. } => format!("{} {address}", kind(*of)),
    }
}

fn server(server: &ServerFacts) -> String {
    let said = match &server.answer {
        Answer::Pending => "has not answered yet".to_owned(),
        Answer::Unresolved => "its name has no address".to_owned(),
        Answer::Silent => "does not answer".to_owned(),
        Answer::Unreachable(why) => why.clone(),
        Answer::Mapped(address) => format!("sees us at {address}"),
        Answer::Relayed(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            format!("relays for us at {}", addresses.join(" and "))
        }
        Answer::Refused(code) => format!("refuses with error {code}"),
        Answer::Lost => "forgot that it relayed for us, and is asked again".to_owned(),
    };
    let mut line = format!("{}: {said}", server.url);
    let over = matches!(server.relay, None | Some(TurnTransport::Udp));
    match server.opens_tcp.filter(|_| over) {
        Some(true) => line += ", takes TCP connections",
        Some(false) => line += ", takes no TCP connection",
        None => {}
    }
    if let Some(realm) = &server.realm {
        line += &format!(", realm \"{realm}\"");
    }
    if let Some(former) = &server.former_realm {
        line += &format!(" (before: \"{former}\")");
    }
    for (peer, code) in &server.peers_refused {
        line += &format!(", relays not to {peer} (error {code})");
    }
    match server.echo {
        Some(true) => line += ", an echo came through it",
        Some(false) => line += ", no echo came through it",
        None => {}
    }
    line
}

fn port(port: &PortFacts) -> String {
    let witness = match port.witness {
        Witness::Reflector => " (sent by the reflector)",
        Witness::Relay => " (sent by the relay)",
        Witness::Viewer => " (by a viewer)",
        Witness::None => "",
    };
    let proof = match port.proof {
        Proof::Untried => "nobody tried".to_owned(),
        Proof::Proved { seen_from } => format!("reached, from {seen_from}"),
        Proof::AtPort(at) => format!("arrived at local port {at} instead"),
        Proof::AtClosedPort => "arrived at a local port where nothing listens".to_owned(),
        Proof::Refused => "refused by another machine".to_owned(),
        Proof::NoHost => "no such machine behind it".to_owned(),
        Proof::Silent => "nothing arrived".to_owned(),
    };
    format!("UDP {} to {}: {proof}{witness}", port.external, port.internal)
}

fn nat(nat: &NatReport) -> String {
    let mapping =
        nat.mapping.map_or_else(|| "unknown".to_owned(), |mapping| format!("{mapping:?}"));
    format!("the NAT in front of us: mapping {mapping}, filtering {:?}", nat.filtering)
}
