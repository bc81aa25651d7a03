//! What must hold of every rewritten SDP, whatever the text and the map.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use pinhole_core::portmap::{Audience, Entry, PortMap, Protocol};
use pinhole_core::sdp::rewrite::{RewriteError, Rewriter};

use crate::leaks::private_addresses;
use crate::sdp::Sdp;

/// Lines that may come, go or name other addresses; all others stay in their order.
const REWRITTEN: [&str; 5] = ["m=", "c=", "a=candidate:", "a=rtcp:", "a=remote-candidates:"];

/// Rewrites a text for an audience and panics where the outcome breaks a promise. Refusals are returned.
///
/// # Errors
/// The rewriter's refusal.
///
/// # Panics
/// A promise is broken: that is what it is for.
pub fn rewritten(text: &str, map: &PortMap, audience: Audience) -> Result<String, RewriteError> {
    let rewriter = Rewriter::new(map, audience);
    let out = rewriter.rewrite(text)?;
    // Nothing is left of a fragment whose only candidate is private; and nothing is no SDP.
    if !out.is_empty() {
        let again = rewriter.rewrite(&out);
        assert_eq!(again.as_ref(), Ok(&out), "a second rewriting changes something of {text:?}");
    }
    match audience {
        Audience::Lan => assert_eq!(out, text),
        Audience::Both => nothing_is_lost(text, &out),
        Audience::Public => {
            let outside: Vec<IpAddr> = map.entries().iter().map(Entry::host).collect();
            let leaks = private_addresses(&out, &outside);
            assert!(leaks.is_empty(), "{leaks:#?} of {text:?}");
            other_lines_stay(text, &out);
            defaults_are_candidates(&out);
        }
    }
    addresses_are_mapped(text, &out, map);
    Ok(out)
}

/// Every line is still there, in its order, and what is new is a server-reflexive candidate below its host.
fn nothing_is_lost(text: &str, out: &str) {
    let mut new = out.lines();
    let mut host = None;
    for line in text.lines() {
        for other in new.by_ref().take_while(|other| *other != line) {
            let host: &Candidate = host.as_ref().expect("an added candidate follows its host");
            let added = Candidate::of(other).unwrap_or_else(|| panic!("{other:?} is added"));
            assert!(added.kind == "srflx" && host.kind == "host", "{host:?} {added:?}");
            assert!(added.priority < host.priority || host.priority <= 1, "{host:?} {added:?}");
        }
        host = Candidate::of(line).or(host);
    }
}

/// Lines that are not about addresses: the same bytes; those with a private address are masked.
fn other_lines_stay(text: &str, out: &str) {
    let others = |text: &str| -> Vec<String> {
        let lines = text.split_inclusive('\n');
        let is_other = |line: &&str| !REWRITTEN.iter().any(|start| line.starts_with(start));
        lines.filter(is_other).map(str::to_owned).collect()
    };
    let (was, is) = (others(text), others(out));
    assert_eq!(was.len(), is.len(), "{text:?}\n{out:?}");
    for (was, is) in was.iter().zip(&is) {
        let mdns_origin = was.starts_with("o=") && was.contains(".local");
        if private_addresses(was, &[]).is_empty() && !mdns_origin {
            // The last line may have got an end, and the line before a removed last one keeps its.
            assert_eq!(was.trim_end_matches(['\r', '\n']), is.trim_end_matches(['\r', '\n']));
        }
    }
    let media = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect()
    };
    let kinds = |line: &str| -> String {
        line.split(' ').filter(|word| !word.starts_with(char::is_numeric)).collect()
    };
    let (was, is) = (media(text), media(out));
    assert_eq!(was.len(), is.len(), "{text:?}\n{out:?}");
    for (was, is) in was.iter().zip(&is) {
        // An m-line that holds an address, where none belongs, is masked like any other.
        if private_addresses(was, &[]).is_empty() {
            assert_eq!(kinds(was), kinds(is));
        }
    }
}

