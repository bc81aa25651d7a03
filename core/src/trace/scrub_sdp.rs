//! SDP without its secrets: RFC 8866, RFC 8839 (ICE), RFC 8122 (fingerprints), RFC 8840 (fragments).
//!
//! A line passes because its type, and for `a=` its name, is known to hold no secret. Others stand
//! with their name and `removed`; what is no line of SDP at all is told by its length.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::addresses::Addresses;
use super::names::Names;

/// Attributes whose values are kept: those of WebRTC, ICE credentials and keys aside.
const KEPT: &[&str] = &[
    "bundle-only",
    "end-of-candidates",
    "extmap",
    "extmap-allow-mixed",
    "fmtp",
    "framerate",
    "framesize",
    "group",
    "ice-lite",
    "ice-mismatch",
    "ice-options",
    "ice-pacing",
    "imageattr",
    "inactive",
    "max-message-size",
    "maxptime",
    "mid",
    "msid",
    "msid-semantic",
    "ptime",
    "recvonly",
    "rid",
    "rtcp",
    "rtcp-fb",
    "rtcp-mux",
    "rtcp-mux-only",
    "rtcp-rsize",
    "rtpmap",
    "sctp-port",
    "sctpmap",
    "sendonly",
    "sendrecv",
    "setup",
    "simulcast",
    "ssrc",
    "ssrc-group",
    "tool",
    "x-google-flag",
];
/// Extensions of a candidate whose values are kept; of `ufrag` it is a stand-in.
const CANDIDATE_EXTENSIONS: &[&str] =
    &["typ", "raddr", "rport", "tcptype", "generation", "network-id", "network-cost", "ufrag"];

/// What replaces secrets, and may replace addresses.
pub(super) struct Scrub {
    pub(super) names: Names,
    pub(super) addresses: Addresses,
}

/// The credentials of one SDP.
#[derive(Default)]
struct Credentials {
    /// One half of a pair whose other was not seen yet.
    ufrag: Option<String>,
    password: Option<String>,
    /// What stands for each.
    stand_ins: BTreeMap<String, String>,
}

impl Scrub {
    /// An offer, an answer or a fragment. Learns its credentials.
    pub(super) fn sdp(&mut self, sdp: &str) -> String {
        let mut credentials = Credentials::default();
        let mut out = String::with_capacity(sdp.len());
        for piece in sdp.split_inclusive(['\r', '\n']) {
            let line = piece.trim_end_matches(['\r', '\n']);
            out.push_str(&self.line(line, &mut credentials));
            out.push_str(&piece[line.len()..]);
        }
        credentials.replace_words(&out)
    }

    /// A trickled candidate, `candidate:…`, with or without `a=`.
    pub(super) fn candidate(&mut self, line: &str) -> String {
        let (prefix, rest) = match line.split_once("candidate:") {
            Some((prefix @ ("" | "a="), rest)) => (prefix, rest),
            _ if line.trim().is_empty() => return String::new(),
            _ => return removed_bytes(line),
        };
        format!("{prefix}candidate:{}", self.candidate_fields(rest))
    }

    fn line(&mut self, line: &str, credentials: &mut Credentials) -> String {
        if line.is_empty() {
            return String::new();
        }
        let (kind, value) = match line.split_once('=') {
            Some((kind, value)) if kind.len() == 1 => (kind, value),
            _ => return removed_bytes(line),
        };
        match kind {
            "a" => format!("a={}", self.attribute(value, credentials)),
            "v" | "b" | "t" | "m" | "r" | "z" => line.to_owned(),
            "o" | "c" => format!("{kind}={}", self.hosts(value)),
            "s" if value.trim() == "-" => line.to_owned(),
            _ if kind.chars().all(|c| c.is_ascii_lowercase()) => {
                format!("{kind}={}", self.names.removed(value))
            }
            _ => removed_bytes(line),
        }
    }

