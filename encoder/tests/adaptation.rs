//! A stream that is told a bitrate keeps to it, whatever its back end makes of it.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::Watched;
use pinhole_encoder::{
    AccessUnit, Content, EncoderChoice, Media, SourceKind, Stream, StreamConfig,
};

fn stream() -> Watched {
    let config = StreamConfig {
        source: SourceKind::Test,
        encoder: EncoderChoice::OpenH264,
        size: (1280, 720),
        fps: Some(30),
        bitrate: 3_000_000,
        content: Content::Camera,
        openh264_library: None,
    };
    Watched::new(Stream::start(&config).unwrap())
}

/// Everything that comes within a time.
fn units(watched: &mut Watched, time: Duration) -> Vec<AccessUnit> {
    let until = Instant::now() + time;
    let mut units = Vec::new();
    while Instant::now() < until {
        units.push(watched.unit());
    }
    units
}

fn bits(units: &[AccessUnit]) -> u64 {
    units.iter().map(|unit| unit.data.len() as u64 * 8).sum()
}

fn keyframes(units: &[AccessUnit]) -> usize {
    units.iter().filter(|unit| unit.keyframe).count()
}

#[test]
fn a_bitrate_that_falls_is_kept_to_at_once_and_costs_no_more_than_a_smaller_size() {
    let mut watched = stream();
    units(&mut watched, Duration::from_secs(1));

    watched.stream.set_bitrate(400_000);
    // What was made at the old bitrate is to be sent first; the last of these is the one that may.
    let at_once = units(&mut watched, Duration::from_millis(150));
    assert!(at_once.len() <= 2, "{} pictures at once", at_once.len());
    let first = units(&mut watched, Duration::from_secs(1));
    let then = units(&mut watched, Duration::from_secs(4));

    // A bucket of 80 ms and the picture that filled it.
    assert!(bits(&first) < 600_000, "{} bits in the first second", bits(&first));
    assert!(bits(&then) < 4 * 440_000, "{} bits in four seconds", bits(&then));
    assert!(then.len() < 4 * 21, "{} pictures in four seconds", then.len());
    assert_eq!((keyframes(&first), keyframes(&then)), (0, 1), "one smaller size");
    let resized = then.iter().find(|unit| unit.keyframe).map_or(0, |unit| unit.data.len());
    assert!(resized < 12_000, "the keyframe of the new size has {resized} bytes");
    let thinned = watched.stream.stats().frames_thinned.load(Ordering::Relaxed);
    assert!(thinned > 30, "{thinned} pictures were left out");
}

#[test]
fn a_keyframe_is_made_to_fit() {
    let mut watched = stream();
    let first = watched.unit();
    assert!(first.keyframe && first.data.len() < 40_000, "{} bytes", first.data.len());
    watched.stream.set_bitrate(1_000_000);
    units(&mut watched, Duration::from_secs(1));

    watched.stream.request_keyframe();
    let later = units(&mut watched, Duration::from_millis(500));

    let keyframe = later.iter().find(|unit| unit.keyframe).expect("asked for");
    let ms = keyframe.data.len() * 8 / 1_000;
    println!("{} bytes, {ms} ms at the bitrate", keyframe.data.len());
    assert!(ms < 120, "a keyframe of {} bytes takes {ms} ms", keyframe.data.len());
}

#[test]
fn what_a_keyframe_lost_comes_back_without_a_pause() {
    let mut watched = stream();
    watched.unit();
    watched.stream.set_bitrate(600_000);
    units(&mut watched, Duration::from_secs(2));

    watched.stream.request_keyframe();
    let later = units(&mut watched, Duration::from_millis(1_500));

    let from = later.iter().position(|unit| unit.keyframe).expect("asked for");
    let later = &later[from..];
    let ms: Vec<usize> = later.iter().map(|unit| unit.data.len() * 8 / 600).collect();
    let apart: Vec<u128> =
        later.windows(2).map(|two| (two[1].captured - two[0].captured).as_millis()).collect();
    println!("sent within {ms:?} ms, {apart:?} ms apart");
    let longest = apart.iter().max().copied().unwrap_or(u128::MAX);
    assert!(longest < 150, "no picture for {longest} ms");
    assert!(ms.iter().all(|ms| *ms < 140), "a picture takes {ms:?} ms at the bitrate");
}
