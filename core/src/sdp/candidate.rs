//! Candidates that a viewer sends, in its offer or trickled: `a=candidate`, RFC 8839 §5.1.

use std::net::{IpAddr, SocketAddr};

use crate::wire::can_receive;

/// A remote candidate, as far as it is of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RemoteCandidate {
    /// To be checked: the line in the form that str0m parses.
    Usable(String),
    /// An mDNS name: the viewer will be seen as peer-reflexive.
    Hidden,
    /// Valid, but nothing we can send to: TCP, another component, the end-of-candidates marker.
    Ignored(&'static str),
}

/// Reads `candidate:…`, with or without `a=`. The error says what is wrong.
pub(crate) fn parse_candidate(text: &str) -> Result<RemoteCandidate, String> {
    use RemoteCandidate::Ignored;
    let line = text.trim();
    let line = line.strip_prefix("a=").unwrap_or(line);
    if line.is_empty() || line == "end-of-candidates" {
        return Ok(Ignored("end of candidates"));
    }
    let Some(rest) = line.strip_prefix("candidate:") else {
        return Err("it does not begin with \"candidate:\"".to_owned());
    };
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let &[_foundation, component, transport, priority, address, port, "typ", kind, ..] =
        fields.as_slice()
    else {
        return Err("it has fewer than the 8 fields of RFC 8839".to_owned());
    };
    let number = |text: &str, name: &str, most: u32| match text.parse::<u32>() {
        Ok(value) if value <= most => Ok(value),
        _ => Err(format!("{name} is no number up to {most}")),
    };
    let component = number(component, "component", 256)?;
    number(priority, "priority", u32::MAX)?;
    let port = number(port, "port", 65_535)? as u16;
    if !["host", "srflx", "prflx", "relay"].contains(&kind) {
        return Err("its type is none of host, srflx, prflx, relay".to_owned());
    }
    if component != 1 {
        return Ok(Ignored("component other than 1"));
    }
    if !transport.eq_ignore_ascii_case("udp") {
        return Ok(Ignored("transport other than UDP"));
    }
    if address.ends_with(".local") {
        return Ok(RemoteCandidate::Hidden);
    }
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err("its address is neither an IP address nor an mDNS name".to_owned());
    };
    let at = SocketAddr::new(address, port);
    if !can_receive(at) {
        return Ok(Ignored("address that nothing can be sent to"));
    }
    Ok(RemoteCandidate::Usable(canonical(&fields, at)))
}

/// The line without extensions: what str0m needs and nothing that it could stumble over.
fn canonical(fields: &[&str], at: SocketAddr) -> String {
    let head = fields.get(..4).unwrap_or_default().join(" ");
    let kind = fields.get(7).copied().unwrap_or("host");
    let related = match (kind, at.is_ipv4()) {
        ("host", _) => "",
        (_, true) => " raddr 0.0.0.0 rport 9",
        (_, false) => " raddr :: rport 9",
    };
    format!("candidate:{head} {} {} typ {kind}{related}", at.ip(), at.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn candidates_are_sorted_into_usable_ignored_and_wrong() {
        let outcome = |text: &str| match parse_candidate(text) {
            Ok(RemoteCandidate::Usable(line)) => line,
            Ok(RemoteCandidate::Hidden) => "hidden".to_owned(),
            Ok(RemoteCandidate::Ignored(why)) => format!("ignored: {why}"),
            Err(why) => format!("wrong: {why}"),
        };
        let table = [
            (
                "candidate:1 1 udp 2122260223 192.0.2.7 5000 typ host generation 0 ufrag abcd",
                "candidate:1 1 udp 2122260223 192.0.2.7 5000 typ host",
            ),
            (
                "a=candidate:1 1 UDP 5 2001:db8::1 5000 typ srflx raddr 10.0.0.1 rport 9",
                "candidate:1 1 UDP 5 2001:db8::1 5000 typ srflx raddr :: rport 9",
            ),
            ("candidate:1 1 udp 5 6f1c.local 5000 typ host", "hidden"),
            (
                "candidate:1 1 tcp 5 192.0.2.7 9 typ host tcptype active",
                "ignored: transport other than UDP",
            ),
            ("candidate:1 2 udp 5 192.0.2.7 5 typ host", "ignored: component other than 1"),
            ("", "ignored: end of candidates"),
            (
                "candidate:1 1 udp 5 0.0.0.0 5 typ host",
                "ignored: address that nothing can be sent to",
            ),
            (
                "candidate:1 1 udp 5 255.255.255.255 5 typ host",
                "ignored: address that nothing can be sent to",
            ),
            (
                "candidate:1 1 udp 5 ::ffff:224.0.0.251 5 typ host",
                "ignored: address that nothing can be sent to",
            ),
            ("hello", "wrong: it does not begin with \"candidate:\""),
            ("candidate:1 1 udp", "wrong: it has fewer than the 8 fields of RFC 8839"),
            (
                "candidate:1 1 udp 5 192.0.2.7 70000 typ host",
                "wrong: port is no number up to 65535",
            ),
            (
                "candidate:1 1 udp 5 example.org 5 typ host",
                "wrong: its address is neither an IP address nor an mDNS name",
            ),
            (
                "candidate:1 1 udp 5 192.0.2.7 5 typ magic",
                "wrong: its type is none of host, srflx, prflx, relay",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(outcome(text), expected, "{text}");
        }
    }

    #[test]
    fn str0m_reads_what_we_call_usable() {
        for text in [
            "candidate:1 1 udp 5 192.0.2.7 5000 typ host",
            "candidate:1 1 udp 5 192.0.2.7 5000 typ srflx raddr 10.0.0.1 rport 4",
            "candidate:1 1 udp 5 192.0.2.7 5000 typ relay raddr 10.0.0.1 rport 4",
            "candidate:1 1 udp 5 2001:db8::9 5000 typ prflx raddr :: rport 4",
        ] {
            let Ok(RemoteCandidate::Usable(line)) = parse_candidate(text) else { panic!("{text}") };
            str0m::Candidate::from_sdp_string(&line).unwrap();
        }
    }

    proptest! {
        #[test]
        fn what_is_usable_is_read_by_the_ice_agent_and_stays_usable(
            address: std::net::IpAddr,
            port: u16,
            priority: u32,
            kind in 0usize..4,
            more in "( [a-z0-9.:]{1,12}){0,6}",
        ) {
            let kind = ["host", "srflx", "prflx", "relay"][kind];
            let text = format!("a=candidate:x1 1 UDP {priority} {address} {port} typ {kind}{more}");
            let at = SocketAddr::new(address, port);
            match parse_candidate(&text).unwrap() {
                RemoteCandidate::Usable(line) => {
                    prop_assert!(can_receive(at));
                    prop_assert_eq!(parse_candidate(&line), Ok(RemoteCandidate::Usable(line.clone())));
                    let read = str0m::Candidate::from_sdp_string(&line).unwrap();
                    prop_assert_eq!(read.addr(), at);
                }
                other => prop_assert!(!can_receive(at), "{other:?} of {text}"),
            }
        }

        #[test]
        fn any_text_is_sorted_somewhere(text in "(a=)?(candidate:)?[ -~äé]{0,80}") {
            // Taken, ignored or refused, never a panic; what is usable the ICE agent can read.
            if let Ok(RemoteCandidate::Usable(line)) = parse_candidate(&text) {
                prop_assert!(line.starts_with("candidate:"), "{line}");
            }
        }
    }
}
