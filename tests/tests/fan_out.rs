//! Thirty viewers of one stream: one encode, every viewer at full rate, nothing lost in the server.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::time::{Duration, Instant};

use pinhole_tests::server::Server;
use pinhole_tests::viewer::{Viewer, ViewerConfig, ViewerPool, ViewerStats};

const VIEWERS: usize = 30;
const WATCHED: Duration = Duration::from_secs(15);
const FRAME_RATE_MIN: f64 = 29.5;
/// The stream is asked to have 3 Mbit/s; a picture that costs nothing would prove nothing.
const BITRATE_MIN: f64 = 1.5e6;

/// One load at a time: the machine has few cores.
static LOAD: Mutex<()> = Mutex::new(());

#[test]
fn thirty_viewers_get_every_frame_of_one_encode_on_mio() {
    thirty_viewers_watch("mio");
}

#[test]
fn thirty_viewers_get_every_frame_of_one_encode_on_smol() {
    thirty_viewers_watch("smol");
}

fn thirty_viewers_watch(runtime: &str) {
    let _alone = LOAD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let server = Server::start(runtime, "--size 1280x720 --fps 30 --bitrate 3M").unwrap();
    let pool = ViewerPool::spawn().unwrap();
    let viewers: Vec<Viewer> =
        (0..VIEWERS).map(|_| server.connect(&pool, &ViewerConfig::default()).unwrap().0).collect();
    for viewer in &viewers {
        viewer.wait_for_picture(Duration::from_secs(20)).unwrap();
    }

    let begin = Instant::now();
    let server_before = Counters::of(&server);
    let before: Vec<ViewerStats> = viewers.iter().map(|viewer| viewer.stats().unwrap()).collect();
    std::thread::sleep(WATCHED);
    let after: Vec<ViewerStats> = viewers.iter().map(|viewer| viewer.stats().unwrap()).collect();
    let seconds = begin.elapsed().as_secs_f64();
    let server_after = Counters::of(&server);

    let rates: Vec<f64> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| (after.frames - before.frames) as f64 / seconds)
        .collect();
    let slowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let bitrate = (after[0].bytes - before[0].bytes) as f64 * 8.0 / seconds;
    println!("{runtime}: slowest of {VIEWERS} viewers {slowest:.2} fps, {bitrate:.0} bit/s each");
    assert!(slowest >= FRAME_RATE_MIN, "{runtime}: frames a second: {rates:.2?}");
    assert!(bitrate >= BITRATE_MIN, "{runtime}: only {bitrate:.0} bit/s");
    for (viewer, seen) in viewers.iter().zip(&after) {
        let dropped_here = viewer.socket_drops().unwrap();
        assert!(seen.gaps <= dropped_here, "{runtime}: lost in the server: {seen:?}");
        assert_eq!(seen.ssrcs, 1);
    }
    let encodes = (server_after.encoded - server_before.encoded) / seconds;
    assert!((29.0..31.0).contains(&encodes), "{runtime}: {encodes:.2} encodes a second, not 30");
    assert_eq!(server_after.skipped, server_before.skipped, "frames skipped\n{}", server.log());
    assert_eq!(server_after.send_errors, 0.0, "{}", server.log());
    server.stop().unwrap();
}

/// What the server counts.
struct Counters {
    encoded: f64,
    skipped: f64,
    send_errors: f64,
}

impl Counters {
    fn of(server: &Server) -> Counters {
        Counters {
            encoded: server.metric("pinhole_encoder_frames_total").unwrap(),
            skipped: server.metric("pinhole_frames_skipped_total").unwrap(),
            send_errors: server.metric("pinhole_loop_send_errors_total").unwrap(),
        }
    }
}
