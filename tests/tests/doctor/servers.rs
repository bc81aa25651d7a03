//! STUN and TURN servers: good, refusing, silent, dead, nowhere.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use serde_json::json;

use super::coturn::Coturn;
use super::{examine_here, free_port, server};

#[test]
fn a_turn_server_relays_and_a_datagram_comes_back_over_udp_and_over_tcp() {
    let coturn = Coturn::start(&[]);
    for (query, relay) in [("", "udp"), ("?transport=tcp", "tcp")] {
        let facts = server(&format!("--ice-server turn:{}{query},user,pass", coturn.address));

        assert_eq!(facts["relay"], relay);
        assert_eq!(facts["answer"]["kind"], "relayed", "{facts:#}");
        let relayed = facts["answer"]["addresses"][0].as_str().unwrap();
        assert!(relayed.starts_with("127.0.0.1:"), "{relayed}");
        assert_eq!((&facts["echo"], &facts["realm"]), (&json!(true), &json!("pinhole")));
        assert!(facts["round_trip_ms"].as_f64().unwrap() < 1000.0);
        assert!(facts["echo_round_trip_ms"].as_f64().unwrap() < 1000.0);
    }
}

#[test]
fn the_allocation_is_given_back_so_that_a_quota_of_one_lasts() {
    let coturn = Coturn::start(&["--user-quota=1"]);
    let local = free_port();
    for _ in 0..2 {
        // The relay is used twice in a run: for the echo, and to prove the port.
        let map = format!("--map {local}/udp=127.0.0.1:{local}");
        let words = format!("{map} --ice-server turn:{},user,pass", coturn.address);
        let facts = examine_here(&words).facts().unwrap();

        assert_eq!(facts["servers"][0]["answer"]["kind"], "relayed", "{facts:#}");
        assert_eq!(facts["ports"][0]["proof"]["kind"], "proved", "{facts:#}");
        // coturn has an allocation in the way for a good second after it is ended.
        std::thread::sleep(Duration::from_secs(2));
    }
}

#[test]
fn a_wrong_password_is_refused_with_401_and_the_realm() {
    let coturn = Coturn::start(&[]);
    for query in ["", "?transport=tcp"] {
        let facts = server(&format!("--ice-server turn:{}{query},user,wrong", coturn.address));

        assert_eq!(facts["answer"], json!({ "kind": "refused", "code": 401 }));
        assert_eq!((&facts["realm"], &facts["echo"]), (&json!("pinhole"), &json!(null)));
    }
}

#[test]
fn names_that_expire_and_credentials_that_are_minted_are_told_apart() {
    let coturn = Coturn::start(&["--use-auth-secret", "--static-auth-secret=north"]);
    let minted = server(&format!("--ice-server turn:{} --turn-secret north", coturn.address));
    let (name, password) = pinhole_core::turn::mint("north", "me", 1_433_895_918);
    let old = server(&format!("--ice-server turn:{},{name},{password}", coturn.address));

    assert_eq!((&minted["minted"], &minted["answer"]["kind"]), (&json!(true), &json!("relayed")));
    assert_eq!((&old["minted"], &old["expires_unix"]), (&json!(false), &json!(1_433_895_918)));
    assert_eq!(old["answer"]["code"], 401, "{old:#}");
}

#[test]
fn a_relay_that_may_not_reach_us_is_not_taken_for_a_dead_one() {
    let coturn = Coturn::start(&["--denied-peer-ip=127.0.0.1"]);

    let facts = server(&format!("--ice-server turn:{},user,pass", coturn.address));

    assert_eq!(facts["answer"]["kind"], "relayed");
    assert_eq!(facts["peers_refused"], json!([{ "peer": "127.0.0.1", "code": 403 }]));
    assert_eq!(facts["echo"], json!(null), "{facts:#}");
}

#[test]
fn silence_and_an_open_tcp_port_are_told_apart_from_silence_alone() {
    // Nobody reads these.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp_only = listener.local_addr().unwrap();
    let _held = UdpSocket::bind(tcp_only).unwrap();
    for (scheme, user) in [("stun", ""), ("turn", ",user,pass")] {
        let dead = server(&format!("--ice-server {scheme}:{silent}{user}"));
        let other = server(&format!("--ice-server {scheme}:{tcp_only}{user}"));

        assert_eq!(
            (&dead["answer"]["kind"], &dead["opens_tcp"]),
            (&json!("silent"), &json!(false))
        );
        assert_eq!(
            (&other["answer"]["kind"], &other["opens_tcp"]),
            (&json!("silent"), &json!(true))
        );
    }
}

#[test]
fn what_cannot_be_reached_over_tcp_or_has_no_address_says_so() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plain = Coturn::start(&[]);
    let refused = server(&format!("--ice-server turn:{nobody}?transport=tcp,user,pass"));
    let no_tls = server(&format!("--ice-server turns:{},user,pass", plain.address));
    let nowhere = server("--ice-server stun:no-such-host.invalid");

    assert_eq!(refused["answer"]["kind"], "unreachable");
    assert_eq!(refused["answer"]["why"], "it refuses the connection");
    assert_eq!(no_tls["answer"]["kind"], "unreachable", "{no_tls:#}");
    assert_eq!(nowhere["answer"], json!({ "kind": "unresolved" }));
}

#[test]
fn a_stun_server_says_where_it_sees_us_and_the_nat_that_is_not_there_is_seen() {
    let coturn = Coturn::start(&[]);

    let facts = examine_here(&format!("--ice-server stun:{}", coturn.address)).facts().unwrap();

    let stun = &facts["servers"][0];
    assert_eq!((&stun["relay"], &stun["answer"]["kind"]), (&json!(null), &json!("mapped")));
    assert!(stun["answer"]["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(
        (&facts["nat"]["mapping"], &facts["nat"]["port_preserved"]),
        (&json!("none"), &json!(true))
    );
}
