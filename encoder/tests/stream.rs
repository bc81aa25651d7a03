//! Streams that go well: cadence, keyframes, joining and leaving.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::scripted::{Act, Grey, Scripted, stream};
use common::{Eye, MS, Watched, wait_until};
use pinhole_encoder::{
    Content, EncoderChoice, EncoderPlan, Media, Size, SourceKind, Stream, StreamConfig,
};

fn real(width: u32, height: u32, fps: u32) -> Stream {
    Stream::start(&StreamConfig {
        source: SourceKind::Test,
        encoder: EncoderChoice::Auto,
        size: (width, height),
        fps: Some(fps),
        bitrate: 800_000,
        content: Content::Camera,
        openh264_library: None,
    })
    .unwrap()
}

#[test]
fn a_test_stream_is_watched_decoded_and_on_time() {
    let mut watched = Watched::new(real(320, 180, 30));
    let format = watched.stream.format().clone();
    assert_eq!((format.width, format.height, format.frames_per_1000s), (320, 180, 30_000));
    let plan = EncoderPlan::here(EncoderChoice::Auto);
    assert!(format.encoder.starts_with("OpenH264 "), "{}", format.encoder);
    assert!(format.encoder.ends_with(&format!("({})", plan.why_no_gpu())), "{}", format.encoder);
    let mut eye = Eye::new();
    for n in 0..30 {
        let unit = watched.unit();
        assert_eq!(unit.keyframe, n == 0, "picture {n}");
        let stamp = eye.see(&unit.data).expect("a stamp");
        assert_eq!(u64::from(stamp.frame), unit.sequence);
        assert!(unit.encoded >= unit.captured);
    }
    let stats = watched.stream.stats();
    assert!(stats.frames_encoded.load(Ordering::Relaxed) >= 30);
    assert!(stats.bytes.load(Ordering::Relaxed) > 10_000);
    assert!(stats.encode_micros.load(Ordering::Relaxed) > 0);
    assert_eq!(stats.keyframes.load(Ordering::Relaxed), 1);
}

#[test]
fn capture_times_lie_exactly_one_frame_apart() {
    let mut watched = Watched::new(real(320, 180, 60));
    let first = watched.unit();
    for _ in 0..60 {
        let unit = watched.unit();
        let frames = u32::try_from(unit.sequence - first.sequence).unwrap();
        let even = Duration::from_secs(1) * frames / 60;
        let off = (unit.captured - first.captured).abs_diff(even);
        assert!(off <= Duration::from_nanos(60), "picture {frames}: off by {off:?}");
    }
}

#[test]
fn nothing_is_encoded_while_nobody_watches_and_an_idr_comes_at_once_when_somebody_does() {
    let encoder = Scripted::new(|_| Act::Encode);
    // One picture a second: waiting for the next tick would show.
    let mut watched = Watched::idle(stream(Grey::on_the_clock(1), &encoder, None));
    std::thread::sleep(MS * 50);
    assert_eq!(encoder.calls.load(Ordering::SeqCst), 0);
    let mut latencies = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        watched.stream.set_active(true);
        let unit = watched.unit();
        latencies.push(began.elapsed());
        assert!(unit.keyframe);
        watched.stream.set_active(false);
        assert_eq!(watched.stream.poll_access_unit(), None);
    }
    latencies.sort();
    println!("active to first access unit, scripted encoder: {:?}", latencies[2]);
    assert!(latencies[2] < MS * 200, "{latencies:?}");
}

#[test]
fn a_picture_left_over_from_the_last_viewer_is_not_shown_to_the_next() {
    let encoder = Scripted::new(|_| Act::Sleep(150));
    let source = Grey { takes: MS * 40, ..Grey::on_the_clock(100) };
    let mut watched = Watched::new(stream(source, &encoder, None));
    watched.unit();
    // By now the mailbox holds a picture, and the encoder another.
    std::thread::sleep(MS * 80);
    watched.stream.set_active(false);
    std::thread::sleep(MS * 300);
    let began = Instant::now();
    watched.stream.set_active(true);
    let unit = watched.unit();
    assert!(unit.keyframe);
    assert!(unit.captured >= began, "{:?} old", began - unit.captured);
}

