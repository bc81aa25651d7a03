//! A server without any configuration; what the viewer's own STUN and TURN servers make of it; IPv6.

use pinhole_tests::lab::ice::{FORWARDED, MAP, SERVER_CHECKS, STUN, TURN_TCP, TURN_TLS, TURN_UDP};
use pinhole_tests::lab::{PathKind, Row, table};

use crate::check_once;

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_public_server_is_reached_from_behind_every_nat() {
    let viewers = ["none", "fw", "port", "sym", "port+sym", "same"];
    let rows = viewers.map(|viewer| {
        let path = if viewer == "same" { PathKind::Lan } else { PathKind::Direct };
        Row::new("none", viewer).reaches(path, "host 198.51.100.2")
    });
    table::check(&rows);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_server_behind_nat_reaches_a_public_viewer_that_learns_its_address_from_the_check() {
    let rows = [
        Row::new("port", "none").reaches(PathKind::Direct, "prflx 192.0.2.10"),
        // Random ports of this NAT.
        Row::new("sym", "none").reaches(PathKind::Direct, "prflx 192.0.2.10:40000-59999"),
        Row::new("port+sym", "none").reaches(PathKind::Direct, "prflx 192.0.2.10:40000-59999"),
        // The viewer's own STUN finds the address that lets everybody in.
        Row::new("sym", "full")
            .ice(&[STUN])
            .reaches(PathKind::Direct, "prflx 192.0.2.10:40000-59999"),
        Row::new("port", "full").ice(&[STUN]).reaches(PathKind::Direct, "prflx 192.0.2.10"),
    ];
    check_once(SERVER_CHECKS, &rows);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_viewer_on_the_servers_lan_needs_no_router() {
    let rows = ["port", "noudp"]
        .map(|server| Row::new(server, "same").reaches(PathKind::Lan, "host 10.10.0.2"));
    table::check(&rows);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_viewer_without_udp_comes_through_its_own_turn_server() {
    let relayed = "relay 192.0.2.1:60001-60999";
    let row = |server: &str, viewer, turn| {
        let (flags, remote) = match server {
            "none" => ("", "host 198.51.100.2"),
            "fwd" => (MAP, FORWARDED),
            _ => (MAP, "srflx 192.0.2.10:30000"),
        };
        Row::new(server, viewer)
            .serve(flags)
            .ice(&[turn])
            .from(relayed)
            .reaches(PathKind::Relay, remote)
    };
    let rows = [
        row("fwd", "noudp", TURN_TCP),
        row("one2one", "only443", TURN_TLS),
        row("none", "only443", TURN_TLS),
    ];
    table::check(&rows);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_viewer_that_only_relays_is_relayed_over_udp_too() {
    let mut row = Row::new("one2one", "port").serve(MAP).ice(&[TURN_UDP]);
    row.viewer.relay_only = true;
    let row = row.from("relay 192.0.2.1:60001-60999");
    table::check(&[row.reaches(PathKind::Relay, "srflx 192.0.2.10:30000")]);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn viewers_with_ipv6_use_it() {
    let (own, server) = ("host [2001:db8:b::2]", "host [2001:db8:a::2]");
    let only_v6 = |a, b| Row::new(a, b).from(own).reaches(PathKind::Direct, server);
    let rows = [
        only_v6("none:v6only", "none:v6only"),
        only_v6("none:v6", "fw:v6only"),
        // A forward for IPv4 and, for lack of a map of it, no IPv6.
        Row::new("fwd:v6", "port:v6")
            .serve(MAP)
            .reaches(PathKind::Direct, "srflx 192.0.2.10:30000"),
        // Dual stack on both sides: IPv4 is as good.
        Row::new("none:v6", "none:v6")
            .from("host [2001:db8:b::2] or host 203.0.113.2")
            .reaches(PathKind::Direct, "host [2001:db8:a::2] or host 198.51.100.2"),
    ];
    table::check(&rows);
}
