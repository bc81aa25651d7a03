#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> PortMap {
    PortMap::parse([text]).unwrap()
}

fn refused(text: &str) -> PortMapError {
    PortMap::parse([text]).unwrap_err()
}

fn external(map: &PortMap, base: &str) -> Vec<String> {
    map.external(base.parse().unwrap()).iter().map(ToString::to_string).collect()
}

#[test]
fn a_port_is_mapped_to_the_one_at_the_same_place_in_the_other_range() {
    let map = parse("10111-10115/udp=203.0.113.10:30111-30115");
    for (base, expected) in [
        ("192.168.1.5:10111", Some("203.0.113.10:30111")),
        ("10.0.0.1:10115", Some("203.0.113.10:30115")),
        ("127.0.0.1:10113", Some("203.0.113.10:30113")),
        ("192.168.1.5:10110", None),
        ("192.168.1.5:10116", None),
        ("[fd00::5]:10111", None),
        ("[::ffff:192.168.1.5]:10112", Some("203.0.113.10:30112")),
    ] {
        assert_eq!(external(&map, base), Vec::from_iter(expected), "{base}");
    }
}

#[test]
fn each_family_and_protocol_has_its_own_and_one_port_may_have_several() {
    let map = PortMap::parse([
        "5000/udp=203.0.113.10:30000, 5000/tcp=203.0.113.10:30000",
        "5000/UDP=[2001:db8::10]:5000\t5000/udp=198.51.100.7:443",
        "10.0.0.5:5000/udp=192.0.2.1:7 [fd00::5]:5000/udp=[2001:db8::11]:7",
    ])
    .unwrap();
    let both = ["203.0.113.10:30000", "198.51.100.7:443"];
    assert_eq!(external(&map, "192.168.1.5:5000"), both);
    assert_eq!(external(&map, "10.0.0.5:5000"), [&both[..], &["192.0.2.1:7"]].concat());
    assert_eq!(external(&map, "[fd00::6]:5000"), ["[2001:db8::10]:5000"]);
    assert_eq!(external(&map, "[fd00::5]:5000"), ["[2001:db8::10]:5000", "[2001:db8::11]:7"]);
    let tcp = map.external_over(Protocol::Tcp, "192.168.1.5:5000".parse().unwrap());
    assert_eq!(tcp, ["203.0.113.10:30000".parse().unwrap()]);
    assert_eq!(
        map.to_string(),
        "5000/udp=203.0.113.10:30000,5000/tcp=203.0.113.10:30000,\
         5000/udp=[2001:db8::10]:5000,5000/udp=198.51.100.7:443,\
         10.0.0.5:5000/udp=192.0.2.1:7,[fd00::5]:5000/udp=[2001:db8::11]:7"
    );
}

