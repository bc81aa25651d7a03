//! A server that gathers from its STUN and TURN servers. Tried once it does: `ice::SERVER_GATHERS`.

use pinhole_tests::lab::ice::{SERVER_ALL, SERVER_GATHERS, STUN, TURN_TCP, TURN_TLS, TURN_UDP};
use pinhole_tests::lab::{PathKind, Row};

use crate::check_once;

/// What a relayed path can look like from the viewer: its own relay, or the server's.
const RELAYED: &str = "relay 192.0.2.1:60001-60999";
const SERVERS_RELAY: &str = "relay|prflx 192.0.2.1:60001-60999";

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn two_sites_find_the_path_that_their_nats_allow() {
    check_once(SERVER_GATHERS, &direct());
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn two_sites_that_cannot_meet_are_relayed_over_what_gets_through() {
    check_once(SERVER_GATHERS, &relayed());
}

/// Server NAT, viewer NAT: STUN on both sides, no TURN.
fn direct() -> Vec<Row> {
    let row = |server: &str, viewer: &str, remote: &str| {
        Row::new(server, viewer)
            .serve("--ice-server stun:192.0.2.1")
            .ice(&[STUN])
            .reaches(PathKind::Direct, remote)
    };
    // The server's candidate is the one that STUN told, or the same address revealed by a check.
    let found = "srflx|prflx 192.0.2.10";
    let mut rows = vec![
        row("full", "port", found),
        row("full", "sym", found),
        row("adr", "adr", found),
        row("adr", "sym", found),
        row("port", "port", found),
        row("keep", "keep", found),
        row("port", "fw", found),
        row("symadr", "adr", found),
        row("sym", "adr", "srflx|prflx 192.0.2.10:40000-59999"),
        row("sym", "full", "srflx|prflx 192.0.2.10:40000-59999"),
        row("fw", "port", "host|prflx 198.51.100.2"),
    ];
    let on_the_lan = Row::new("port", "same").serve("--ice-server stun:192.0.2.1").ice(&[STUN]);
    rows.push(on_the_lan.reaches(PathKind::Lan, "host 10.10.0.2"));
    rows
}

/// Server NAT, viewer NAT, flags of the server, servers of the viewer, the viewer's candidate, the server's.
type Relayed<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], &'a str, &'a str);

fn relayed() -> Vec<Row> {
    let turn_udp = format!("--ice-server {TURN_UDP}");
    let turn_tcp = format!("--ice-server {TURN_TCP}");
    let turn_tls = format!("--ice-server {TURN_TLS} --turn-ca {{cert}}");
    // A relay lets nobody in whose address the server never learns: a viewer without one needs STUN.
    let own = "host 10.20.0.2 or srflx 192.0.2.20";
    let both = format!("{RELAYED} or {own}");
    let any_remote = format!("{SERVERS_RELAY} or srflx|prflx 192.0.2.10");
    let table: [Relayed<'_>; 8] = [
        // Only the server has a relay, over each transport.
        ("sym", "sym", &turn_udp, &[STUN], own, SERVERS_RELAY),
        ("noudp", "port", &turn_tcp, &[STUN], own, SERVERS_RELAY),
        ("only443", "sym", &turn_tls, &[STUN], own, SERVERS_RELAY),
        // Both have.
        ("sym", "port", SERVER_ALL, &[STUN, TURN_UDP], &both, &any_remote),
        ("sym", "port+sym", SERVER_ALL, &[STUN, TURN_UDP], &both, &any_remote),
        ("only443", "only443", SERVER_ALL, &[TURN_TLS], RELAYED, SERVERS_RELAY),
        ("noudp", "noudp", SERVER_ALL, &[TURN_TCP], RELAYED, SERVERS_RELAY),
        // A relay-only viewer.
        ("port", "only443", SERVER_ALL, &[TURN_TLS], RELAYED, &any_remote),
    ];
    table
        .into_iter()
        .map(|(server, viewer, flags, servers, local, remote)| {
            let row = Row::new(server, viewer).serve(flags).ice(servers);
            row.from(local).reaches(PathKind::Relay, remote)
        })
        .collect()
}
