//! What people do with SDP today, each with a text on which it fails and this does not.
//!
//! The expressions are those that questions and guides about servers behind NAT show, in their simplest form: replace
//! every private address, or one address, or `c=`, or the address of host candidates, or drop lines.

use std::collections::BTreeSet;
use std::net::IpAddr;

use pinhole_core::portmap::{Audience, PortMap, Protocol};
use pinhole_tests::leaks::private_addresses;
use pinhole_tests::rewriting::{Candidate, rewritten};
use pinhole_tests::sdp::Sdp;
use regex::{Captures, Regex};

/// The outside address of them all.
const OUTSIDE: &str = "203.0.113.10";

fn replaced(pattern: &str, by: &str, sdp: &str) -> String {
    Regex::new(pattern).unwrap().replace_all(sdp, by).into_owned()
}

/// `sdp.replace(private_ip, public_ip)`: the one address that the machine has.
fn one_address(sdp: &str) -> String {
    sdp.replace("10.0.0.5", OUTSIDE)
}

/// Every address of RFC 1918, wherever it stands.
fn all_private(sdp: &str) -> String {
    replaced(
        r"(10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(1[6-9]|2\d|3[01])\.\d+\.\d+)",
        OUTSIDE,
        sdp,
    )
}

/// `c=` alone.
fn connection_only(sdp: &str) -> String {
    replaced(r"c=IN IP4 \d+\.\d+\.\d+\.\d+", &format!("c=IN IP4 {OUTSIDE}"), sdp)
}

/// The address of host candidates, their ports left.
fn host_addresses(sdp: &str) -> String {
    replaced(
        r"(a=candidate:\S+ \d+ \w+ \d+) \S+ (\d+) typ host",
        &format!("$1 {OUTSIDE} $2 typ host"),
        sdp,
    )
}

/// Address and port of host candidates, with the offset of the map: `30000 = 5000 + 25000`.
fn host_addresses_and_ports(sdp: &str) -> String {
    let pattern = Regex::new(r"(a=candidate:\S+ \d+ \w+ \d+) \S+ (\d+) typ host").unwrap();
    let mapped = |found: &Captures<'_>| {
        let port: u32 = found[2].parse().unwrap();
        format!("{} {OUTSIDE} {} typ host", &found[1], port + 25_000)
    };
    pattern.replace_all(sdp, mapped).into_owned()
}

/// Host candidates made server-reflexive, with the host as related address, as the RFC would have it.
fn made_reflexive(sdp: &str) -> String {
    let as_reflexive = format!("$1 {OUTSIDE} $3 typ srflx raddr $2 rport $3");
    replaced(r"(a=candidate:\S+ \d+ \w+ \d+) (\S+) (\d+) typ host", &as_reflexive, sdp)
}

/// Lines with private addresses dropped.
fn dropped(sdp: &str) -> String {
    replaced(r"(?m)^a=candidate.* (10|192\.168|172\.\d+)\.\S+ \d+ typ host.*\r?\n", "", sdp)
}

type Approach = fn(&str) -> String;

/// What is wrong with a text for a public audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// A private address can be seen.
    Leak,
    /// A candidate names an address that reaches nothing: it is not the map's, and was not there before.
    Unreachable,
    /// The default destination is no candidate.
    Default,
    /// An outside address that the map has is not told.
    Missing,
    /// Two candidates of a section are the same but for their rank, or have one rank.
    Repeated,
    /// An address of the viewer, or what is no address at all, was changed.
    Damage,
}
use Fault::{Damage, Default, Leak, Missing, Repeated, Unreachable};

