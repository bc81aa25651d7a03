//! What the program told an endpoint for its diagnoses, as a recording shows it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::entry::millis;
use super::scrub_sdp::Scrub;
use crate::diagnose::{BrowserReport, PortFacts, Proof, Witness};
use crate::endpoint::Findings;
use crate::stun::{FilteringBehaviour, MappingBehaviour, NatReport};

/// Errors of a browser that are told.
const ERRORS_MAX: usize = 16;
/// Characters of each text of a browser's.
const TEXT_CHARS_MAX: usize = 256;

/// What a viewer's browser saw: [`BrowserReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are those of BrowserReport")]
pub struct BrowserTold {
    pub ice: String,
    pub connection: String,
    pub errors: Vec<BrowserError>,
    pub candidate_types: Vec<String>,
    pub pair: Option<String>,
    pub bytes_received: u64,
    pub packets_received: u64,
    pub frames_decoded: u64,
    pub unix_seconds: Option<u64>,
    /// A stand-in, the same as that of SDP with the same fingerprint.
    pub our_fingerprint: Option<String>,
    /// A stand-in.
    pub its_fingerprint: Option<String>,
}

/// One error of a browser's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are those of IceError")]
pub struct BrowserError {
    pub url: String,
    pub code: u16,
    pub text: String,
}

/// What the program found out about the network: [`Findings`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingsTold {
    /// How the NAT in front of us behaves.
    pub nat: Option<NatTold>,
    /// What came of proving mapped ports.
    pub ports: Vec<PortTold>,
    /// How many seconds our clock is ahead.
    pub clock_seconds: Option<i64>,
    /// Who told the time.
    pub clock_of: Option<String>,
    /// How long the encoder has not answered.
    pub encoder_stalled_ms: Option<u64>,
    /// Servers that are silent over UDP, and whether they take a TCP connection.
    pub opens_tcp: Vec<(usize, bool)>,
}

/// How a NAT behaves: [`NatReport`] without the tests that nobody answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are those of NatReport")]
pub struct NatTold {
    pub mapping: Option<String>,
    pub filtering: String,
    pub hairpin: Option<bool>,
    pub port_preserved: Option<bool>,
    pub port_step: Option<i32>,
    /// Each destination, and where the request seemed to come from.
    pub mapped: Vec<(SocketAddr, SocketAddr)>,
}

/// What is known of a mapped port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortTold {
    /// The outside address.
    pub external: SocketAddr,
    /// The socket that it is said to lead to.
    pub internal: SocketAddr,
    /// `untried`, `proved`, `at_port`, `at_closed_port`, `refused`, `no_host` or `silent`.
    pub proof: String,
    /// Where a proof came from.
    pub seen_from: Option<SocketAddr>,
    /// Where the datagrams arrived instead.
    pub at_port: Option<u16>,
    /// `reflector`, `relay`, `viewer` or `none`.
    pub witness: String,
}

impl Scrub {
    pub(super) fn browser(&mut self, report: &BrowserReport) -> BrowserTold {
        let errors = report.errors.iter().take(ERRORS_MAX).map(|error| BrowserError {
            url: self.prose(&error.url),
            code: error.code,
            text: self.prose(&error.text),
        });
        let errors = errors.collect();
        let types = report.candidate_types.iter().take(ERRORS_MAX);
        BrowserTold {
            ice: self.prose(&report.ice),
            connection: self.prose(&report.connection),
            errors,
            candidate_types: types.map(|of| self.prose(of)).collect(),
            pair: report.pair.as_ref().map(|pair| self.prose(pair)),
            bytes_received: report.bytes_received,
            packets_received: report.packets_received,
            frames_decoded: report.frames_decoded,
            unix_seconds: report.unix_seconds,
            our_fingerprint: report.our_fingerprint.as_ref().map(|print| self.fingerprint(print)),
            its_fingerprint: report.its_fingerprint.as_ref().map(|print| self.fingerprint(print)),
        }
    }

