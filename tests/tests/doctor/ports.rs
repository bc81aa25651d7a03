//! Mapped ports, proved by a reflector or by a relay, or not.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use pinhole_tests::doctor::Reflect;
use serde_json::{Value, json};

use super::coturn::Coturn;
use super::{examine_here, free_port};

/// The fact of the one port when `local` is said to be reached at `outside` of this machine.
fn port(local: u16, outside: u16, more: &str) -> Value {
    let map = format!("--map {local}/udp=127.0.0.1:{outside} {more}");
    let facts = examine_here(&map).facts().unwrap();
    let ports = facts["ports"].as_array().unwrap();
    assert_eq!(ports.len(), 1, "{facts:#}");
    assert_eq!(ports[0]["internal"], format!("127.0.0.1:{local}"));
    assert_eq!(ports[0]["external"], format!("127.0.0.1:{outside}"));
    ports[0].clone()
}

/// A reflector, and a TURN server with the word that names each to the doctor.
fn witnesses() -> (Reflect, Coturn, [(String, &'static str); 2]) {
    let reflect = Reflect::start("--listen 127.0.0.1:0").unwrap();
    let coturn = Coturn::start(&[]);
    let words = [
        (format!("--reflector {}", reflect.address), "reflector"),
        (format!("--ice-server turn:{},user,pass", coturn.address), "relay"),
    ];
    (reflect, coturn, words)
}

#[test]
fn a_port_that_leads_here_is_proved_by_whoever_can() {
    let (_reflect, _coturn, words) = witnesses();
    for (word, witness) in words {
        let local = free_port();
        let port = port(local, local, &word);

        assert_eq!((&port["proof"]["kind"], &port["witness"]), (&json!("proved"), &json!(witness)));
        assert!(port["proof"]["seen_from"].as_str().unwrap().starts_with("127.0.0.1:"));
        let passage = &port["passage"];
        assert_eq!((&passage["sent"], &passage["arrived"]), (&json!(5), &json!(5)));
        assert_eq!(passage["out_of_order"], 0);
    }
}

#[test]
fn a_port_that_leads_to_a_neighbour_names_it() {
    let (_reflect, _coturn, words) = witnesses();
    for (word, witness) in words {
        let local = free_port();
        let port = port(local, local + 1, &word);

        assert_eq!(port["proof"], json!({ "kind": "at-port", "port": local + 1 }));
        assert_eq!(port["witness"], witness);
    }
}

#[test]
fn a_port_that_leads_to_a_closed_one_of_this_machine_is_seen_by_its_counters() {
    let (_reflect, _coturn, words) = witnesses();
    for (word, witness) in words {
        let local = free_port();
        let port = port(local, local + 15, &word);

        assert_eq!(
            (&port["proof"], &port["witness"]),
            (&json!({ "kind": "at-closed-port" }), &json!(witness))
        );
    }
}

#[test]
fn without_a_witness_a_port_is_left_unproved() {
    let local = free_port();

    let port = port(local, local, "");

    assert_eq!((&port["proof"], &port["witness"]), (&json!({ "kind": "untried" }), &json!(null)));
}

#[test]
fn of_many_ports_each_has_its_own_proof_and_sixteen_are_enough() {
    let reflect = Reflect::start("--listen 127.0.0.1:0").unwrap();
    let low = free_port() - 10;
    let map = format!("--map {low}-{}/udp=127.0.0.1:{low}-{}", low + 19, low + 19);

    let examination = examine_here(&format!("{map} --reflector {}", reflect.address));

    let ports = examination.facts().unwrap()["ports"].clone();
    let ports = ports.as_array().unwrap();
    assert_eq!(ports.len(), 16);
    assert!(ports.iter().all(|port| port["proof"]["kind"] == "proved"), "{ports:#?}");
    assert!(examination.text.contains("4 more mapped ports were not tried"));
}

#[test]
fn a_reflector_sends_elsewhere_only_for_its_token() {
    let local = free_port();
    // Loopback has more than one address: this one is not where we come from.
    let map = format!("--map {local}/udp=127.0.0.2:{local}");
    let proof = |words: &str| {
        let facts = examine_here(&format!("{map} {words}")).facts().unwrap();
        (facts["ports"][0]["proof"]["kind"].clone(), facts["ports"][0]["note"].to_string())
    };
    let open = Reflect::start("--listen 127.0.0.1:0").unwrap();
    let closed = Reflect::start("--listen 127.0.0.1:0 --token north").unwrap();

    let (kind, note) = proof(&format!("--reflector {}", open.address));
    assert_eq!(kind, "untried");
    assert!(note.contains("--reflector-token"), "{note}");
    let (kind, note) = proof(&format!("--reflector {}", closed.address));
    assert_eq!(kind, "untried");
    assert!(note.contains("--reflector-token"), "{note}");
    let wrong =
        examine_here(&format!("{map} --reflector {} --reflector-token south", closed.address));
    assert!(wrong.text.contains("the token is not this reflector's"));
    // Sent, and not arrived: the sockets are bound to the other address.
    let (kind, _) = proof(&format!("--reflector {} --reflector-token north", closed.address));
    assert_eq!(kind, "at-closed-port");
}

#[test]
fn a_reflector_that_is_dead_leaves_the_proof_to_the_relay() {
    let coturn = Coturn::start(&[]);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let local = free_port();
    let words = format!("--reflector {nobody} --ice-server turn:{},user,pass", coturn.address);

    let port = port(local, local, &words);

    assert_eq!((&port["proof"]["kind"], &port["witness"]), (&json!("proved"), &json!("relay")));
}

#[test]
fn our_clock_is_held_against_the_reflectors() {
    let reflect = Reflect::start("--listen 127.0.0.1:0").unwrap();
    let facts = examine_here(&format!("--reflector {}", reflect.address)).facts().unwrap();
    assert_eq!(facts["clock"], json!({ "offset_s": 0, "whose": "the reflector" }));

    // One that lives two hours ago.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = std::thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        let mut hello = String::new();
        BufReader::new(stream.try_clone().unwrap()).read_line(&mut hello).unwrap();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let tell =
            json!({ "type": "hello", "version": 1, "unix_ms": unix - 7_200_000, "you": peer });
        writeln!(stream, "{tell}").unwrap();
        hello
    });
    let facts = examine_here(&format!("--reflector {address}")).facts().unwrap();
    let hello: Value = serde_json::from_str(&answer.join().unwrap()).unwrap();

    assert_eq!(hello, json!({ "type": "hello", "version": 1 }));
    assert_eq!(facts["clock"]["offset_s"], 7200);
}
