//! The promises over made-up SDP: `pinhole_tests::rewriting` says what they are.

use pinhole_core::portmap::{Audience, PortMap};
use pinhole_core::sdp::rewrite::{RewriteError, Rewriter};
use pinhole_tests::leaks::private_addresses;
use pinhole_tests::rewriting::rewritten;
use proptest::prelude::*;
use proptest::sample::select;

/// Some cover much, some little, one is private outside, one is none.
const MAPS: [&str; 6] = [
    "",
    "5000-5003/udp=203.0.113.10:30000-30003",
    "5000-5003/udp=203.0.113.10:5001-5004,5000-5003/tcp=203.0.113.10:5001-5004",
    "5000-5003/udp=203.0.113.10:30000-30003,5000-5003/udp=198.51.100.7:1-4,5000/udp=[2001:db8::10]:7",
    "10.0.0.5:5000/udp=203.0.113.10:30000,192.168.1.5:5000/udp=203.0.113.10:30001",
    "5000-5001/udp=10.9.0.1:30000-30001,5000-5001/tcp=10.9.0.1:9-10",
];
const ADDRESSES: [&str; 17] = [
    "10.0.0.5",
    "192.168.1.5",
    "172.17.0.1",
    "100.64.1.1",
    "127.0.0.1",
    "169.254.9.9",
    "fd00::5",
    "fe80::1%eth0",
    "::1",
    "::ffff:10.0.0.5",
    "198.51.100.9",
    "203.0.113.10",
    "2001:db8::9",
    "0.0.0.0",
    "::",
    "ab-cd.local",
    "host.example",
];
/// Lines that are nobody's, in each of which an address may stand.
const TEXTS: [&str; 12] = [
    "s=@",
    "i=at @:8080",
    "u=http://[@]:80/",
    "e=me@@",
    "b=AS:500",
    "a=ssrc:1 cname:@",
    "a=x-google-flag:@",
    "a=@",
    "a=source-filter: incl IN IP4 * @",
    "a=cafe:@",
    "a=fmtp:96 x=@;y=1.@.2",
    "a=remote-candidates:1 @ 9 2 192.0.2.7 9",
];
const ENDS: [&str; 2] = ["\r\n", "\n"];

fn address() -> impl Strategy<Value = &'static str> {
    select(&ADDRESSES[..])
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![6 => 4999u16..5006, 1 => Just(9), 1 => Just(0), 1 => Just(30000), 1 => 1u16..]
}

fn connection(kind: &'static str) -> impl Strategy<Value = String> {
    address().prop_map(move |address| {
        let family = if address.contains(':') { "IP6" } else { "IP4" };
        format!("{kind}IN {family} {address}")
    })
}

fn candidate() -> impl Strategy<Value = String> {
    const KINDS: [&str; 6] = ["host", "host", "host", "srflx", "prflx", "relay"];
    const TRANSPORTS: [&str; 5] = ["udp", "UDP", "udp", "tcp", "sctp"];
    let priority =
        prop_oneof![8 => 1_000_000u32..2_147_483_647, 1 => Just(2_130_706_431), 1 => 1u32..3];
    const EXTENSIONS: [&str; 5] =
        ["", " generation 0", " tcptype passive", " tcptype active ufrag raddr", " x-at @"];
    let head = ("[a-f0-9]{1,8}", 1u16..3, select(&TRANSPORTS[..]), priority);
    let tail = (select(&KINDS[..]), prop::option::of((address(), port())), select(&EXTENSIONS[..]));
    (head, address(), port(), tail, address()).prop_map(|(head, host, port, tail, in_text)| {
        let (foundation, component, transport, priority) = head;
        let (kind, related, extension) = tail;
        let related = related.map(|(at, port)| format!(" raddr {at} rport {port}")).unwrap_or_default();
        let extension = extension.replace('@', in_text);
        format!(
            "a=candidate:{foundation} {component} {transport} {priority} {host} {port} typ {kind}{related}{extension}"
        )
    })
}

fn text() -> impl Strategy<Value = String> {
    (select(&TEXTS[..]), address()).prop_map(|(text, address)| text.replace('@', address))
}

fn rtcp() -> impl Strategy<Value = String> {
    (port(), prop::option::of(connection(" ")))
        .prop_map(|(port, at)| format!("a=rtcp:{port}{}", at.unwrap_or_default()))
}

