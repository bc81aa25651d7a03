//! The allocation of the core against a real coturn, on loopback: a tiny blocking shell, real time.
#![allow(clippy::unwrap_used)]

mod client;
mod coturn;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use client::{Client, Peer};
use coturn::Coturn;
use pinhole_core::turn::{AllocationEvent, Credentials, Families, Leg, LossCause};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(8);

#[test]
fn data_goes_both_ways_over_udp_as_indication_and_by_channel() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));

    client.meet(&Peer::new("127.0.0.1:0"));

    assert_eq!(client.prefixes, [36, 4]);
    assert_eq!(client.events.len(), 1, "{:?}", client.events);
}

#[test]
fn data_goes_both_ways_over_tcp() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Stream, Families::V4, long_term("pass"));

    client.meet(&Peer::new("127.0.0.1:0"));

    assert_eq!(client.prefixes, [36, 4]);
}

#[test]
fn one_allocation_reaches_peers_of_both_families() {
    let server = Coturn::start(&["--listening-ip=::1", "--relay-ip=::1"]);
    let mut client = Client::new(&server, Leg::Datagram, Families::Both, long_term("pass"));

    client.meet(&Peer::new("127.0.0.1:0"));
    assert_eq!(client.allocation.relayed().count(), 2, "{:?}", client.events);
    client.meet(&Peer::new("[::1]:0"));

    assert!(client.prefixes.contains(&48), "{:?}", client.prefixes);
}

#[test]
fn minted_credentials_are_taken() {
    let server = Coturn::start(&["--use-auth-secret", "--static-auth-secret=north"]);
    let credentials = Credentials::Rest { secret: "north".into(), user: "viewer".into() };
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, credentials);

    client.meet(&Peer::new("127.0.0.1:0"));
}

#[test]
fn a_wrong_password_is_refused() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("wrong"));

    client.run_until("a refusal", |client| !client.events.is_empty());

    assert_eq!(client.events, [AllocationEvent::Refused { code: 401 }]);
}

#[test]
fn a_nonce_that_goes_stale_every_second_is_not_noticed() {
    let server = Coturn::start(&["--stale-nonce=1"]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));
    let peer = Peer::new("127.0.0.1:0");
    client.meet(&peer);

    for _ in 0..40 {
        client.send(peer.address(), b"media");
        client.run(Duration::from_millis(200));
    }
    client.meet(&Peer::new("127.0.0.1:0"));

    assert_eq!(client.events.len(), 1, "{:?}", client.events);
    assert!(peer.take().len() >= 39);
}

#[test]
fn a_server_that_is_killed_and_started_again_relays_again_within_five_seconds() {
    let server = Coturn::start(&[]);
    let port = server.address.port();
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));
    let peer = Peer::new("127.0.0.1:0");
    client.meet(&peer);
    client.run(Duration::from_secs(4));
    drop(server);
    let killed = Instant::now();
    let _server = Coturn::start_on(port, &[]);
    peer.take();

    let mut back = None;
    while back.is_none() && killed.elapsed() < PATIENCE {
        client.send(peer.address(), b"media");
        client.run(Duration::from_millis(50));
        back = (!peer.take().is_empty()).then(|| killed.elapsed());
    }

    let back = back.expect("media is back");
    assert!(back < Duration::from_secs(5), "back after {back:?}");
    assert!(
        client.events.contains(&AllocationEvent::Lost(LossCause::Mismatch)),
        "{:?}",
        client.events
    );
    eprintln!("coturn killed and started again: media back after {back:?}");
}

#[test]
fn an_address_that_changes_is_noticed_within_five_seconds() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));
    let peer = Peer::new("127.0.0.1:0");
    client.meet(&peer);
    client.run(Duration::from_secs(4));
    client.change_port(&server);
    let changed = Instant::now();
    peer.take();

    let mut back = None;
    while back.is_none() && changed.elapsed() < PATIENCE {
        client.send(peer.address(), b"media");
        client.run(Duration::from_millis(50));
        back = (!peer.take().is_empty()).then(|| changed.elapsed());
    }

    let back = back.expect("media is back");
    assert!(back < Duration::from_secs(5), "back after {back:?}");
    eprintln!("another port: media back after {back:?}");
}

#[test]
fn one_that_was_killed_has_an_allocation_again_within_three_seconds() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));
    client.run_until("an allocation", |client| !client.events.is_empty());
    let before: Vec<_> = client.allocation.relayed().collect();

    // A program with a fixed port, killed and started again: its allocation lives on without it.
    let restarted = Instant::now();
    client.restart();
    client.run_until("an allocation", |client| !client.events.is_empty());
    let back = restarted.elapsed();

    assert!(matches!(client.events[0], AllocationEvent::Allocated { .. }), "{:?}", client.events);
    assert_ne!(client.allocation.relayed().collect::<Vec<_>>(), before);
    assert!(back < Duration::from_secs(3), "allocated after {back:?}");
    eprintln!("client killed and started again: allocated after {back:?}");
    client.events.clear();
    client.run(Duration::from_secs(3));
    assert_eq!(client.events, [], "it lasts");
}

#[test]
fn closing_frees_the_relayed_address() {
    let server = Coturn::start(&[]);
    let mut client = Client::new(&server, Leg::Datagram, Families::V4, long_term("pass"));
    client.run_until("an allocation", |client| !client.events.is_empty());
    let relayed = client.allocation.relayed().next().unwrap();
    assert!(UdpSocket::bind(relayed).is_err(), "coturn has {relayed}");

    client.allocation.close(Instant::now());

    client.run_until("free port", |_| UdpSocket::bind(relayed).is_ok());
    assert_eq!(client.allocation.relayed().count(), 0);
}

fn long_term(password: &str) -> Credentials {
    Credentials::LongTerm { username: "user".into(), password: password.into() }
}