/// Looks at a rewritten text as a viewer and a stranger would.
fn faults(before: &str, after: &str, map: &PortMap, untouched: &[&str]) -> BTreeSet<Fault> {
    let mut faults = BTreeSet::new();
    if !private_addresses(after, &[]).is_empty() {
        faults.insert(Leak);
    }
    if untouched.iter().any(|text| !after.contains(text)) {
        faults.insert(Damage);
    }
    let all = |text: &str| text.lines().filter_map(Candidate::of).collect::<Vec<_>>();
    let (was, is) = (all(before), all(after));
    let told = |at: &str| is.iter().any(|candidate| candidate.at == at);
    for base in was.iter().filter(|candidate| candidate.kind == "host") {
        let Ok(address) = base.at.parse() else { continue };
        let outside = map.external_over(base.protocol, address);
        if !outside.iter().all(|at| told(&at.to_string())) {
            faults.insert(Missing);
        }
    }
    for candidate in &is {
        let Ok(at) = candidate.at.parse() else { continue };
        let kept = was.iter().any(|old| old.at == candidate.at);
        if !kept && map.internal_over(candidate.protocol, at).is_none() {
            faults.insert(Unreachable);
        }
    }
    for section in Sdp::parse(after).unwrap().sections {
        let of = section.attributes("candidate").map(|value| format!("a=candidate:{value}"));
        let of: Vec<Candidate> = of.filter_map(|line| Candidate::of(&line)).collect();
        let places: BTreeSet<_> =
            of.iter().map(|c| (c.component, c.protocol == Protocol::Udp, &c.at)).collect();
        let ranks: BTreeSet<_> = of.iter().map(|c| (c.component, c.priority)).collect();
        if places.len() < of.len() || ranks.len() < of.len() {
            faults.insert(Repeated);
        }
        let connection = section.lines.iter().find(|(kind, _)| *kind == 'c').unwrap().1;
        let host = connection.split(' ').nth(2).unwrap();
        let default = match host.parse::<IpAddr>() {
            Ok(address) => std::net::SocketAddr::new(address, section.port).to_string(),
            Err(_) => host.to_owned(),
        };
        if !of.iter().any(|candidate| candidate.at == default) && !host.starts_with("0.") {
            faults.insert(Default);
        }
    }
    faults
}

/// A section with these lines behind `c=IN IP4 10.0.0.5` and port 5000.
fn sdp(lines: &[&str]) -> String {
    let head =
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 5000 UDP/TLS/RTP/SAVPF 96\r\n";
    format!("{head}c=IN IP4 10.0.0.5\r\n{}\r\n", lines.join("\r\n"))
}

const HOST: &str = "a=candidate:1 1 udp 2130706431 10.0.0.5 5000 typ host";

