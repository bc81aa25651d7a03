//! A server that is told its port map and nothing else: every viewer that has UDP gets through, with no STUN or TURN
//! server anywhere.

use pinhole_tests::lab::ice::{FORWARDED, MAP};
use pinhole_tests::lab::{Client, PathKind, Row, table};

/// Every type that lets UDP out.
const WITH_UDP: [&str; 13] = [
    "none", "fw", "full", "adr", "port", "keep", "sym", "symseq", "symadr", "fwd", "one2one",
    "port+sym", "leaky",
];

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_forwarded_server_with_its_map_is_reached_from_behind_every_nat() {
    let rows = reached("fwd");
    table::check(&rows);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_server_behind_one_to_one_nat_with_its_map_is_reached_from_behind_every_nat() {
    let rows = reached("one2one");
    table::check(&rows);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_viewer_on_the_lan_gets_the_lan_address_where_both_are_advertised() {
    let flags = format!("{MAP} --advertise both");
    let rows = ["fwd", "one2one"].map(|server| {
        let row = Row::new(server, "same").serve(&flags);
        row.reaches(PathKind::Lan, "host 10.10.0.2:5000")
    });
    table::check(&rows);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_range_offers_the_outside_port_of_the_inside_port_that_is_bound() {
    let flags = "--udp-ports 5003-5005 --map 5000-5009/udp=192.0.2.10:30000-30009";
    let row = Row::new("fwd", "port").serve(flags);
    table::check(&[row.reaches(PathKind::Direct, "srflx 192.0.2.10:30003")]);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn chromium_reaches_a_forwarded_server_from_behind_the_hardest_nats() {
    // What the server's answers reveal of it, the address of its NAT; a name hides it even from the page.
    let rows = [("port", true), ("port", false), ("sym", true), ("port+sym", true)].map(
        |(viewer, plain)| {
            let mut row = Row::new("fwd", viewer).serve(MAP).client(Client::Chromium);
            row.viewer.plain_hosts = plain;
            row.from(if plain { "prflx 192.0.2.20" } else { "prflx" })
                .reaches(PathKind::Direct, "srflx 192.0.2.10:30000")
        },
    );
    table::check(&rows);
}

fn reached(server: &str) -> Vec<Row> {
    let reached = |viewer| {
        // Only a viewer without NAT or firewall hears the server's own checks.
        let forwarded = server == "fwd" && viewer == "none";
        let remote = if forwarded { FORWARDED } else { "srflx 192.0.2.10:30000" };
        Row::new(server, viewer).serve(MAP).reaches(PathKind::Direct, remote)
    };
    WITH_UDP.into_iter().map(reached).collect()
}