#[test]
fn a_keyframe_is_made_at_once_and_only_once() {
    let encoder = Scripted::new(|_| Act::Encode);
    let mut watched = Watched::new(stream(Grey::on_the_clock(1), &encoder, None));
    assert!(watched.unit().keyframe);
    // Not sooner than a quarter of the interval after the last picture.
    std::thread::sleep(MS * 300);

    let began = Instant::now();
    watched.stream.request_keyframe();
    watched.stream.request_keyframe();
    let unit = watched.unit();

    assert!(unit.keyframe);
    assert!(began.elapsed() < MS * 400, "{:?}", began.elapsed());
    assert!(!watched.unit().keyframe);
}

#[test]
fn a_request_that_meets_an_idr_on_its_way_makes_no_second_one() {
    let encoder = Scripted::new(|n| if n == 0 { Act::Sleep(100) } else { Act::Encode });
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &encoder, None));
    wait_until("the first IDR is in work", || encoder.calls.load(Ordering::SeqCst) == 1);
    watched.stream.request_keyframe();
    wait_until("it waits", || watched.stream.stats().frames_encoded.load(Ordering::SeqCst) > 0);
    watched.stream.request_keyframe();
    assert!(watched.unit().keyframe);
    for _ in 0..10 {
        assert!(!watched.unit().keyframe);
    }
    assert_eq!(*encoder.forced.lock().unwrap(), [0]);
}

#[test]
fn pictures_of_another_size_reconfigure_the_encoder() {
    let encoder = Scripted::new(|_| Act::Encode);
    let size = |n| if n < 5 { (64, 64) } else { (96, 32) };
    let source = Grey { size, ..Grey::on_the_clock(100) };
    let mut watched = Watched::new(stream(source, &encoder, None));
    for _ in 0..8 {
        watched.unit();
    }
    assert_eq!(encoder.settings.lock().unwrap().size, Size::new(96, 32).unwrap());
    assert_eq!(watched.stream.poll_event(), None);
}

#[test]
fn the_bitrate_is_handed_on_and_a_refused_one_ignored() {
    let encoder = Scripted::new(|_| Act::Encode);
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &encoder, None));
    let bitrate = || encoder.settings.lock().unwrap().bitrate;
    watched.stream.set_bitrate(500_000);
    wait_until("the new bitrate", || bitrate() == 500_000);
    watched.stream.set_bitrate(666);
    while watched.stream.poll_access_unit().is_some() {}
    (0..5).for_each(|_| _ = watched.unit());
    assert_eq!(bitrate(), 500_000);
    assert_eq!(watched.stream.poll_event(), None);
}

#[test]
fn a_live_source_that_pauses_still_serves_keyframes_from_its_last_picture() {
    let give = Arc::new(AtomicU64::new(3));
    let encoder = Scripted::new(|_| Act::Encode);
    let mut watched = Watched::idle(stream(Grey::live(&give), &encoder, None));
    let captured = || watched.stream.stats().frames_captured.load(Ordering::SeqCst);
    // Drained although nobody watches.
    wait_until("three pictures", || captured() == 3);
    watched.stream.set_active(true);
    let first = watched.unit();
    assert!(first.keyframe);
    assert_eq!(first.sequence, 2, "the newest");

    watched.stream.request_keyframe();
    let again = watched.unit();
    assert!(again.keyframe);
    assert!(again.captured > first.captured);
    assert_eq!(watched.stream.stats().frames_dropped.load(Ordering::SeqCst), 0);

    give.store(4, Ordering::SeqCst);
    let next = watched.unit();
    assert!(!next.keyframe);
    assert!(next.captured > again.captured);
    give.store(u64::MAX, Ordering::SeqCst);
}

#[test]
fn the_threads_have_names_and_end_with_the_stream() {
    let names = || -> Vec<String> {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let name = |task: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
        };
        tasks.filter_map(name).map(|name| name.trim().to_owned()).collect()
    };
    let count = |name: &str| names().iter().filter(|own| *own == name).count();
    let mut watched = Watched::new(real(320, 180, 30));
    watched.unit();
    for name in ["pinhole-source", "pinhole-encoder", "pinhole-watch"] {
        assert!(count(name) >= 1, "{name}: {:?}", names());
    }
    let began = Instant::now();
    drop(watched);
    assert!(began.elapsed() < MS * 900, "{:?}", began.elapsed());
}
