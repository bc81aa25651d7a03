//! What is printed, with which exit code, and how soon.

use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};

use pinhole_tests::doctor::{EXAMINE_LIMIT, Reflect, examine};
use serde_json::Value;

use super::coturn::Coturn;
use super::{examine_here, free_port};

#[test]
fn json_has_the_fields_that_the_docs_promise() {
    let coturn = Coturn::start(&[]);
    let reflect = Reflect::start("--listen 127.0.0.1:0").unwrap();
    let local = free_port();
    let words = format!(
        "--map {local}/udp=127.0.0.1:{local} --reflector {} --ice-server turn:{},user,north-star",
        reflect.address, coturn.address
    );

    let json = examine_here(&words).json().unwrap();

    let facts = &json["facts"];
    let page = include_str!("../../../docs/doctor.md");
    for (value, fields) in [
        (&json, "version pinhole ok took_ms verdicts checks facts"),
        (&json["checks"][0], "area subject grade text round_trip_ms"),
        (facts, "audience paths map candidates servers nat ports clock machine"),
        (&facts["candidates"][0], "address base protocol kind"),
        (
            &facts["servers"][0],
            "url relay address answer minted expires_unix realm opens_tcp peers_refused echo round_trip_ms \
             echo_round_trip_ms seen_as notes",
        ),
        (&facts["nat"], "mapping filtering hairpin port_preserved port_step mapped"),
        (&facts["ports"][0], "external internal proof witness passage note"),
        (&facts["ports"][0]["passage"], "sent arrived out_of_order together gap_max_ms"),
        (&facts["clock"], "offset_s whose"),
        (&facts["machine"], "udp_receive_bytes_max udp_send_bytes_max gpus encoder"),
    ] {
        let expected: BTreeSet<&str> = fields.split_whitespace().collect();
        assert_eq!(keys(value), expected, "{value:#}");
        for field in expected {
            assert!(page.contains(&format!("`{field}`")), "docs/doctor.md says nothing of {field}");
        }
    }
    for verdict in json["verdicts"].as_array().unwrap() {
        assert_eq!(
            keys(verdict),
            "code severity sentence fix evidence".split_whitespace().collect()
        );
    }
    assert_eq!(json["version"], 1);
    assert!(!json.to_string().contains("north-star"), "a password is printed");
}

#[test]
fn the_table_says_the_same_and_each_line_fits() {
    let coturn = Coturn::start(&[]);
    let words = format!("--ice-server turn:{},user,wrong", coturn.address);

    let examination = examine(&format!("--udp-bind 127.0.0.1 {words}")).unwrap();

    println!("{}", examination.text);
    assert!(examination.text.lines().all(|line| line.chars().count() <= 120));
    assert!(examination.text.contains("user name or password is wrong (401)"));
    assert!(!examination.text.contains('\x1b'), "colours that nobody asked for");
    assert_eq!(examination.errors, "", "progress is for terminals");
    let json = examine_here(&words).json().unwrap();
    for check in json["checks"].as_array().unwrap() {
        let area = check["area"].as_str().unwrap();
        assert!(examination.text.contains(&format!("  {area}")), "{area} is missing");
    }
}

#[test]
fn the_exit_code_is_that_of_the_verdicts() {
    let coturn = Coturn::start(&[]);
    for password in ["pass", "wrong"] {
        let words =
            format!("--ice-policy relay --ice-server turn:{},user,{password}", coturn.address);
        let examination = examine_here(&words);

        let json = examination.json().unwrap();
        let failed = |verdict: &Value| verdict["severity"] == "failed";
        let is_good = !json["verdicts"].as_array().unwrap().iter().any(failed);
        assert_eq!((json["ok"].as_bool(), examination.code), (Some(is_good), i32::from(!is_good)));
        assert_eq!(is_good, password == "pass", "{json:#}");
    }
}

#[test]
fn bad_usage_is_2_and_what_serve_would_not_start_with_is_1() {
    for (words, part) in [
        ("--no-such-flag", "--no-such-flag"),
        ("--reflector nowhere", "HOST:PORT"),
        ("--reflector-token x", "--reflector"),
        ("--ice-server http://a", "stun:HOST"),
        ("--ice-policy relay", "TURN"),
    ] {
        let examination = examine(words).unwrap();
        assert_eq!(examination.code, 2, "{words}: {examination:?}");
        assert!(examination.errors.contains(part), "{words}: {}", examination.errors);
    }
    let examination = examine_here("--map 5000/udp=no-such-host.invalid:5000");
    let json = examination.json().unwrap();
    assert_eq!((examination.code, &json["ok"]), (1, &Value::from(false)));
    assert!(json["error"].as_str().unwrap().contains("no-such-host.invalid"), "{json}");
}

#[test]
fn beside_a_server_at_work_all_but_its_port_is_looked_at() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = taken.local_addr().unwrap().port();
    let coturn = Coturn::start(&[]);
    let reflect = Reflect::start("--listen 127.0.0.1:0").unwrap();

    let examination = examine_here(&format!(
        "--map {server}/udp=127.0.0.1:{server} --reflector {} --ice-server turn:{},user,pass",
        reflect.address, coturn.address
    ));

    let json = examination.json().unwrap();
    let facts = &json["facts"];
    assert_eq!(facts["candidates"][0]["address"], format!("127.0.0.1:{server}"));
    assert_eq!(facts["servers"][0]["answer"]["kind"], "relayed");
    assert_eq!(facts["ports"][0]["proof"]["kind"], "untried");
    assert!(facts["ports"][0]["note"].as_str().unwrap().contains("another program holds"));
    assert_eq!(
        (&json["checks"][0]["area"], &json["checks"][0]["grade"]),
        (&"socket".into(), &"bad".into())
    );
    let text = json["checks"][0]["text"].as_str().unwrap();
    assert!(text.starts_with(&format!("UDP port {server} is taken on 127.0.0.1")), "{text}");
}

#[test]
fn it_ends_in_time_though_everything_is_dead_or_never_says_a_word() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    // It takes connections, and that is all.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = mute.local_addr().unwrap();
    let local = free_port();

    let examination = examine_here(&format!(
        "--map {local}/udp=127.0.0.1:{local} --reflector {mute} --ice-server stun:{silent} \
         --ice-server turn:{silent},user,pass --ice-server turn:{mute}?transport=tcp,user,pass \
         --ice-server turns:{mute},user,pass --ice-server stun:no-such-host.invalid"
    ));

    assert!(examination.took < EXAMINE_LIMIT, "{:?}", examination.took);
    let facts = examination.facts().unwrap();
    let answers = facts["servers"].as_array().unwrap().iter();
    let answers: Vec<&str> = answers.map(|it| it["answer"]["kind"].as_str().unwrap()).collect();
    assert_eq!(answers, ["silent", "silent", "silent", "unreachable", "unresolved"]);
    assert_eq!(facts["ports"][0]["proof"]["kind"], "untried");
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap_or_else(|| panic!("{value} is no object"))
        .keys()
        .map(String::as_str)
        .collect()
}