    fn attribute(&mut self, attribute: &str, credentials: &mut Credentials) -> String {
        let (name, value) = match attribute.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (attribute, None),
        };
        let known = name.trim().to_ascii_lowercase();
        let replaced = match (known.as_str(), value) {
            ("ice-ufrag", Some(value)) => {
                credentials.ufrag = Some(value.trim().to_owned());
                let stand_in = self.names.ufrag(value.trim());
                self.learn(credentials, value.trim(), stand_in)
            }
            ("ice-pwd", Some(value)) => {
                credentials.password = Some(value.trim().to_owned());
                let stand_in = self.names.password(value.trim());
                self.learn(credentials, value.trim(), stand_in)
            }
            ("ssrc", Some(value)) if value.contains("cname") => self.cname(value),
            ("fingerprint", Some(value)) => self.fingerprint(value),
            ("candidate", Some(value)) => self.candidate_fields(value),
            ("rtcp", Some(value)) => self.hosts(value),
            (known, Some(value)) if KEPT.contains(&known) => self.addresses.text(value),
            (known, None) if KEPT.contains(&known) => return name.to_owned(),
            // The name of an attribute without a value is all there is, and may be anything.
            (_, None) => return self.names.removed(name),
            (_, Some(value)) => {
                // So may a name that is none.
                let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
                if name.is_empty() || name.len() > 32 || !name.chars().all(word) {
                    return self.names.removed(attribute);
                }
                self.names.removed(value)
            }
        };
        format!("{name}:{replaced}")
    }

    fn learn(&mut self, pair: &mut Credentials, secret: &str, stand_in: String) -> String {
        pair.stand_ins.insert(secret.to_owned(), stand_in.clone());
        if let Credentials { ufrag: Some(ufrag), password: Some(password), .. } = pair {
            self.names.learn(ufrag, password);
            (pair.ufrag, pair.password) = (None, None);
        }
        stand_in
    }

    /// RFC 5576 §6.1. str0m's is the ufrag.
    fn cname(&mut self, value: &str) -> String {
        match value.split_once("cname:") {
            Some((ssrc, name)) => format!("{ssrc}cname:{}", self.names.removed(name)),
            None => self.names.removed(value),
        }
    }

    pub(super) fn fingerprint(&mut self, value: &str) -> String {
        match value.trim().split_once(' ') {
            Some((hash, print)) if hash.starts_with("sha-") || hash.starts_with("SHA-") => {
                let hash: String = hash.chars().take(8).collect();
                format!("{hash} {}", self.names.fingerprint(&print.trim().to_ascii_uppercase()))
            }
            _ => self.names.removed(value),
        }
    }

    /// What follows `candidate:`.
    fn candidate_fields(&mut self, fields: &str) -> String {
        let mut shown = Vec::new();
        let mut name = "";
        for (place, field) in fields.split_whitespace().enumerate() {
            shown.push(match place {
                // Browsers make it from the address by a checksum that can be tried backwards.
                0 if self.addresses.are_hidden() => self.names.removed(field),
                0..=3 | 5 => self.addresses.text(field),
                4 => self.connection_address(field),
                // Names and values take turns from `typ` on.
                _ if place % 2 == 0 => {
                    name = field;
                    let known = CANDIDATE_EXTENSIONS.contains(&field);
                    if known { field.to_owned() } else { self.names.removed(field) }
                }
                _ if name == "ufrag" => self.names.ufrag(field),
                _ if CANDIDATE_EXTENSIONS.contains(&name) => self.addresses.text(field),
                _ => self.names.removed(field),
            });
        }
        shown.join(" ")
    }

    fn connection_address(&mut self, field: &str) -> String {
        match field.parse::<IpAddr>() {
            Ok(_) => self.addresses.text(field),
            Err(_) => self.addresses.host(field),
        }
    }

    /// `… IN IP4 host`.
    fn hosts(&mut self, value: &str) -> String {
        let mut names_host = false;
        let fields = value.split(' ').map(|field| {
            let shown = if names_host {
                self.connection_address(field)
            } else {
                self.addresses.text(field)
            };
            names_host = matches!(field, "IP4" | "IP6");
            shown
        });
        fields.collect::<Vec<_>>().join(" ")
    }
}

impl Credentials {
    /// Replaces them where they stand elsewhere: who draws one random word may use it twice.
    fn replace_words(&self, text: &str) -> String {
        if self.stand_ins.is_empty() {
            return text.to_owned();
        }
        // RFC 8839 §5.4: what credentials are made of.
        let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let (word, after) = rest.split_at(rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()));
            out.push_str(self.stand_ins.get(word).map_or(word, String::as_str));
            let (between, after) = after.split_at(after.find(is_of_word).unwrap_or(after.len()));
            out.push_str(between);
            rest = after;
        }
        out
    }
}