/// RFC 8839 §4.2.1: the default destination is a candidate, or there is none yet.
fn defaults_are_candidates(out: &str) {
    // A text with several ports in an m-line is no matter for this reader.
    let Ok(sdp) = Sdp::parse(out) else { return };
    let address = |lines: &[(char, &str)]| {
        let line = lines.iter().find(|(kind, _)| *kind == 'c')?;
        line.1.split(' ').nth(2).map(str::to_owned)
    };
    for section in &sdp.sections {
        let candidates: Vec<Candidate> = section
            .attributes("candidate")
            .filter_map(|value| Candidate::of(&format!("a=candidate:{value}")))
            .filter(|candidate| candidate.component == 1)
            .collect();
        let own = address(&section.lines).or_else(|| address(&sdp.session));
        let Some(own) = own.filter(|_| !candidates.is_empty() && section.port != 0) else {
            continue;
        };
        let none = ["0.0.0.0", "::"].contains(&own.as_str());
        let own = shown(&own, section.port);
        let is_one = candidates.iter().any(|candidate| candidate.at == own);
        assert!(none || is_one, "the default destination {own} is none of {candidates:?}");
    }
}

/// Each candidate was there before, or is the outside address that the map has for one that was.
fn addresses_are_mapped(text: &str, out: &str, map: &PortMap) {
    let all = |text: &str| text.lines().filter_map(Candidate::of).collect::<Vec<_>>();
    let was = all(text);
    let before: BTreeSet<(u16, String)> =
        was.iter().map(|candidate| (candidate.component, candidate.at.clone())).collect();
    let mut allowed: BTreeSet<(u16, String)> = BTreeSet::new();
    for candidate in was.iter().filter(|candidate| candidate.kind == "host") {
        let Ok(base) = candidate.at.parse::<SocketAddr>() else { continue };
        for at in map.external_over(candidate.protocol, base) {
            allowed.insert((candidate.component, shown(&at.ip().to_string(), at.port())));
        }
    }
    for candidate in all(out) {
        let own = (candidate.component, candidate.at.clone());
        assert!(
            before.contains(&own) || allowed.contains(&own),
            "{candidate:?} comes from nowhere"
        );
        if !before.contains(&own) {
            let at: SocketAddr = candidate.at.parse().expect("a mapped candidate has an address");
            assert!(map.internal_over(candidate.protocol, at).is_some(), "{at} is outside the map");
            assert_eq!(candidate.kind, "srflx");
        }
    }
}

/// A candidate as these tests read it.
#[derive(Debug)]
pub struct Candidate {
    /// The first field.
    pub foundation: String,
    /// 1 for RTP, 2 for RTCP.
    pub component: u16,
    /// What carries it.
    pub protocol: Protocol,
    /// How it is ranked.
    pub priority: u32,
    /// Address and port.
    pub at: String,
    /// `host`, `srflx`, `relay`.
    pub kind: String,
}

impl Candidate {
    /// Reads a line; `None` for all others.
    pub fn of(line: &str) -> Option<Candidate> {
        let words: Vec<&str> =
            line.strip_prefix("a=candidate:")?.split_ascii_whitespace().collect();
        Some(Candidate {
            foundation: (*words.first()?).to_owned(),
            component: words.get(1)?.parse().ok()?,
            protocol: match words.get(2)?.eq_ignore_ascii_case("tcp") {
                true => Protocol::Tcp,
                false => Protocol::Udp,
            },
            priority: words.get(3)?.parse().ok()?,
            at: shown(words.get(4)?, words.get(5)?.parse().ok()?),
            kind: (*words.get(7)?).to_owned(),
        })
    }
}

/// One text for an address and port, however it is spelled.
fn shown(host: &str, port: u16) -> String {
    let bare = host.split(['%', '/']).next().unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address.to_canonical(), port).to_string(),
        Err(_) => format!("{}:{port}", host.to_ascii_lowercase()),
    }
}
