//! Texts that come over signalling or from an operator.

use std::net::SocketAddr;
use std::time::Instant;

use pinhole_core::portmap::{PortMap, parse_epr, parse_nat1to1};
use pinhole_core::{Endpoint, Limits, OfferError, SessionId};

use super::joined::fresh_offer;
use crate::endpoint::endpoint;
use crate::sdp::Sdp;

/// An offer: refused with a short text, or answered by SDP with CRLF, one m-line for each offered, one accepted.
pub fn offer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let now = Instant::now();
    let mut endpoint = endpoint(now, "42c01f", Limits::default());
    match endpoint.accept_offer(now, text) {
        Ok(accepted) => {
            let answer = &accepted.answer;
            assert!(answer.ends_with("\r\n") && !answer.replace("\r\n", "").contains('\n'));
            let sdp = Sdp::parse(answer).unwrap_or_else(|fault| panic!("{fault}\n{answer}"));
            let alive = sdp.sections.iter().filter(|section| section.port != 0).count();
            assert_eq!(alive, 1, "{answer}");
            assert_eq!(endpoint.stats().connecting, 1);
            assert!(endpoint.close(now, accepted.session));
        }
        Err(error) => {
            assert!(error.to_string().len() < 16 * 1024, "a refusal is short");
            assert_eq!(endpoint.stats().connecting, 0);
        }
    }
}

/// An SDP fragment for a session that waits: taken or refused, and the session is still there.
pub fn fragment(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (now, mut endpoint, session) = waiting();
    match endpoint.handle_fragment(now, session, text) {
        Ok(None) => {}
        Ok(Some(ours)) => assert!(ours.contains("a=ice-ufrag:") && ours.contains("a=ice-pwd:")),
        Err(error) => assert_ne!(error, OfferError::NoSession),
    }
    assert!(endpoint.close(now, session));
}

/// A trickled candidate, twice: taken or refused, and the session is still there.
pub fn candidate(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (now, mut endpoint, session) = waiting();
    let first = endpoint.add_candidate(now, session, text);
    let second = endpoint.add_candidate(now, session, text);
    assert_eq!(first.is_ok(), second.is_ok());
    endpoint.handle_timeout(now);
    let mut buffer = vec![0; Endpoint::TRANSMIT_BYTES_MAX];
    for _ in 0..1000 {
        let Some(transmit) = endpoint.poll_transmit(now, &mut buffer) else { break };
        assert!(transmit.len > 0 && transmit.segment_size <= transmit.len);
    }
    assert!(endpoint.close(now, session));
}

/// A port map in each of its spellings: what is taken displays as what parses to the same, and no outside address is
/// told twice or for another port.
pub fn port_map(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // What cannot be read is told; nothing more is asked of it.
    let _ = parse_epr(text);
    for map in [PortMap::parse(text.lines()), parse_nat1to1(text)].into_iter().flatten() {
        let shown = map.to_string();
        assert_eq!(PortMap::parse([shown.as_str()]), Ok(map.clone()), "{shown}");
        for entry in map.entries() {
            assert_eq!(entry.local_ports().count(), entry.external_ports().count(), "{shown}");
            let ip = entry.local_ip().unwrap_or(match entry.host() {
                std::net::IpAddr::V4(_) => std::net::Ipv4Addr::new(192, 168, 1, 5).into(),
                std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
            let base = SocketAddr::new(ip, entry.local_ports().last());
            let outside = map.external_over(entry.protocol(), base);
            assert!(
                outside.contains(&SocketAddr::new(entry.host(), entry.external_ports().last())),
                "{shown}: {base} is {outside:?}"
            );
        }
    }
}

/// An endpoint with a session that nobody has connected to.
fn waiting() -> (Instant, Endpoint, SessionId) {
    let now = Instant::now();
    let mut endpoint = endpoint(now, "42c01f", Limits::default());
    let accepted = endpoint.accept_offer(now, &fresh_offer(now)).expect("our own offer is good");
    (now, endpoint, accepted.session)
}
