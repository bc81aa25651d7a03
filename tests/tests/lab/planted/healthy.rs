//! Where nothing is planted, nothing is found. The whole matrix is held to that by `cargo xtask nat-matrix --watch-s 10`.

use std::time::Duration;

use pinhole_tests::lab::ice::{MAP, STUN, TURN_TCP, TURN_UDP};
use pinhole_tests::lab::{Client, Row, table};

/// A session is looked at every three seconds, and what it suffers from is said at the second look.
const WATCHED: Duration = Duration::from_secs(10);

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn what_plays_well_gets_no_verdict() {
    let turn = format!("--ice-server {STUN} --ice-server {TURN_UDP}");
    let rows = [
        Row::new("none", "none"),
        Row::new("none", "port").client(Client::Chromium),
        Row::new("port", "same"),
        Row::new("fwd", "sym").serve(MAP),
        Row::new("port", "port").serve(&turn).ice(&[STUN]),
        Row::new("sym", "sym").serve(&turn).ice(&[STUN]),
        Row::new("noudp", "port").serve(&format!("--ice-server {TURN_TCP}")).ice(&[STUN]),
    ];
    table::check(&rows.map(|row| row.anything().watch(WATCHED)));
}