    pub(super) fn findings(&mut self, findings: &Findings) -> FindingsTold {
        FindingsTold {
            nat: findings.nat.as_ref().map(|nat| self.nat(nat)),
            ports: findings.ports.iter().map(|port| self.port(port)).collect(),
            clock_seconds: findings.clock.as_ref().map(|clock| clock.seconds),
            clock_of: findings.clock.as_ref().map(|clock| self.prose(&clock.whose)),
            encoder_stalled_ms: findings.encoder_stalled.map(millis),
            opens_tcp: findings.opens_tcp.clone(),
        }
    }

    /// Text for people, which may name hosts, users and realms.
    pub(super) fn prose(&mut self, text: &str) -> String {
        let short: String = text.chars().take(TEXT_CHARS_MAX).collect();
        self.addresses.prose(&self.names.replace_in_prose(&short))
    }

    fn nat(&mut self, nat: &NatReport) -> NatTold {
        let mapped = nat.mapped.iter().map(|seen| {
            (self.addresses.socket(seen.destination), self.addresses.socket(seen.mapped))
        });
        NatTold {
            mapped: mapped.collect(),
            mapping: nat.mapping.map(|mapping| mapping_name(mapping).to_owned()),
            filtering: filtering_name(nat.filtering).to_owned(),
            hairpin: nat.hairpin,
            port_preserved: nat.port_preserved,
            port_step: nat.port_step,
        }
    }

    fn port(&mut self, port: &PortFacts) -> PortTold {
        let (proof, seen_from, at_port) = match port.proof {
            Proof::Untried => ("untried", None, None),
            Proof::Proved { seen_from } => ("proved", Some(seen_from), None),
            Proof::AtPort(at) => ("at_port", None, Some(at)),
            Proof::AtClosedPort => ("at_closed_port", None, None),
            Proof::Refused => ("refused", None, None),
            Proof::NoHost => ("no_host", None, None),
            Proof::Silent => ("silent", None, None),
        };
        let witness = match port.witness {
            Witness::Reflector => "reflector",
            Witness::Relay => "relay",
            Witness::Viewer => "viewer",
            Witness::None => "none",
        };
        PortTold {
            external: self.addresses.socket(port.external),
            internal: self.addresses.socket(port.internal),
            proof: proof.to_owned(),
            seen_from: seen_from.map(|from| self.addresses.socket(from)),
            at_port,
            witness: witness.to_owned(),
        }
    }
}

fn mapping_name(mapping: MappingBehaviour) -> &'static str {
    match mapping {
        MappingBehaviour::None => "none",
        MappingBehaviour::EndpointIndependent => "endpoint_independent",
        MappingBehaviour::AddressDependent => "address_dependent",
        MappingBehaviour::AddressAndPortDependent => "address_and_port_dependent",
    }
}

fn filtering_name(filtering: FilteringBehaviour) -> &'static str {
    match filtering {
        FilteringBehaviour::Unknown => "unknown",
        FilteringBehaviour::EndpointIndependent => "endpoint_independent",
        FilteringBehaviour::AddressDependent => "address_dependent",
        FilteringBehaviour::AddressAndPortDependent => "address_and_port_dependent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::AddressPolicy;
    use crate::trace::addresses::Addresses;
    use crate::trace::names::Names;

    #[test]
    fn what_a_browser_says_names_no_secret_and_where_asked_no_address() {
        let mut names = Names::default();
        names.realm("the-realm");
        names.user("northern");
        let addresses = Addresses::new(AddressPolicy::Hide);
        let mut scrub = Scrub { names, addresses };
        scrub.addresses.host("turn.example.org");
        let sdp = scrub.sdp("a=fingerprint:sha-256 AA:BB:CC:DD:EE:FF:00:11\r\n");
        let report = BrowserReport {
            errors: vec![crate::diagnose::IceError {
                url: "turn:turn.example.org:3478".to_owned(),
                code: 401,
                text: "northern at the-realm, from 8.8.8.8".to_owned(),
            }],
            our_fingerprint: Some("sha-256 aa:bb:cc:dd:ee:ff:00:11".to_owned()),
            ..BrowserReport::default()
        };

        let told = scrub.browser(&report);

        assert_eq!(told.errors[0].url, "turn:host1.invalid:3478");
        assert_eq!(told.errors[0].text, "user1 at realm1, from 203.0.113.1");
        assert!(sdp.contains(&told.our_fingerprint.unwrap()), "the same stands for the same");
    }
}