fn removed_bytes(line: &str) -> String {
    format!("x=removed {} bytes", line.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::AddressPolicy;

    fn scrub(policy: AddressPolicy) -> Scrub {
        Scrub { names: Names::default(), addresses: Addresses::new(policy) }
    }

    const OFFER: &str = "v=0\r\no=- 46 2 IN IP4 10.1.2.3\r\ns=-\r\nt=0 0\r\n\
        a=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 8.8.8.8\r\n\
        a=ice-ufrag:aBcD\r\na=ice-pwd:geheimgeheimgeheimgeheim\r\na=mid:0\r\n\
        a=fingerprint:sha-256 AB:CD:EF:01:23:45:67:89:AB:CD\r\n\
        a=candidate:1 1 udp 2122 8.8.8.8 5000 typ srflx raddr 10.1.2.3 rport 9 ufrag aBcD\r\n\
        a=rtpmap:96 H264/90000\r\n";

    #[test]
    fn credentials_and_fingerprints_have_stand_ins_and_the_rest_is_kept() {
        let mut scrub = scrub(AddressPolicy::Keep);

        let shown = scrub.sdp(OFFER);

        let expected = OFFER
            .replace("aBcD", "u00001")
            .replace("geheimgeheimgeheimgeheim", "p00000000000000000000001")
            .replace("AB:CD:EF:01:23:45:67:89:AB:CD", "00:00:00:00:00:00:00:00:00:01");
        assert_eq!(shown, expected);
        assert_eq!(scrub.names.password_of("aBcD"), Some("geheimgeheimgeheimgeheim"));
    }

    #[test]
    fn credentials_that_stand_a_second_time_are_replaced_there_too() {
        for line in
            ["a=ssrc:1 cname:geHeim", "a=ssrc:1 cname:x/geHeim", "a=mid:geHeim", "o=geHeim 1"]
        {
            for order in [[line, "a=ice-ufrag:geHeim"], ["a=ice-pwd:geHeim", line]] {
                let shown = scrub(AddressPolicy::Keep).sdp(&order.join("\r\n"));
                assert!(!shown.contains("geHeim"), "{order:?} becomes {shown}");
            }
        }
    }

    #[test]
    fn hidden_addresses_leave_no_trace() {
        let shown = scrub(AddressPolicy::Hide).sdp(OFFER);

        assert!(!shown.contains("8.8.8.8") && !shown.contains("10.1.2.3"), "{shown}");
        assert!(shown.contains("203.0.113.1 5000 typ srflx raddr 10.0.0.1 rport 9"), "{shown}");
        let mdns = "candidate:1 1 udp 2 0f0f-secret.local 5 typ host";
        let shown = scrub(AddressPolicy::Hide).candidate(mdns);
        assert_eq!(shown, "candidate:removed1 1 udp 2 host1.local 5 typ host");
    }

    #[test]
    fn what_might_hold_a_secret_in_another_spelling_does_not_pass() {
        for line in [
            "a=ICE-PWD:geheim",
            "a= ice-pwd :geheim",
            "a=crypto:1 AES_CM inline:geheim",
            "k=clear:geheim",
            "a=key-mgmt:mikey geheim",
            "a=identity:geheim",
            "ice-pwd:geheim",
            "{\"sdp\":\"a=ice-pwd:geheim\"}",
            "a=geheim",
            "a=geheim geheim:1",
            "e=geheim",
            "a=fingerprint:geheim",
            "a=fingerprint:md5 geheim",
            "A=ice-pwd:geheim",
            "s=geheim",
            "a=candidate:1 1 udp 1 1.2.3.4 5 typ host password geheim",
            "a=ice-ufrag:geheim",
            "a=candidate:1 1 udp 1 1.2.3.4 5 typ host geheim x",
            "=geheim",
            "ab=geheim",
            "a=sendrecv\ra=ice-pwd:geheim",
            "a=mid:0\n\r a=ice-pwd:geheim",
            "candidate:geheim",
        ] {
            let shown = scrub(AddressPolicy::Keep).sdp(line);
            assert!(!shown.contains("geheim"), "{line} becomes {shown}");
        }
        for line in ["geheim", "candidate:1 1 udp 1 1.2.3.4 5 typ host ufrag geheim"] {
            let shown = scrub(AddressPolicy::Keep).candidate(line);
            assert!(!shown.contains("geheim"), "{line} becomes {shown}");
        }
    }
}
