//! What breaks while a viewer watches: routers that forget or get another address, relays that restart.

use std::time::Duration;

use pinhole_tests::lab::ice::{MAP, STUN, TURN_UDP};
use pinhole_tests::lab::{Lab, LabConfig};

use crate::watched::Watched;

/// Media is back within this time.
const BACK_MAX_MS: f64 = 5000.0;
const STUN_FLAG: &str = "--ice-server stun:192.0.2.1";
/// The viewer's address, however it was found.
const VIEWER: &str = "host 10.20.0.2 or srflx|prflx 192.0.2.20";
/// The address that is forwarded to us.
const MAPPED: &str = "srflx 192.0.2.10:30000";
/// Watched after a fault: media that comes back in time, and stays.
const WATCH: Duration = Duration::from_secs(8);

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_goes_on_when_every_mapping_is_forgotten() {
    for (nat_a, nat_b) in [("fwd", "port"), ("one2one", "sym")] {
        let lab = Lab::up(nat_a, nat_b, &LabConfig::default()).unwrap();
        let mut watched = Watched::begin(&lab, MAP, &[]);
        watched.expect(VIEWER, MAPPED, "direct");

        let after = watched.during(WATCH, || lab.flush());

        watched.is_back(&format!("{nat_a} x {nat_b}, flushed"), &after, BACK_MAX_MS);
        watched.expect_now(&after, VIEWER, MAPPED, "direct");
    }
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_goes_on_when_the_viewers_public_address_changes() {
    let lab = Lab::up("fwd", "port", &LabConfig::default()).unwrap();
    let mut watched = Watched::begin(&lab, MAP, &[]);
    watched.expect(VIEWER, MAPPED, "direct");

    let after = watched.during(WATCH, || lab.renumber("natB", "192.0.2.21"));

    watched.is_back("the viewer's router renumbered", &after, BACK_MAX_MS);
    // The viewer itself is not told: the program has found it at another address.
    assert!(after.longest_gap_ms > 100.0, "the fault was not felt: {after:?}");
    watched.expect_now(&after, VIEWER, MAPPED, "direct");
    assert_eq!(watched.server.metric("pinhole_roams_total").unwrap(), 1.0);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_viewer_on_a_direct_path_does_not_feel_that_its_turn_server_dies() {
    let lab = Lab::up("fwd", "port", &with_turn()).unwrap();
    let mut watched = Watched::begin(&lab, MAP, &[TURN_UDP]);
    watched.expect(VIEWER, MAPPED, "direct");

    let after = watched.during(WATCH, || lab.stop_turn());

    watched.is_back("direct, the TURN server died", &after, 500.0);
    watched.expect_now(&after, VIEWER, MAPPED, "direct");
    lab.start_turn("lab:another", "").unwrap();
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_is_back_after_our_router_forgets_a_direct_path() {
    let lab = Lab::up("port", "port", &with_turn()).unwrap();
    let mut watched = Watched::begin(&lab, STUN_FLAG, &[STUN]);
    watched.expect(VIEWER, "srflx|prflx 192.0.2.10", "direct");

    let after = watched.during(WATCH, || lab.flush_one("natA"));

    watched.is_back("direct, our mappings flushed", &after, BACK_MAX_MS);
    watched.expect_now(&after, VIEWER, "srflx|prflx 192.0.2.10", "direct");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_is_back_after_our_router_gets_another_address_on_a_direct_path() {
    let lab = Lab::up("port", "port", &with_turn()).unwrap();
    let mut watched = Watched::begin(&lab, STUN_FLAG, &[STUN]);
    watched.expect(VIEWER, "srflx|prflx 192.0.2.10", "direct");

    let after = watched.during(WATCH, || lab.renumber("natA", "192.0.2.11"));

    watched.is_back("direct, our router renumbered", &after, BACK_MAX_MS);
    watched.expect_now(&after, VIEWER, "srflx|prflx 192.0.2.11", "direct");
}

fn with_turn() -> LabConfig {
    LabConfig { turn: true, ..LabConfig::default() }
}
