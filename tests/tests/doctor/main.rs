//! `pinhole doctor` on loopback: real coturn, a reflector, servers that are dead or lie, ports that lead elsewhere. It is
//! the facts that are looked at; what they mean is the business of `pinhole_core::diagnose` and its own tests.
#![allow(clippy::unwrap_used)]

#[path = "../turn_servers/coturn.rs"]
mod coturn;
mod output;
mod ports;
mod servers;

use std::net::UdpSocket;
use std::time::Duration;

use pinhole_tests::doctor::{Examination, examine};
use serde_json::Value;

/// How long coturn may take to come up.
const PATIENCE: Duration = Duration::from_secs(8);

/// On loopback alone, and printing JSON.
fn examine_here(arguments: &str) -> Examination {
    let examination = examine(&format!("--json --udp-bind 127.0.0.1 {arguments}")).unwrap();
    println!("{arguments}\n{} in {:?}\n{}", examination.code, examination.took, examination.text);
    examination
}

/// The facts of the one server in these arguments.
fn server(arguments: &str) -> Value {
    let facts = examine_here(arguments).facts().unwrap();
    let servers = facts["servers"].as_array().unwrap();
    assert_eq!(servers.len(), 1, "{facts:#}");
    servers[0].clone()
}

/// A port with nothing for eight on either side: neighbours of one test are not another's.
fn free_port() -> u16 {
    for _ in 0..100 {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let beside = port.saturating_sub(20)..=port.saturating_add(20);
        let held: Vec<_> =
            beside.filter_map(|port| UdpSocket::bind(("127.0.0.1", port)).ok()).collect();
        if held.len() == 41 {
            return port;
        }
    }
    panic!("no 41 free ports in a row");
}
