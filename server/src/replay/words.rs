//! What entries say, in the words of the field. Decisions come with their reasons where an entry or
//! its kind has one.

use std::net::SocketAddr;

use pinhole_core::trace::{
    BrowserTold, FindingsTold, Header, Leg, NatTold, StunAttribute, StunMessage, What,
};

/// A decision, in a line. `None`: it is none.
pub(super) fn decision(what: &What) -> Option<String> {
    Some(match what {
        What::Answer { session, sdp } => format!("answers as session {session}: {}", sdp_of(sdp)),
        What::FragmentAnswer { sdp, .. } => format!("answers the restart: {}", sdp_of(sdp)),
        What::Refused { reason, detail } => {
            let detail = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            format!("refuses it ({}){detail}", plain(reason))
        }
        What::Session { state, cause, .. } => session(state, cause.as_deref()),
        What::Path { path, local, remote, .. } => {
            format!("sends {} from {local} to {remote}: {}", way(path), why_path(path))
        }
        What::Probed { local, remote, sequence, .. } => {
            format!("probe {sequence} came to {local} from {remote}: that port leads here")
        }
        What::Diagnosis { verdict: None, .. } => "finds nothing wrong with it any more".to_owned(),
        What::Diagnosis { verdict: Some(verdict), severity, .. } => {
            let severity = severity.as_deref().unwrap_or("degraded");
            format!("diagnosis: {verdict} ({severity}; docs/verdicts/{verdict}.md)")
        }
        What::CandidateOut { candidate, .. } => format!("offers {} too", candidate_of(candidate)),
        What::RestartWanted { .. } => {
            "wants an ICE restart: the path is gone, and the viewer may know another".to_owned()
        }
        What::Connect { remote, tls: Some(host), .. } => {
            format!("wants a TLS connection to {remote} (certificate of {host})")
        }
        What::Connect { remote, .. } => format!("wants a TCP connection to {remote}"),
        What::Disconnect { stream } => format!("gives connection {stream} up"),
        What::ResolveWanted { server } => {
            format!("wants the name of server {server} resolved anew")
        }
        What::Server { report, addresses, code, .. } => server(report, addresses, *code),
        What::Dropped { reason, count } => {
            let packets = if *count == 1 { "packet" } else { "packets" };
            format!("drops {count} {packets}: {}", why_dropped(reason))
        }
        _ => return None,
    })
}

fn session(state: &str, cause: Option<&str>) -> String {
    match (state, cause) {
        ("connecting", _) => "tries to connect".to_owned(),
        ("connected", _) => "connected: checks passed and the DTLS handshake is through".to_owned(),
        ("interrupted", _) => {
            "interrupted: nothing comes from the viewer any more, its path broke".to_owned()
        }
        ("closed", Some("local")) => "closed by the program".to_owned(),
        ("closed", Some("remote")) => "closed by the viewer, who said so".to_owned(),
        ("closed", Some("never_connected")) => {
            "closed: it did not connect in the time that it has".to_owned()
        }
        ("closed", Some("vanished")) => {
            "closed: the viewer did not come back in the time that it has".to_owned()
        }
        ("closed", Some("failed")) => "closed: the handshake or the transport failed".to_owned(),
        (state, cause) => format!("{state} {}", cause.unwrap_or_default()),
    }
}

fn way(path: &str) -> &str {
    match path {
        "direct" => "directly",
        "tunnel" => "through a tunnel",
        "tcp" => "over TCP",
        "turn-udp" => "through the TURN relay",
        "turn-tcp" => "through the TURN relay (reached over TCP)",
        "turn-tls" => "through the TURN relay (reached over TLS)",
        other => other,
    }
}

/// A path whose other end is another.
pub(super) fn moved(before: SocketAddr, now: SocketAddr) -> String {
    format!("sends to {now} now: the viewer is heard from there, and no more from {before}")
}

fn why_path(path: &str) -> &'static str {
    match path {
        "tunnel" => "the viewer comes from this machine though it was told a forwarded address",
        _ => "of the pairs that work, the viewer chose this one",
    }
}

fn server(report: &str, addresses: &[SocketAddr], code: Option<u16>) -> String {
    match (report, addresses, code) {
        ("mapped", [base, outside], _) => format!("sees {base} as {outside}"),
        ("relayed", addresses, _) => format!("relays at {}", list(addresses)),
        ("lost", ..) => "forgot that it relays for us, or cannot be reached any more".to_owned(),
        ("silent", ..) => "does not answer; it is asked again later".to_owned(),
        ("refused", _, Some(code)) => format!("refuses with {code}{}", stun_code(code)),
        (other, ..) => other.to_owned(),
    }
}

/// RFC 8489 §14.8, RFC 8656 §19.
pub(super) fn stun_code(code: u16) -> &'static str {
    match code {
        300 => " (try another server)",
        400 => " (bad request)",
        401 => " (credentials wanted)",
        403 => " (forbidden)",
        420 => " (unknown attribute)",
        437 => " (no such allocation, or one already)",
        438 => " (nonce too old)",
        440 => " (address family not supported)",
        441 => " (wrong credentials)",
        442 => " (transport not supported)",
        486 => " (quota reached)",
        487 => " (role conflict)",
        508 => " (no capacity)",
        _ => "",
    }
}

fn why_dropped(reason: &str) -> &str {
    match reason {
        "unknown" => "of no protocol that is spoken here",
        "bad_stun" => "damaged STUN",
        "no_session" => "for a session that there is not, or no more",
        "bad_integrity" => "signed with a wrong password",
        "no_route" => "from an address that no viewer uses yet, or any more",
        "no_transaction" => "answers to what was not asked",
        "malformed" => "damaged",
        other => other,
    }
}