#[test]
fn every_expression_fails_somewhere_and_the_rewriter_nowhere() {
    let offset = "5000-5001/udp=203.0.113.10:30000-30001";
    let same = "5000-5001/udp=203.0.113.10:5000-5001";
    let two = "10.0.0.5:5000/udp=203.0.113.10:30000,192.168.1.5:5000/udp=198.51.100.7:30000";
    let v6 = "5000/udp=203.0.113.10:30000,5000/udp=[2001:db8::10]:30000";
    let second = "a=candidate:2 1 udp 2130706175 192.168.1.5 5000 typ host";
    let docker = "a=candidate:2 1 udp 2130706175 172.17.0.1 5000 typ host";
    let other_port = "a=candidate:2 1 udp 2130706175 10.0.0.5 6000 typ host";
    let host_v6 = "a=candidate:2 1 udp 2130706175 fd00::5 5000 typ host";
    let stun =
        "a=candidate:3 1 udp 1694498815 203.0.113.10 41000 typ srflx raddr 10.0.0.5 rport 5000";
    let stun_same =
        "a=candidate:3 1 udp 2130706431 203.0.113.10 5000 typ srflx raddr 10.0.0.5 rport 5000";
    let longer = "a=candidate:3 1 udp 1694498815 110.0.0.50 41000 typ srflx raddr 0.0.0.0 rport 9";
    let tcp = "a=candidate:4 1 tcp 1518280447 10.0.0.5 5000 typ host tcptype passive";
    let with_tcp = "5000/udp=203.0.113.10:30000,5000/tcp=203.0.113.10:443";
    let rtcp = "a=rtcp:5001 IN IP4 10.0.0.5";
    let component_2 = "a=candidate:1 2 udp 2130706430 10.0.0.5 5001 typ host";
    let shared = "a=candidate:2 1 udp 2130706175 100.64.0.7 5000 typ host";
    let tool = "a=tool:stack 110.0.0.51";
    // What the approach is shown, by which map, what must stay, and what goes wrong at least.
    #[expect(clippy::type_complexity, reason = "a table, read here alone")]
    let table: [(&str, Approach, &str, &[&str], &[&str], &[Fault]); 19] = [
        (
            "the port keeps its inside number",
            one_address,
            offset,
            &[HOST],
            &[],
            &[Unreachable, Missing],
        ),
        (
            "an address is part of a longer one",
            one_address,
            same,
            &[HOST, longer],
            &[longer],
            &[Damage],
        ),
        ("a number is no address", one_address, same, &[HOST, tool], &[tool], &[Damage]),
        ("there is a second interface", one_address, two, &[HOST, second], &[], &[Leak, Missing]),
        (
            "two interfaces, two outside addresses",
            all_private,
            two,
            &[HOST, second],
            &[],
            &[Missing, Repeated],
        ),
        (
            "docker's bridge comes to be the server",
            all_private,
            same,
            &[HOST, docker],
            &[],
            &[Repeated],
        ),
        ("IPv6 is no IPv4", all_private, v6, &[HOST, host_v6], &[], &[Leak, Missing]),
        (
            "addresses of a carrier are private too",
            all_private,
            same,
            &[HOST, shared],
            &[],
            &[Leak],
        ),
        (
            "the related address becomes the outside one",
            all_private,
            same,
            &[HOST, stun_same],
            &[],
            &[Repeated],
        ),
        ("an expression has no end", all_private, same, &[HOST, longer], &[longer], &[Damage]),
        ("only c= is rewritten", connection_only, same, &[HOST], &[], &[Leak, Default, Missing]),
        ("c= and the candidate disagree", host_addresses, same, &[HOST], &[], &[Leak, Default]),
        ("the related address is forgotten", host_addresses, same, &[HOST, stun], &[], &[Leak]),
        ("a=rtcp is forgotten", host_addresses, same, &[HOST, component_2, rtcp], &[], &[Leak]),
        (
            "a port that nobody forwards",
            host_addresses,
            same,
            &[HOST, other_port],
            &[],
            &[Unreachable],
        ),
        (
            "the default port is forgotten",
            host_addresses_and_ports,
            offset,
            &[HOST],
            &[],
            &[Leak, Default],
        ),
        (
            "TCP is mapped to another port",
            host_addresses_and_ports,
            with_tcp,
            &[HOST, tcp],
            &[],
            &[Unreachable],
        ),
        (
            "the base is told as related address",
            made_reflexive,
            same,
            &[HOST],
            &[],
            &[Leak, Default],
        ),
        ("what is dropped was the only way in", dropped, offset, &[HOST], &[], &[Leak, Missing]),
    ];
    for (what, approach, map, lines, untouched, expected) in table {
        let before = sdp(lines);
        let map = PortMap::parse([map]).unwrap();

        let theirs = faults(&before, &approach(&before), &map, untouched);
        let ours = rewritten(&before, &map, Audience::Public).unwrap();

        let missing: Vec<_> = expected.iter().filter(|fault| !theirs.contains(fault)).collect();
        assert!(missing.is_empty(), "{what}: {missing:?} is not among {theirs:?}");
        assert_eq!(faults(&before, &ours, &map, untouched), BTreeSet::new(), "{what}:\n{ours}");
    }
}

#[test]
fn a_plain_host_on_a_map_without_offset_is_all_that_they_can_do() {
    // So that the table above is about their mistakes, and not about a judge whom nothing pleases.
    let before = sdp(&[HOST]);
    let map = PortMap::parse(["5000/udp=203.0.113.10:5000"]).unwrap();
    for approach in [one_address, all_private] {
        assert_eq!(faults(&before, &approach(&before), &map, &[]), BTreeSet::new());
    }
}
