//! ICE over TCP: a viewer without any UDP plays through the port of HTTP, with no TURN server anywhere.

use pinhole_tests::lab::{Lab, LabConfig};

use crate::watched::Watched;

/// The viewer as the program sees its connection, which may be all that a browser knows of it.
const VIEWER: &str = "prflx 192.0.2.20 tcp or host 10.20.0.2 tcp";

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_viewer_without_udp_plays_through_the_port_of_http_of_a_public_server() {
    let lab = Lab::up("none", "noudp", &LabConfig::default()).unwrap();

    let watched = Watched::begin(&lab, "--listen 0.0.0.0:8080", &[]);

    watched.expect(VIEWER, "host 198.51.100.2:8080 tcp", "tcp");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_viewer_without_udp_plays_through_the_forwarded_port_of_http() {
    let lab = Lab::up("fwd", "noudp", &LabConfig::default()).unwrap();
    let flags = "--listen 0.0.0.0:5003 --udp-ports 5000-5000 \
        --map 5000-5009/udp=192.0.2.10:30000-30009 --map 5003/tcp=192.0.2.10:30003";

    let watched = Watched::begin(&lab, flags, &[]);

    watched.expect(VIEWER, "srflx|host 192.0.2.10:30003 tcp", "tcp");
}
