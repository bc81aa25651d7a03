//! UDP carried inside TCP, as frp does it: viewers come from ports of the server's own machine, which change when the
//! relay restarts.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use pinhole_tests::lab::ice::SERVER_FOLLOWS;
use pinhole_tests::lab::{
    Client, Lab, LabConfig, LabServer, LabViewer, Pair, Tunnel, ViewerOptions, wait_for_pictures,
};

/// Media is back within this time.
const BACK_MAX_MS: f64 = 3000.0;
/// A viewer that connects at all does so in this time.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Watched after a restart: long enough to see media come back, and stay.
const WATCH: Duration = Duration::from_secs(6);
const SERVER_PORT: u16 = 5000;

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn viewers_connect_through_a_tunnel_to_loopback() {
    connects("port", "127.0.0.1");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn viewers_connect_through_a_tunnel_to_the_lan_address() {
    connects("sym", "10.10.0.2");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_is_back_soon_after_the_tunnel_restarts() {
    if !SERVER_FOLLOWS {
        println!("NOT YET: the server does not follow a viewer to its new port");
        return;
    }
    let lab = Lab::up("port", "port", &LabConfig::default()).unwrap();
    let mut tunnel = Tunnel::open(&lab).unwrap();
    let target = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), SERVER_PORT);
    tunnel.connect(target).unwrap();
    let server = LabServer::start(&lab, &flags(&tunnel)).unwrap();
    // A browser checks its path every 2.5 s, and at once when nothing comes; aiortc only every 5 s.
    let client = Client::Chromium;
    let options = ViewerOptions { client, plain_hosts: true, ..ViewerOptions::default() };
    let mut viewer = LabViewer::start(&lab, &options).unwrap();
    connect(&server, &mut viewer, &tunnel, "host 10.20.0.2 or prflx 127.0.0.1");

    for _ in 0..2 {
        viewer.mark().unwrap();
        tunnel.disconnect();
        std::thread::sleep(Duration::from_millis(300));
        tunnel.connect(target).unwrap();
        let after = viewer.watch(WATCH).unwrap();

        assert!(after.longest_gap_ms > 200.0, "the restart was not felt: {after:?}");
        assert!(after.longest_gap_ms < BACK_MAX_MS, "{after:?}\n{}", server.log());
        assert!(after.since_ms < 500.0, "media does not stay: {after:?}");
    }
}

/// A viewer behind this NAT, through a tunnel that ends at this address of the server.
fn connects(nat_b: &str, target: &str) {
    let lab = Lab::up("port", nat_b, &LabConfig::default()).unwrap();
    let mut tunnel = Tunnel::open(&lab).unwrap();
    tunnel.connect(SocketAddr::new(target.parse().unwrap(), SERVER_PORT)).unwrap();
    let server = LabServer::start(&lab, &flags(&tunnel)).unwrap();
    let mut viewer = LabViewer::start(&lab, &ViewerOptions::default()).unwrap();
    let pair = connect(&server, &mut viewer, &tunnel, "host 10.20.0.2");
    println!("{nat_b} to {target}: {pair}");
}

fn flags(tunnel: &Tunnel<'_>) -> String {
    format!("--map {SERVER_PORT}/udp={}", tunnel.public)
}

/// Connects, and holds the pair to its kind and both addresses.
fn connect(
    server: &LabServer<'_>,
    viewer: &mut LabViewer,
    tunnel: &Tunnel<'_>,
    local: &str,
) -> Pair {
    let offer = viewer.offer().unwrap();
    viewer.answer(&server.whep(&offer).unwrap().answer).unwrap();
    let ms = viewer.connected(CONNECT_LIMIT).unwrap();
    let (first_frame_ms, pair) = wait_for_pictures(viewer).unwrap();
    println!("connected in {ms:.0} ms, first picture after {first_frame_ms:.0} ms");
    assert!(pair.local.fits(local), "{pair}");
    assert!(pair.remote.fits(&format!("srflx {}", tunnel.public)), "{pair}");
    assert_eq!(server.paths().unwrap(), [("tunnel".to_owned(), 1)], "{pair}");
    pair
}