/// What the recorded endpoint was made of, a line each.
pub(super) fn header(header: &Header) -> Vec<String> {
    let mut lines = vec![format!(
        "pinhole {} on UDP {}{}",
        header.program,
        list(&header.bases),
        match header.tcp_bases.as_slice() {
            [] => String::new(),
            bases => format!(", TCP {}", list(bases)),
        }
    )];
    let map = if header.map.is_empty() { "no port map".to_owned() } else { header.map.join(", ") };
    let (audience, paths) = (&header.audience, &header.paths);
    lines.push(format!("{map}; tells {audience} addresses, allows {paths} paths"));
    for (number, server) in header.servers.iter().enumerate() {
        let (service, host) = (&server.service, &server.host);
        let known = match server.addresses.as_slice() {
            [] => "not resolved yet".to_owned(),
            addresses => list(addresses),
        };
        lines.push(format!("server {number} is {service} {host}: {known}"));
    }
    lines
}

/// Candidates and direction of an SDP.
pub(super) fn sdp_of(sdp: &str) -> String {
    let candidates: Vec<String> = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a="))
        .filter(|line| line.starts_with("candidate:"))
        .map(candidate_of)
        .collect();
    match candidates.as_slice() {
        [] => "no candidates".to_owned(),
        many => many.join(", "),
    }
}

/// The codecs of the video that an offer names.
pub(super) fn codecs_of(sdp: &str) -> String {
    let media: Vec<&str> = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("m="))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let h264 = sdp.lines().any(|line| line.starts_with("a=rtpmap:") && line.contains("H264"));
    match media.as_slice() {
        [] => "no media".to_owned(),
        media => format!("{}{}", media.join(", "), if h264 { " with H.264" } else { "" }),
    }
}

/// `candidate:…` as its kind and address.
pub(super) fn candidate_of(line: &str) -> String {
    let fields: Vec<&str> = line.split_whitespace().collect();
    match fields.as_slice() {
        [] => "the end of candidates".to_owned(),
        [_, _, transport, _, ip, port, "typ", kind, ..] => {
            let ip = if ip.contains(':') { format!("[{ip}]") } else { (*ip).to_owned() };
            let tcp = if transport.eq_ignore_ascii_case("tcp") { " (TCP)" } else { "" };
            if ip.ends_with(".local") {
                return format!("{kind} behind an mDNS name{tcp}");
            }
            format!("{kind} {ip}:{port}{tcp}")
        }
        _ => "something that is no candidate".to_owned(),
    }
}

/// A STUN message, shortly.
pub(super) fn stun(message: &StunMessage) -> String {
    let code = message.attributes.iter().find_map(|attribute| match attribute {
        StunAttribute::ErrorCode(code) => Some(*code),
        _ => None,
    });
    let method = message.method.replace('_', " ");
    let what = match (message.class.as_str(), code) {
        ("error", Some(code)) => format!("refuses {method} with {code}{}", stun_code(code)),
        ("success", _) => format!("grants {method}"),
        ("request", _) => format!("asks for {method}"),
        (class, _) => format!("{class} {method}"),
    };
    let damaged = if message.whole { "" } else { ", damaged" };
    format!("{what}{damaged}")
}

/// A packet's other end.
pub(super) fn remote(leg: Leg) -> String {
    match leg {
        Leg::Udp { remote, .. } => remote.to_string(),
        Leg::Stream(number) => format!("connection {number}"),
    }
}

/// What a browser says of itself.
pub(super) fn browser(told: &BrowserTold) -> String {
    let errors: Vec<String> =
        told.errors.iter().map(|error| format!("{} {}", error.code, error.url)).collect();
    let errors = match errors.as_slice() {
        [] => String::new(),
        errors => format!("; errors: {}", errors.join(", ")),
    };
    let pair = told.pair.as_ref().map(|pair| format!(", pair {pair}")).unwrap_or_default();
    format!(
        "its browser says: ICE {}, connection {}{pair}, {} pictures decoded{errors}",
        told.ice, told.connection, told.frames_decoded
    )
}

/// What the program found out.
pub(super) fn findings(told: &FindingsTold) -> String {
    let mut parts = Vec::new();
    parts.extend(told.nat.as_ref().map(nat));
    parts.extend(
        told.ports
            .iter()
            .map(|port| format!("{} to {}: {}", port.external, port.internal, plain(&port.proof))),
    );
    parts.extend(told.clock_seconds.map(|seconds| format!("our clock is {seconds:+} s off")));
    parts.extend(told.encoder_stalled_ms.map(|ms| format!("the encoder is stuck for {ms} ms")));
    parts.extend(told.opens_tcp.iter().map(|(server, opens)| {
        let opens = if *opens { "takes" } else { "does not take" };
        format!("server {server} {opens} TCP")
    }));
    match parts.is_empty() {
        true => "found out nothing about the network yet".to_owned(),
        false => format!("found out: {}", parts.join("; ")),
    }
}

fn nat(nat: &NatTold) -> String {
    let mapping = nat.mapping.as_deref().map_or("unknown".to_owned(), plain);
    format!("NAT with {mapping} mapping, {} filtering", plain(&nat.filtering))
}

pub(super) fn plain(word: &str) -> String {
    word.replace('_', " ")
}

pub(super) fn list(addresses: &[SocketAddr]) -> String {
    let words: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