fn section() -> impl Strategy<Value = Vec<String>> {
    let media = (
        port(),
        select(&["video", "audio"][..]),
        select(&["RTP/AVP", "UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF"][..]),
    );
    let lines = prop_oneof![
        6 => candidate(),
        2 => text().prop_filter("one of these is the most there may be", |text| !text.starts_with(['s', 'u', 'i'])),
        1 => rtcp(),
        1 => Just("a=end-of-candidates".to_owned()),
        1 => Just("a=ice-ufrag:abcd".to_owned()),
        2 => (0u8..3).prop_map(|mid| format!("a=mid:{mid}")),
    ];
    let of = (media, prop::option::of(connection("c=")), prop::collection::vec(lines, 0..8));
    of.prop_map(|((port, kind, protocol), connection, lines)| {
        let first = format!("m={kind} {port} {protocol} 96");
        [first].into_iter().chain(connection).chain(lines).collect()
    })
}

/// A description; where `sections` are few, it is often a good one.
fn description() -> impl Strategy<Value = String> {
    let head = (
        connection("o=- 1 1 "),
        prop::option::of(connection("c=")),
        prop::collection::vec(text(), 0..3),
    );
    let shape = (any::<bool>(), any::<bool>(), select(&ENDS[..]), any::<bool>());
    (head, prop::collection::vec(section(), 0..4), shape).prop_map(|(head, sections, shape)| {
        let (origin, connection, texts) = head;
        let (fragment, bundled, end, ended) = shape;
        // A second of one of these is refused.
        let mut seen = std::collections::BTreeSet::new();
        let texts = texts.into_iter().filter(move |text| {
            !text.starts_with(['s', 'u', 'i']) || seen.insert(text.chars().next())
        });
        let mut lines: Vec<String> =
            ["v=0".to_owned(), origin].into_iter().chain(connection).chain(texts).collect();
        if bundled {
            lines.push("a=group:BUNDLE 0 1 2".to_owned());
        }
        lines.extend(sections.into_iter().flatten());
        lines.drain(..usize::from(fragment).min(lines.len()));
        lines.join(end) + if ended { end } else { "" }
    })
}

/// Some of the made-up texts must be rewritten and not refused, or nothing is tested.
#[test]
fn most_made_up_texts_are_rewritten() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let map = PortMap::parse([MAPS[3]]).unwrap();
    let mut rewritten = 0;
    for _ in 0..200 {
        let text = description().new_tree(&mut runner).unwrap().current();
        let out = Rewriter::new(&map, Audience::Public).rewrite(&text);
        rewritten += usize::from(matches!(&out, Ok(out) if *out != text));
        let expected = matches!(&out, Ok(_) | Err(RewriteError::Uncovered { .. }));
        assert!(expected, "{out:?} of {text:?}");
    }
    assert!(rewritten >= 60, "only {rewritten} of 200");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn every_promise_holds_of_every_text(sdp in description(), map in select(&MAPS[..])) {
        let map = PortMap::parse([map]).unwrap();
        for audience in [Audience::Lan, Audience::Both, Audience::Public] {
            match rewritten(&sdp, &map, audience) {
                Ok(_) => {}
                Err(RewriteError::Uncovered { .. }) => prop_assert_eq!(audience, Audience::Public),
                Err(error) => prop_assert!(false, "{}: {:?}", error, sdp),
            }
        }
    }

    #[test]
    fn no_address_survives_in_any_arrangement_of_its_characters(
        line in "(a=x:|s=|a=)[0-9af:.%d]{0,12}(10\\.0\\.0\\.5|fd00::5|::1|fe80::1%e|::ffff:10\\.1|192\\.168\\.1)[0-9af:.%d]{0,12}",
    ) {
        let sdp = format!("v=0\r\n{line}\r\n");
        let out = rewritten(&sdp, &PortMap::default(), Audience::Public).unwrap();
        prop_assert!(private_addresses(&out, &[]).is_empty());
    }

    #[test]
    fn a_trickled_candidate_becomes_what_it_becomes_in_a_description(
        line in candidate(), map in select(&MAPS[..]), audience in select(&[Audience::Both, Audience::Public][..]),
    ) {
        let map = PortMap::parse([map]).unwrap();
        let rewriter = Rewriter::new(&map, audience);
        let in_fragment = rewriter.rewrite(&format!("m=video 9 X 96\n{line}\n")).unwrap();
        let alone = rewriter.rewrite_candidate(&line).unwrap();
        let without = rewriter.rewrite_candidate(&line[2..]).unwrap();
        let expected: Vec<&str> = in_fragment.lines().skip(1).collect();
        // Among others a foundation that another one has is not given again.
        prop_assert_eq!(alone.len(), expected.len());
        prop_assert_eq!(&alone, &expected);
        prop_assert_eq!(alone, without.iter().map(|line| format!("a={line}")).collect::<Vec<_>>());
    }
}
