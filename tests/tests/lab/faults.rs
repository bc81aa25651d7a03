//! What breaks while a viewer watches: routers that forget or get another address, relays that restart.

use std::time::Duration;

use pinhole_tests::lab::ice::{MAP, SERVER_FOLLOWS, TURN_UDP};
use pinhole_tests::lab::{
    Client, Frames, Lab, LabConfig, LabServer, LabViewer, ViewerOptions, wait_for_pictures,
};

/// Media is back within this time.
const BACK_MAX_MS: f64 = 5000.0;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Watched after a fault: media that comes back in time, and stays.
const WATCH: Duration = Duration::from_secs(8);

/// A viewer that watches a server, in a lab.
struct Watched<'lab> {
    server: LabServer<'lab>,
    viewer: LabViewer,
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_goes_on_when_every_mapping_is_forgotten() {
    if !SERVER_FOLLOWS {
        println!("NOT YET: the server does not follow a viewer to its new address");
        return;
    }
    for (nat_a, nat_b) in [("fwd", "port"), ("one2one", "sym")] {
        let lab = Lab::up(nat_a, nat_b, &LabConfig::default()).unwrap();
        let mut watched = watch(&lab, MAP, &[]);

        let after = watched.after(|| lab.flush());

        is_back(&after, nat_a, nat_b, &watched.server);
    }
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn media_goes_on_when_the_viewers_public_address_changes() {
    if !SERVER_FOLLOWS {
        println!("NOT YET: the server does not follow a viewer to its new address");
        return;
    }
    let lab = Lab::up("fwd", "port", &LabConfig::default()).unwrap();
    let mut watched = watch(&lab, MAP, &[]);

    let after = watched.after(|| lab.renumber("natB", "192.0.2.21"));

    is_back(&after, "fwd", "port", &watched.server);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_viewer_on_a_direct_path_does_not_feel_that_its_turn_server_dies() {
    let config = LabConfig { turn: true, ..LabConfig::default() };
    let lab = Lab::up("fwd", "port", &config).unwrap();
    let mut watched = watch(&lab, MAP, &[TURN_UDP]);

    let after = watched.after(|| lab.stop_turn());

    assert!(after.longest_gap_ms < 500.0, "{after:?}");
    lab.start_turn("lab:another", "").unwrap();
}

fn watch<'lab>(lab: &'lab Lab, flags: &str, servers: &[&str]) -> Watched<'lab> {
    let server = LabServer::start(lab, flags).unwrap();
    let ice_servers = servers.iter().map(|server| (*server).to_owned()).collect();
    // A browser checks its path every 2.5 s, and at once when nothing comes; aiortc only every 5 s.
    let options = ViewerOptions {
        client: Client::Chromium,
        ice_servers,
        plain_hosts: true,
        ..ViewerOptions::default()
    };
    let mut viewer = LabViewer::start(lab, &options).unwrap();
    let offer = viewer.offer().unwrap();
    viewer.answer(&server.whep(&offer).unwrap().answer).unwrap();
    viewer.connected(CONNECT_LIMIT).unwrap();
    let (_, pair) = wait_for_pictures(&mut viewer).unwrap();
    assert!(pair.local.fits("host 10.20.0.2 or prflx|srflx 192.0.2.20"), "{pair}");
    assert!(pair.remote.fits("srflx 192.0.2.10:30000"), "{pair}");
    Watched { server, viewer }
}

impl Watched<'_> {
    /// How playing goes after a fault.
    fn after(&mut self, fault: impl FnOnce() -> anyhow::Result<()>) -> Frames {
        self.viewer.mark().unwrap();
        fault().unwrap();
        self.viewer.watch(WATCH).unwrap()
    }
}

fn is_back(after: &Frames, nat_a: &str, nat_b: &str, server: &LabServer<'_>) {
    println!("{nat_a} x {nat_b}: longest gap {:.0} ms", after.longest_gap_ms);
    let log = server.log();
    assert!(after.longest_gap_ms < BACK_MAX_MS, "{nat_a} x {nat_b}: {after:?}\n{log}");
    assert!(after.since_ms < 500.0, "{nat_a} x {nat_b}: media does not stay: {after:?}\n{log}");
}
