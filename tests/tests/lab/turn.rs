//! A server that only its TURN server makes reachable, over each transport, and what happens to that path when coturn
//! restarts, asks for new nonces or takes other credentials. Viewers have STUN alone: what plays is the server's relay.

use std::time::Duration;

use pinhole_tests::lab::ice::{STUN, TURN_TCP, TURN_TLS, TURN_UDP};
use pinhole_tests::lab::{Lab, LabConfig};

use crate::watched::Watched;

/// Media is back within this time.
const BACK_MAX_MS: f64 = 5000.0;
/// Watched from a fault on: media that comes back in time, and stays.
const WATCH: Duration = Duration::from_secs(10);
/// The viewer's address, however it was found.
const VIEWER: &str = "host 10.20.0.2 or srflx|prflx 192.0.2.20";
const RELAY: &str = "relay|prflx 192.0.2.1:60001-60999";

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_is_back_after_the_relay_over_udp_restarts() {
    survives_a_restart("sym", "sym", &format!("--ice-server {TURN_UDP}"), "relay_udp");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_is_back_after_the_relay_over_tcp_restarts() {
    survives_a_restart("noudp", "port", &format!("--ice-server {TURN_TCP}"), "relay_tcp");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_is_back_after_the_relay_over_tls_restarts() {
    let flags = format!("--ice-server {TURN_TLS} --turn-ca {{cert}}");
    survives_a_restart("only443", "sym", &flags, "relay_tls");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn nobody_feels_that_nonces_grow_stale() {
    let lab = with_turn("sym", "port", "--stale-nonce=1");
    let mut watched = Watched::begin(&lab, &format!("--ice-server {TURN_UDP}"), &[STUN]);
    watched.expect(VIEWER, RELAY, "relay_udp");

    let after = watched.during(Duration::from_secs(12), || Ok(()));

    watched.is_back("nonces of 1 s", &after, 1000.0);
    watched.expect_now(&after, VIEWER, RELAY, "relay_udp");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_is_back_after_the_secret_of_the_relay_is_proved_anew() {
    // Credentials that a secret makes are other ones at each allocation: their name holds the time at which they end.
    let secret = "--use-auth-secret --static-auth-secret=hush";
    let lab = with_turn("sym", "port", secret);
    let flags = "--ice-server turn:192.0.2.1:3478?transport=udp --turn-secret hush";
    let mut watched = Watched::begin(&lab, flags, &[STUN]);
    watched.expect(VIEWER, RELAY, "relay_udp");

    let after = watched.during(WATCH, || {
        lab.stop_turn()?;
        lab.start_turn("lab:lab", secret)
    });

    watched.is_back("coturn with a secret restarted", &after, BACK_MAX_MS);
    watched.expect_now(&after, VIEWER, RELAY, "relay_udp");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_is_back_on_the_next_relay_after_one_takes_other_credentials() {
    // Two users, of which the relay over UDP is the one's and the one over TLS the other's.
    let lab = with_turn("sym", "port", "--user next:next");
    let flags = "--ice-server turn:192.0.2.1:3478?transport=udp,lab,lab \
        --ice-server turns:192.0.2.1:443,next,next --turn-ca {cert}";
    let mut watched = Watched::begin(&lab, flags, &[STUN]);
    watched.expect(VIEWER, RELAY, "relay_udp");

    let after = watched.during(Duration::from_secs(12), || {
        lab.stop_turn()?;
        lab.start_turn("next:next", "")
    });

    watched.is_back("credentials rotated", &after, BACK_MAX_MS);
    watched.expect_now(&after, VIEWER, RELAY, "relay_tls");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_is_back_after_our_router_forgets_a_relayed_path() {
    let lab = with_turn("sym", "port", "");
    let mut watched = Watched::begin(&lab, &format!("--ice-server {TURN_UDP}"), &[STUN]);
    watched.expect(VIEWER, RELAY, "relay_udp");

    let after = watched.during(WATCH, || lab.flush_one("natA"));

    watched.is_back("relayed, our mappings flushed", &after, BACK_MAX_MS);
    watched.expect_now(&after, VIEWER, RELAY, "relay_udp");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_is_back_after_our_router_gets_another_address_on_a_relayed_path() {
    let lab = with_turn("sym", "port", "");
    let mut watched = Watched::begin(&lab, &format!("--ice-server {TURN_UDP}"), &[STUN]);
    watched.expect(VIEWER, RELAY, "relay_udp");

    let after = watched.during(WATCH, || lab.renumber("natA", "192.0.2.11"));

    watched.is_back("relayed, our router renumbered", &after, BACK_MAX_MS);
    watched.expect_now(&after, VIEWER, RELAY, "relay_udp");
}

fn with_turn(nat_a: &str, nat_b: &str, options: &str) -> Lab {
    let config = LabConfig { turn: true, turn_args: options.to_owned(), ..LabConfig::default() };
    Lab::up(nat_a, nat_b, &config).unwrap()
}

fn survives_a_restart(nat_a: &str, nat_b: &str, flags: &str, path: &str) {
    let lab = with_turn(nat_a, nat_b, "");
    let mut watched = Watched::begin(&lab, flags, &[STUN]);
    watched.expect(VIEWER, RELAY, path);

    let after = watched.during(WATCH, || {
        lab.stop_turn()?;
        lab.start_turn("lab:lab", "")
    });

    assert!(after.longest_gap_ms > 100.0, "the restart was not felt: {after:?}");
    watched.is_back(&format!("{path}, coturn restarted"), &after, BACK_MAX_MS);
    watched.expect_now(&after, VIEWER, RELAY, path);
}