#[test]
fn every_mistake_is_refused_with_a_text_that_names_it_and_the_fix() {
    #[rustfmt::skip]
    let cases = [
        ("10111", "`10111` is no port map entry; write LOCAL[-LOCAL]/udp=HOST:PORT[-PORT], like 1"),
        ("10111=203.0.113.10:1", "`10111=203.0.113.10:1` is no port map entry; write"),
        ("10111/udp=203.0.113.10", "`10111/udp=203.0.113.10` is no port map entry; write"),
        ("10111/udp=:5", "`10111/udp=:5` is no port map entry; write"),
        ("1/sctp=203.0.113.10:1", "`1/sctp=203.0.113.10:1` maps `sctp`; write /udp or /tcp"),
        ("x/udp=203.0.113.10:1", "`x` in `x/udp=203.0.113.10:1` is no port; ports are numbers"),
        ("65536/udp=203.0.113.10:1", "`65536` in `65536/udp"),
        ("+5/udp=203.0.113.10:1", "`+5` in `+5/udp"),
        ("1-2-3/udp=203.0.113.10:1", "`2-3` in `1-2-3/udp"),
        ("/udp=203.0.113.10:1", "`` in `/udp"),
        ("0/udp=203.0.113.10:1", "`0/udp=203.0.113.10:1` names port 0"),
        ("1/udp=203.0.113.10:0", "`1/udp=203.0.113.10:0` names port 0"),
        ("9-5/udp=203.0.113.10:1-5", "9-5 in `9-5/udp=203.0.113.10:1-5` runs backwards; write 5-9"),
        ("1-5/udp=203.0.113.10:1-3", "`1-5/udp=203.0.113.10:1-3` maps 5 local ports to 3 e"),
        ("1/udp=2001:db8::10:1", "`2001:db8::10` in `1/udp=2001:db8::10:1` looks like IPv6"),
        ("1/udp=relay.example:1", "`relay.example` in `1/udp=relay.example:1` is no IP add"),
        ("1/udp=[203.0.113.10]:1", "`[203.0.113.10]` in"),
        ("1/udp=203.0.113.300:1", "`203.0.113.300` in"),
        ("1/udp=0.0.0.0:1", "0.0.0.0 in `1/udp=0.0.0.0:1` is no address but a wildcard"),
        ("1/udp=[::]:1", ":: in `1/udp=[::]:1` is no address but a wildcard"),
        ("1/udp=224.0.0.1:1", "224.0.0.1 in `1/udp=224.0.0.1:1` is a multicast address"),
        ("1/udp=[ff02::1]:1", "ff02::1 in `1/udp=[ff02::1]:1` is a multicast address"),
        ("1/udp=255.255.255.255:1", "255.255.255.255 in `1/udp=255.255.255.255:1` is the"),
        ("0.0.0.0:1/udp=203.0.113.10:1", "0.0.0.0 in `0.0.0.0:1/udp=203.0.113.10:1` is no ad"),
        ("10.0.0.5:1/udp=[2001:db8::1]:1", "`10.0.0.5:1/udp=[2001:db8::1]:1` maps 10.0.0.5"),
    ];
    for (text, expected) in cases {
        let error = refused(text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn the_texts_say_what_to_do() {
    for (text, expected) in [
        ("1-5/udp=203.0.113.10:1-3", "external ones; make both ranges equally long"),
        ("1/udp=2001:db8::10:1", "put it in brackets, like [2001:db8::10]:30111"),
        ("1/udp=relay.example:1", "so write the address, like 203.0.113.10"),
        ("1/udp=0.0.0.0:1", "give the address under which the server is reached from outside"),
        ("0.0.0.0:1/udp=192.0.2.1:1", "give an interface's own address, or leave it out"),
        ("10.0.0.5:1/udp=[2001:db8::1]:1", "map IPv4 to IPv4 and IPv6 to IPv6"),
    ] {
        let error = refused(text).to_string();
        assert!(error.ends_with(expected), "{text}: {error}");
    }
}

#[test]
fn two_entries_may_not_claim_one_external_address() {
    let external: SocketAddr = "203.0.113.10:30".parse().unwrap();
    let twice = ["1-5/udp=203.0.113.10:30-34", "5-6/udp=203.0.113.10:34-35"];
    let text = "`1-5/udp=203.0.113.10:30-34` and `5-6/udp=203.0.113.10:34-35` both map \
                203.0.113.10:34, to the same port; drop one of them";
    assert_eq!(PortMap::parse(twice).unwrap_err().to_string(), text);

    for (one, other) in [
        ("1-5/udp=203.0.113.10:30-34", "7/udp=203.0.113.10:30"),
        ("1/udp=203.0.113.10:30", "2/udp=203.0.113.10:30"),
        ("10.0.0.5:1/udp=203.0.113.10:30", "10.0.0.6:1/udp=203.0.113.10:30"),
    ] {
        let error = parse(one).merge(parse(other)).unwrap_err();
        let (earlier, later) = (one.to_owned(), other.to_owned());
        assert_eq!(error, PortMapError::TwoLocals { earlier, later, external });
    }

    let one = parse("1/udp=203.0.113.10:30");
    let for_one_address = parse("10.0.0.5:1/udp=203.0.113.10:30");
    assert!(matches!(one.clone().merge(for_one_address), Err(PortMapError::Twice { .. })));
    let tcp = parse("2/tcp=203.0.113.10:30");
    assert!(one.merge(tcp).is_ok(), "UDP and TCP have ports of their own");
}

#[test]
fn bound_ports_must_be_mapped_unless_the_map_is_empty() {
    let map = parse("10111-10113/udp=203.0.113.10:1-3,10115/udp=203.0.113.10:5,7/tcp=192.0.2.1:7");
    assert_eq!(map.check_bound(&[10111, 10113, 10115]), Ok(()));
    assert_eq!(map.check_bound(&[]), Ok(()));
    assert_eq!(
        map.check_bound(&[10111, 10114]).unwrap_err().to_string(),
        "UDP port 10114 is bound, but the map covers only 10111-10113, 10115; add an entry for it, \
         or bind mapped ports only"
    );
    let tcp = parse("7/tcp=192.0.2.1:7").check_bound(&[7]).unwrap_err().to_string();
    assert!(tcp.starts_with("UDP port 7 is bound, but the map covers only TCP ports;"), "{tcp}");
    assert_eq!(PortMap::default().check_bound(&[1]), Ok(()));
    let public = PortMap::same_ports("203.0.113.10".parse().unwrap());
    assert_eq!(public.check_bound(&[1, 65535]), Ok(()));
}

#[test]
fn tcp_ports_are_checked_as_udp_ports_are() {
    let map = parse("8080/tcp=203.0.113.10:443,10111/udp=203.0.113.10:443");
    assert!(map.covers(Protocol::Tcp, 8080) && !map.covers(Protocol::Udp, 8080));
    assert!(!map.covers(Protocol::Tcp, 8081) && map.covers(Protocol::Udp, 10111));
    assert_eq!(map.check_bound_over(Protocol::Tcp, &[8080]), Ok(()));
    assert_eq!(
        map.check_bound_over(Protocol::Tcp, &[8080, 8443]).unwrap_err().to_string(),
        "TCP port 8443 is bound, but the map covers only 8080; add an entry for it, or bind mapped \
         ports only"
    );
    let udp = parse("1/udp=192.0.2.1:1").check_bound_over(Protocol::Tcp, &[1]).unwrap_err();
    assert!(udp.to_string().contains("covers only UDP ports;"), "{udp}");
    assert_eq!(PortMap::default().check_bound_over(Protocol::Tcp, &[1]), Ok(()));
}

#[test]
fn what_stands_behind_an_outside_address_is_found_again() {
    let map = parse(
        "10111-10115/udp=203.0.113.10:30111-30115,10.0.0.5:7/udp=203.0.113.10:9,\
         8080/tcp=203.0.113.10:443,1/udp=[2001:db8::10]:2",
    );
    for (protocol, external, expected) in [
        (Protocol::Udp, "203.0.113.10:30113", Some((None, 10113))),
        (Protocol::Udp, "[::ffff:203.0.113.10]:30115", Some((None, 10115))),
        (Protocol::Udp, "203.0.113.10:9", Some((Some("10.0.0.5".parse().unwrap()), 7))),
        (Protocol::Udp, "[2001:db8::10]:2", Some((None, 1))),
        (Protocol::Tcp, "203.0.113.10:443", Some((None, 8080))),
        (Protocol::Udp, "203.0.113.10:443", None),
        (Protocol::Udp, "203.0.113.10:30116", None),
        (Protocol::Udp, "203.0.113.11:30113", None),
    ] {
        let found = map.internal_over(protocol, external.parse().unwrap());
        assert_eq!(found, expected, "{protocol} {external}");
    }
}

#[test]
fn an_entry_about_an_address_that_nothing_is_bound_to_is_refused() {
    let addresses = |texts: &[&str]| -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let map = parse("5/udp=203.0.113.10:5,10.0.0.5:6/udp=203.0.113.10:6");
    for bound in [&["10.0.0.5"][..], &["10.0.0.6", "10.0.0.5"], &["0.0.0.0"], &["::ffff:10.0.0.5"]]
    {
        assert_eq!(map.check_bases(&addresses(bound)), Ok(()), "{bound:?}");
    }
    assert_eq!(
        map.check_bases(&addresses(&["10.0.0.6", "fd00::6"])).unwrap_err().to_string(),
        "`10.0.0.5:6/udp=203.0.113.10:6` maps nothing: no socket is bound to 10.0.0.5; bound are \
         10.0.0.6, fd00::6. Give one of these addresses, or leave the address out"
    );
    let v6 = parse("5/udp=[2001:db8::10]:5").check_bases(&addresses(&["10.0.0.5"])).unwrap_err();
    assert!(v6.to_string().contains("no socket is bound to an address of its family"), "{v6}");
    assert_eq!(PortMap::default().check_bases(&[]), Ok(()));
}

#[test]
fn a_public_ip_maps_every_port_of_its_family_to_itself() {
    let map = PortMap::same_ports("203.0.113.10".parse().unwrap());
    assert_eq!(external(&map, "10.0.0.5:10111"), ["203.0.113.10:10111"]);
    assert!(external(&map, "[fd00::5]:10111").is_empty());
    let text = "1-65535/udp=203.0.113.10:1-65535,1-65535/tcp=203.0.113.10:1-65535";
    assert_eq!(map.to_string(), text);
    let v6 = PortMap::same_ports("2001:db8::1".parse().unwrap());
    let both = map.merge(v6).unwrap();
    assert_eq!(external(&both, "[fd00::5]:1"), ["[2001:db8::1]:1"]);
}

#[test]
fn names_are_given_to_the_resolver_and_addresses_are_not() {
    let mut asked = Vec::new();
    let entries = ["1/udp=relay.example:1", "2/udp=192.0.2.1:2", "3/udp=[2001:db8::1]:3"];
    let map = PortMap::parse_resolving(entries, |name| {
        asked.push(name.to_owned());
        "203.0.113.10".parse().ok()
    })
    .unwrap();
    assert_eq!(asked, ["relay.example"]);
    assert_eq!(external(&map, "10.0.0.1:1"), ["203.0.113.10:1"]);
    let wildcard = PortMap::parse_resolving(["1/udp=relay.example:1"], |_| "0.0.0.0".parse().ok());
    assert!(matches!(wildcard, Err(PortMapError::HostUnusable { .. })));
}

#[test]
fn nat1to1_maps_addresses_and_epr_is_a_range() {
    let map = parse_nat1to1("203.0.113.10/10.0.0.5, 2001:db8::1,198.51.100.7").unwrap();
    assert_eq!(external(&map, "10.0.0.5:9"), ["203.0.113.10:9", "198.51.100.7:9"]);
    assert_eq!(external(&map, "10.0.0.6:9"), ["198.51.100.7:9"]);
    assert_eq!(external(&map, "[fd00::1]:9"), ["[2001:db8::1]:9"]);
    assert!(parse_nat1to1("").unwrap().is_empty());
    assert_eq!(
        parse_nat1to1("203.0.113.10:80").unwrap_err().to_string(),
        "`203.0.113.10:80` in NAT1TO1 is no address; write PUBLIC-IP or PUBLIC-IP/LOCAL-IP"
    );
    assert!(matches!(parse_nat1to1("0.0.0.0"), Err(PortMapError::HostUnusable { .. })));
    let one_for_two = parse_nat1to1("192.0.2.1/10.0.0.5,192.0.2.1/10.0.0.6");
    assert!(matches!(one_for_two, Err(PortMapError::TwoLocals { .. })));

    let range = parse_epr(" 59000-59100 ").unwrap();
    assert_eq!((range.first(), range.last(), range.count()), (59000, 59100, 101));
    assert_eq!(range.ports().count(), 101);
    assert!(matches!(parse_epr("59100-59000"), Err(PortMapError::Reversed { .. })));
    assert!(parse_epr("").is_err() && parse_epr("1-").is_err() && parse_epr("0-9").is_err());
}

#[test]
fn a_map_has_a_largest_size() {
    let entry = |port: usize| format!("{port}/udp=203.0.113.10:{port}");
    let entries: Vec<String> = (1..=ENTRIES_MAX + 1).map(entry).collect();
    let most = PortMap::parse(entries[1..].iter().map(String::as_str)).unwrap();
    assert_eq!(most.entries().len(), ENTRIES_MAX);
    let error = PortMap::parse(entries.iter().map(String::as_str)).unwrap_err();
    assert_eq!(error, PortMapError::TooMany);
}

fn any_host() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (1u8..224, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| IpAddr::from([a, b, c, d])),
        any::<[u16; 7]>().prop_map(|rest| {
            let [b, c, d, e, f, g, h] = rest;
            IpAddr::from([0x2001, b, c, d, e, f, g, h])
        }),
    ]
}

fn any_entry() -> impl Strategy<Value = String> {
    let local_ip = prop_oneof![2 => Just(None), 1 => any_host().prop_map(Some)];
    let ports = (1u16..=200, 1u16..65_000, 1u16..65_000);
    (local_ip, any::<bool>(), any_host(), ports).prop_map(|(local_ip, tcp, host, ports)| {
        let shown = |ip: IpAddr| if ip.is_ipv4() { ip.to_string() } else { format!("[{ip}]") };
        let (count, local, external) = ports;
        let local_ip = local_ip.filter(|ip| ip.is_ipv4() == host.is_ipv4());
        let local_ip = local_ip.map(|ip| format!("{}:", shown(ip))).unwrap_or_default();
        let protocol = if tcp { "tcp" } else { "udp" };
        format!(
            "{local_ip}{local}-{}/{protocol}={}:{external}-{}",
            local + count - 1,
            shown(host),
            external + count - 1
        )
    })
}

proptest! {
    #[test]
    fn every_mapped_port_leads_back_to_where_it_came_from(
        entries in prop::collection::vec(any_entry(), 1..6),
        place in any::<prop::sample::Index>(),
    ) {
        let parsed = PortMap::parse(entries.iter().map(String::as_str));
        prop_assume!(parsed.is_ok());
        let map = parsed.unwrap();
        let entry = map.entries()[place.index(map.entries().len())];
        let any_ip: IpAddr = if entry.host().is_ipv4() { [10, 0, 0, 5].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, 5].into() };
        let port = entry.local_ports().first() + place.index(entry.local_ports().count()) as u16;
        let base = SocketAddr::new(entry.local_ip().unwrap_or(any_ip), port);
        for external in map.external_over(entry.protocol(), base) {
            let (ip, behind) = map.internal_over(entry.protocol(), external).unwrap();
            prop_assert_eq!(behind, port);
            prop_assert!(ip.is_none_or(|ip| ip == base.ip()));
        }
        let reached = map.external_over(entry.protocol(), base);
        prop_assert!(reached.iter().any(|at| at.ip() == entry.host()));
    }

    #[test]
    fn what_a_map_displays_parses_to_the_same_map(
        entries in prop::collection::vec(any_entry(), 0..12),
        public in prop::option::of(any_host()),
    ) {
        let parsed = PortMap::parse(entries.iter().map(String::as_str));
        let merged = parsed.and_then(|map| match public {
            Some(address) => PortMap::same_ports(address).merge(map),
            None => Ok(map),
        });
        prop_assume!(merged.is_ok());
        let map = merged.unwrap();
        prop_assert_eq!(map.entries().len(), entries.len() + 2 * usize::from(public.is_some()));
        prop_assert_eq!(PortMap::parse([map.to_string().as_str()]), Ok(map));
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "[0-9a-f:./=\\[\\]udptc, -]{0,60}") {
        if let Ok(map) = PortMap::parse([text.as_str()]) {
            prop_assert_eq!(PortMap::parse([map.to_string().as_str()]), Ok(map));
        }
    }
}
