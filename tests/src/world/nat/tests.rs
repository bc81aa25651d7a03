//! RFC 4787's definitions, one by one.

use super::*;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn nat(names: &str) -> Nat {
    let config = parse_kinds(names).unwrap()[0].config(at("10.0.0.2:5000")).unwrap();
    Nat::new(config, at("203.0.113.9:0").ip(), 7)
}

const INSIDE: &str = "10.0.0.2:5000";
/// Three remotes: an address, the same with another port, another address.
const REMOTES: [&str; 3] = ["192.0.2.1:1000", "192.0.2.1:1001", "192.0.2.2:1000"];

/// How many outside addresses one inside address gets for the three remotes, in order of first use.
fn mapped(nat: &mut Nat, now: Instant) -> Vec<usize> {
    let seen: Vec<SocketAddr> =
        REMOTES.iter().map(|remote| nat.outbound(now, at(INSIDE), at(remote))).collect();
    seen.iter().map(|one| seen.iter().position(|other| other == one).unwrap()).collect()
}

#[test]
fn mappings_depend_on_what_section_4_1_says() {
    let now = Instant::now();
    for (kind, expected) in [
        ("full", [0, 0, 0]),
        ("adr", [0, 0, 0]),
        ("port", [0, 0, 0]),
        ("keep", [0, 0, 0]),
        ("symadr", [0, 0, 2]),
        ("sym", [0, 1, 2]),
        ("symseq", [0, 1, 2]),
        ("fwd", [0, 1, 2]),
        ("one2one", [0, 0, 0]),
        ("fw", [0, 0, 0]),
    ] {
        assert_eq!(mapped(&mut nat(kind), now), expected, "{kind}");
    }
}

#[test]
fn filters_depend_on_what_section_5_says() {
    let now = Instant::now();
    for (kind, expected) in [
        ("full", [true, true, true]),
        ("adr", [true, true, false]),
        ("port", [true, false, false]),
        ("keep", [true, false, false]),
        ("symadr", [true, true, false]),
        ("sym", [true, false, false]),
        ("one2one", [true, true, true]),
        ("fw", [true, false, false]),
    ] {
        let mut nat = nat(kind);
        let outside = nat.outbound(now, at(INSIDE), at(REMOTES[0]));
        let lets = REMOTES.map(|remote| nat.inbound(now, outside, at(remote)) == Some(at(INSIDE)));
        assert_eq!(lets, expected, "{kind}");
    }
}

#[test]
fn ports_are_preserved_counted_or_drawn() {
    let now = Instant::now();
    let ports = |kind: &str| -> Vec<u16> {
        let mut nat = nat(kind);
        let out = |remote: &&str| nat.outbound(now, at(INSIDE), at(remote)).port();
        REMOTES.iter().map(out).collect()
    };
    assert_eq!(ports("keep"), [5000, 5000, 5000]);
    assert_eq!(ports("symseq"), [50_000, 50_001, 50_002]);
    assert_eq!(ports("one2one"), [30_000, 30_000, 30_000]);
    assert!(ports("sym").iter().all(|port| (40_000..60_000).contains(port)));
    assert_eq!(ports("sym"), ports("sym"), "from the seed");
    assert_eq!(ports("fw"), [5000, 5000, 5000]);

    let mut keep = nat("keep");
    let first = keep.outbound(now, at(INSIDE), at(REMOTES[0]));
    let second = keep.outbound(now, at("10.0.0.3:5000"), at(REMOTES[0]));
    assert_eq!((first.port(), second.port()), (5000, 5001), "a port is given once");
}

#[test]
fn a_mapping_lives_thirty_seconds_until_an_answer_came_and_two_minutes_after() {
    let start = Instant::now();
    let after = |seconds: u64| start + Duration::from_secs(seconds);
    let remote = at(REMOTES[0]);
    let mut one_way = nat("port");
    let outside = one_way.outbound(start, at(INSIDE), remote);
    assert_eq!(one_way.inbound(after(31), outside, remote), None);

    let mut nat = nat("port");
    let outside = nat.outbound(start, at(INSIDE), remote);
    assert_eq!(nat.inbound(after(29), outside, remote), Some(at(INSIDE)));
    assert_eq!(
        nat.inbound(after(148), outside, remote),
        Some(at(INSIDE)),
        "refreshed by an answer"
    );
    assert_eq!(nat.outbound(after(267), at(INSIDE), remote), outside, "refreshed by going out");
    assert_eq!(nat.inbound(after(388), outside, remote), None);
    assert_ne!(nat.outbound(after(389), at(INSIDE), remote), outside, "a new mapping");
}

#[test]
fn a_forward_lets_everybody_in_and_answers_leave_from_it() {
    let now = Instant::now();
    let (outside, stranger) = (at("203.0.113.9:30000"), at("198.51.100.1:7"));
    let mut nat = nat("fwd");

    assert_eq!(nat.inbound(now, outside, stranger), Some(at(INSIDE)));

    assert_eq!(nat.outbound(now, at(INSIDE), stranger), outside);
    assert_ne!(nat.outbound(now, at(INSIDE), at(REMOTES[0])), outside, "what it starts itself");
    assert_eq!(nat.inbound(now, at("203.0.113.9:30001"), stranger), None);
}

#[test]
fn flushed_or_renumbered_it_forgets() {
    let now = Instant::now();
    let mut nat = nat("port");
    let before = nat.outbound(now, at(INSIDE), at(REMOTES[0]));

    nat.flush();

    assert_eq!(nat.inbound(now, before, at(REMOTES[0])), None);
    assert_ne!(nat.outbound(now, at(INSIDE), at(REMOTES[0])), before);
    nat.renumber(at("203.0.113.77:0").ip());
    let after = nat.outbound(now, at(INSIDE), at(REMOTES[0]));
    assert_eq!(after.ip(), at("203.0.113.77:0").ip());
}

#[test]
fn the_rule_says_what_the_laboratory_measured() {
    let side = |text: &str| text.parse::<Side>().unwrap();
    for (server, viewer, direct) in [
        ("none", "sym", true),
        ("full", "symseq", true),
        ("adr", "sym", true),
        ("adr", "symadr", true),
        ("port", "port", true),
        ("port", "symadr", false),
        ("port", "symseq", false),
        ("symseq", "port", true),
        ("symseq", "symseq", false),
        ("symadr", "symadr", false),
        ("port+sym", "port", false),
        ("port+full", "sym", false),
        ("fwd", "port", false),
        ("fwd+map", "sym", true),
        ("one2one+map", "port+sym", true),
    ] {
        assert_eq!(goes_direct(&side(server), &side(viewer)), direct, "{server} × {viewer}");
    }
}
