//! A viewer that watches a server while something breaks.

use std::time::Duration;

use anyhow::Result;
use pinhole_tests::lab::{
    Client, Frames, Lab, LabServer, LabViewer, Pair, Signalling, ViewerOptions, wait_for_pictures,
};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The endpoint gathers when it starts: what it finds later follows over the WebSocket.
const GATHERING: Duration = Duration::from_millis(600);
/// Pictures that come now; a browser beside others is kept waiting for half a second on two cores.
const FRESH_MS: f64 = 1_500.0;

/// A viewer that watches a server, in a lab.
pub(crate) struct Watched<'lab> {
    /// The program.
    pub(crate) server: LabServer<'lab>,
    /// Chromium: it checks its path every 2.5 s, and at once when nothing comes; aiortc only every 5 s.
    pub(crate) viewer: LabViewer,
    /// Over which pictures came first.
    pub(crate) pair: Pair,
}

impl<'lab> Watched<'lab> {
    /// Connects over a WebSocket and waits for a second of pictures. `flags` of the server, `servers` of the viewer.
    pub(crate) fn begin(lab: &'lab Lab, flags: &str, servers: &[&str]) -> Watched<'lab> {
        let server = LabServer::start(lab, flags).unwrap();
        let options = ViewerOptions {
            client: Client::Chromium,
            ice_servers: servers.iter().map(|server| (*server).to_owned()).collect(),
            plain_hosts: true,
            ..ViewerOptions::default()
        };
        let mut viewer = LabViewer::start(lab, &options).unwrap();
        let offer = viewer.offer().unwrap();
        if flags.contains("--ice-server") {
            std::thread::sleep(GATHERING);
        }
        viewer.connect_over(Signalling::open(&server).unwrap(), &offer).unwrap();
        let ms = viewer.connected(CONNECT_LIMIT);
        let ms = ms.unwrap_or_else(|error| panic!("{error:#}\n{}", server.log()));
        let pictures = wait_for_pictures(&mut viewer);
        let (first_frame_ms, pair) = pictures.unwrap_or_else(|error| {
            panic!("{error:#}\n{}\n{}", viewer.signalled().join("\n"), server.log())
        });
        println!(
            "{} x {}: connected in {ms:.0} ms, first picture {first_frame_ms:.0} ms, {pair}",
            lab.nat_a, lab.nat_b
        );
        Watched { server, viewer, pair }
    }

    /// Holds the first pair, and the server's own word on the path, to what is expected.
    pub(crate) fn expect(&self, local: &str, remote: &str, path: &str) {
        self.expect_path(&self.pair, local, remote, path);
    }

    /// The same of the pair over which pictures come now.
    pub(crate) fn expect_now(&self, frames: &Frames, local: &str, remote: &str, path: &str) {
        let pair = frames.pair.as_ref().expect("pictures come over a pair");
        self.expect_path(pair, local, remote, path);
    }

    fn expect_path(&self, pair: &Pair, local: &str, remote: &str, path: &str) {
        assert!(pair.local.fits(local), "{pair}; expected {local}");
        assert!(pair.remote.fits(remote), "{pair}; expected {remote}");
        assert_eq!(self.server.paths().unwrap(), [(path.to_owned(), 1)], "{pair}");
    }

    /// How playing goes during a fault and for a while after it begins.
    pub(crate) fn during(
        &mut self,
        time: Duration,
        fault: impl FnOnce() -> Result<()> + Send,
    ) -> Frames {
        self.viewer.mark().unwrap();
        std::thread::scope(|scope| {
            let fault = scope.spawn(fault);
            let after = self.viewer.watch(time).unwrap();
            fault.join().unwrap().unwrap();
            after
        })
    }

    /// Media was back in time, and stays.
    pub(crate) fn is_back(&self, what: &str, after: &Frames, gap_max_ms: f64) {
        println!("{what}: longest gap {:.0} ms, {after:?}", after.longest_gap_ms);
        let said = self.viewer.signalled().join("\n");
        let log = self.server.log();
        assert!(after.longest_gap_ms < gap_max_ms, "{what}: {after:?}\n{said}\n{log}");
        assert!(after.since_ms < FRESH_MS, "{what}, media does not stay: {after:?}\n{said}\n{log}");
    }
}
