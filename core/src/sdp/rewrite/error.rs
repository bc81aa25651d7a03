//! Why an SDP is not rewritten.

use std::fmt;

use crate::portmap::{PortMap, Protocol};

/// Why an SDP is refused; its text says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the parts that each text names")]
pub enum RewriteError {
    /// The text is no SDP.
    #[error(
        "this is no SDP: {what}; hand in an offer, an answer or a fragment of one, lines like \
         `v=0` or `a=candidate:…`"
    )]
    NotSdp { what: String },
    /// JSON around an SDP.
    #[error("this is JSON, not SDP; hand in the value of its \"sdp\", with real line ends")]
    Json,
    /// A line that is no candidate, or a candidate that RFC 8839 does not allow.
    #[error("line {line}, `{text}`, is no candidate: {what}; see RFC 8839 §5.1 for its form")]
    Candidate { line: usize, text: String, what: &'static str },
    /// More candidates than anybody has.
    #[error("this SDP has more than {max} candidates; leave some out", max = super::CANDIDATES_MAX)]
    TooManyCandidates,
    /// Nothing would be left that a public audience can reach.
    #[error(
        "no address of {place} is covered by the map: it has {}; {covered}; {}", seen.join(", "),
        advice(seen)
    )]
    Uncovered { place: Place, seen: Vec<String>, covered: Covered },
}

/// What is done about addresses that no map covers: names of mDNS hide what a map would need.
fn advice(seen: &[String]) -> &'static str {
    match seen.iter().any(|address| address.contains(".local:")) {
        true => {
            "a name that ends in .local hides its address: let the program that made this SDP \
                 give addresses, on mapped ports"
        }
        false => "map one of these ports, or bind a mapped one",
    }
}

/// Where in an SDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Everywhere.
    Sdp,
    /// One m-line: which one, from 1, and its kind, `video`.
    MediaLine(usize, String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Sdp => f.write_str("this SDP"),
            Place::MediaLine(index, kind) => write!(f, "m-line {index} ({kind})"),
        }
    }
}

/// The local ports that a map covers, for a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered(String);

impl Covered {
    pub(super) fn by(map: &PortMap) -> Covered {
        let entries = map.entries().iter().map(|entry| {
            let protocol = if entry.protocol() == Protocol::Udp { "udp" } else { "tcp" };
            match entry.local_ip() {
                Some(address) => format!("{}/{protocol} of {address}", entry.local_ports()),
                None => format!("{}/{protocol}", entry.local_ports()),
            }
        });
        Covered(entries.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Covered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            "" => f.write_str("the map is empty"),
            ports => write!(f, "the map covers the local ports {ports}"),
        }
    }
}
