//! `pinhole doctor` behind real NATs, with `pinhole reflect` on the open internet: what it finds out of forwards that are
//! right, missing, or lead elsewhere, and of NATs and firewalls.

use std::process::Command;

use pinhole_tests::doctor::{EXAMINE_LIMIT, Reflect, examine};
use pinhole_tests::lab::ice::{STUN, TURN_TCP, TURN_UDP};
use pinhole_tests::lab::{Host, Lab, LabConfig, TURN_ADDRESS, Tunnel};
use serde_json::{Value, json};

/// Forwarded by `fwd`: 30000-30009 outside to 5000-5009 inside.
const FORWARDED: &str = "--udp-ports 5000 --map 5000/udp=192.0.2.10:30000";

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_forward_is_proved_by_the_reflector_and_by_the_relay() {
    let lab = lab("fwd", "port");
    let reflect = reflect(&lab, "");

    let facts = facts(&lab, &format!("{FORWARDED} --reflector {}", reflect.address));
    proof(&facts, &json!({ "kind": "proved" }), "reflector");
    let seen_from = facts["ports"][0]["proof"]["seen_from"].as_str().unwrap();
    assert!(seen_from.starts_with(&format!("{TURN_ADDRESS}:")), "{seen_from}");
    assert_eq!(facts["clock"]["offset_s"], 0);

    let facts = self::facts(&lab, &format!("{FORWARDED} --ice-server {TURN_UDP}"));
    proof(&facts, &json!({ "kind": "proved" }), "relay");
    assert_eq!(facts["servers"][0]["echo"], true, "{facts:#}");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_forward_that_is_missing_or_leads_to_another_port_is_told_apart() {
    let lab = lab("fwd", "port");
    let reflect = reflect(&lab, "");
    for (map, expected) in [
        // The router knows nothing of 31000.
        ("5000/udp=192.0.2.10:31000", json!({ "kind": "silent" })),
        // It forwards 30000 to 5000.
        ("5001/udp=192.0.2.10:30000", json!({ "kind": "at-port", "port": 5000 })),
        ("5003-5004/udp=192.0.2.10:30004-30005", json!({ "kind": "at-port", "port": 5004 })),
        // Nobody listens at 5000, and it is too far off to be looked at.
        ("5009/udp=192.0.2.10:30000", json!({ "kind": "at-closed-port" })),
    ] {
        let by_reflector = facts(&lab, &format!("--map {map} --reflector {}", reflect.address));
        proof(&by_reflector, &expected, "reflector");

        lab.flush().unwrap();
        let by_relay = facts(&lab, &format!("--map {map} --ice-server {TURN_UDP}"));
        proof(&by_relay, &expected, "relay");
        lab.flush().unwrap();
    }
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn of_two_ports_the_one_that_reaches_a_closed_port_is_told_from_the_one_that_is_missing() {
    let lab = lab("fwd", "port");
    let reflect = reflect(&lab, "");
    // 5009 is said to be at 30000, which leads to 5000, where nobody listens; 31000 leads nowhere.
    let maps = "--map 5009/udp=192.0.2.10:30000 --map 5030/udp=192.0.2.10:31000";
    for (words, witness) in [
        (format!("--reflector {}", reflect.address), "reflector"),
        (format!("--ice-server {TURN_UDP}"), "relay"),
    ] {
        let facts = facts(&lab, &format!("{maps} {words}"));

        let proofs: Vec<_> =
            facts["ports"].as_array().unwrap().iter().map(|port| &port["proof"]["kind"]).collect();
        assert_eq!(proofs, ["at-closed-port", "silent"], "by the {witness}: {facts:#}");
        lab.flush().unwrap();
    }
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_forward_to_another_machine_is_told_apart_from_one_to_none() {
    let lab = lab("fwd", "same");
    let reflect = reflect(&lab, "");
    for (host, expected) in [("10.10.0.3", "refused"), ("10.10.0.99", "no-host")] {
        forward(&lab, 31_000, &format!("{host}:5000"));

        let map = "--map 5000/udp=192.0.2.10:31000";
        let facts = facts(&lab, &format!("{map} --reflector {}", reflect.address));

        proof(&facts, &json!({ "kind": expected }), "reflector");
    }
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_firewall_without_udp_leaves_the_relay_over_tcp_and_that_is_proved() {
    let lab = lab("noudp", "port");
    let facts = facts(
        &lab,
        &format!("--ice-server {STUN} --ice-server {TURN_UDP} --ice-server {TURN_TCP}"),
    );

    let servers = &facts["servers"];
    for silent in [&servers[0], &servers[1]] {
        assert_eq!(
            (&silent["answer"]["kind"], &silent["opens_tcp"]),
            (&json!("silent"), &json!(true))
        );
    }
    assert_eq!(
        (&servers[2]["answer"]["kind"], &servers[2]["echo"]),
        (&json!("relayed"), &json!(true))
    );
    assert_eq!(facts["nat"], json!(null));
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_firewall_that_passes_443_alone_leaves_the_relay_over_tls() {
    let lab = lab("only443", "port");
    let certificate = lab.certificate();
    let turns = format!("turns:{TURN_ADDRESS}:443,lab,lab");
    let facts = facts(&lab, &format!("--ice-server {turns} --turn-ca {}", certificate.display()));
    let server = &facts["servers"][0];
    assert_eq!(
        (&server["answer"]["kind"], &server["echo"]),
        (&json!("relayed"), &json!(true)),
        "{server:#}"
    );

    let facts = self::facts(&lab, &format!("--ice-server {turns}"));
    let answer = &facts["servers"][0]["answer"];
    assert_eq!(
        answer["kind"], "unreachable",
        "without its certificate it is not believed: {answer}"
    );
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn nats_are_named_by_how_they_map_and_filter() {
    for (nat, mapping, filtering) in [
        ("none", "none", "endpoint-independent"),
        ("full", "endpoint-independent", "endpoint-independent"),
        ("port", "endpoint-independent", "address-and-port-dependent"),
        ("sym", "address-and-port-dependent", "address-and-port-dependent"),
    ] {
        let facts = facts(&lab(nat, "port"), &format!("--ice-server {STUN}"));

        let seen = (&facts["nat"]["mapping"], &facts["nat"]["filtering"]);
        assert_eq!(seen, (&json!(mapping), &json!(filtering)), "{nat}: {facts:#}");
    }
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_tunnel_shows_by_where_its_datagrams_come_from() {
    let lab = lab("port", "port");
    let mut tunnel = Tunnel::open(&lab).unwrap();
    tunnel.connect("127.0.0.1:5000".parse().unwrap()).unwrap();
    // Its public address is not the one that we come from.
    let reflect = reflect(&lab, "--token north");
    let words = format!("--map 5000/udp={} --reflector {}", tunnel.public, reflect.address);

    let facts = facts(&lab, &format!("{words} --reflector-token north"));

    proof(&facts, &json!({ "kind": "proved" }), "reflector");
    let seen_from = facts["ports"][0]["proof"]["seen_from"].as_str().unwrap();
    assert!(seen_from.starts_with("127.0.0.1:"), "{seen_from}");
    assert_eq!(facts["ports"][0]["passage"]["out_of_order"], 0);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_port_of_either_family_is_proved_by_a_reflector_of_its_own_family() {
    let lab = lab("none:v6", "port");
    let reflect = reflect_at(&lab, "[::]:0", "");
    let port = reflect.address.port();
    let both = "--udp-ports 5000 --public-ip 198.51.100.2 --public-ip 2001:db8:a::2";
    for (name, proved) in
        [(format!("{TURN_ADDRESS}:{port}"), "198."), (format!("[2001:db8::1]:{port}"), "[2001:")]
    {
        let facts = facts(&lab, &format!("{both} --reflector {name}"));

        let ports = facts["ports"].as_array().unwrap();
        assert_eq!(ports.len(), 2, "{facts:#}");
        for port in ports {
            let is_of_family = port["external"].as_str().unwrap().starts_with(proved);
            let kind = if is_of_family { "proved" } else { "untried" };
            assert_eq!(port["proof"]["kind"], kind, "{facts:#}");
            assert_eq!(port["note"].is_null(), is_of_family, "{port:#}");
        }
    }
}

fn lab(nat_a: &str, nat_b: &str) -> Lab {
    Lab::up(nat_a, nat_b, &LabConfig { turn: true, ..LabConfig::default() }).unwrap()
}

fn reflect(lab: &Lab, words: &str) -> Reflect {
    reflect_at(lab, &format!("{TURN_ADDRESS}:0"), words)
}

fn reflect_at(lab: &Lab, address: &str, words: &str) -> Reflect {
    let listen = format!("--listen {address} {words}");
    lab.enter(Host::Internet, || Reflect::start(&listen)).unwrap()
}

fn facts(lab: &Lab, words: &str) -> Value {
    let examination = lab.enter(Host::Server, || examine(&format!("--json {words}"))).unwrap();
    println!("{} x {}: {words}: {:?}", lab.nat_a, lab.nat_b, examination.took);
    assert!(examination.took < EXAMINE_LIMIT, "{:?}", examination.took);
    examination.facts().unwrap()
}

/// Holds the first port to its proof, of which `seen_from` may be anything, and to its witness.
fn proof(facts: &Value, expected: &Value, witness: &str) {
    let port = &facts["ports"][0];
    let mut proof = port["proof"].clone();
    proof.as_object_mut().unwrap().remove("seen_from");
    assert_eq!((&proof, &port["witness"]), (expected, &json!(witness)), "{facts:#}");
}

/// Adds a rule to the server's NAT, or replaces the one that was added.
fn forward(lab: &Lab, port: u16, to: &str) {
    let nft = format!(
        "add chain ip nat planted {{ type nat hook prerouting priority dstnat - 1; }}; flush chain ip nat planted; \
         add rule ip nat planted ip daddr 192.0.2.10 udp dport {port} dnat to {to}"
    );
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &format!("{}-natA", lab.id()), "nft", &nft]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
