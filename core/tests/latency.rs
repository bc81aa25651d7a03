//! When a frame was captured, told to viewers that ask for it; and the ledger of a whole endpoint.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use pinhole_core::{Frame, FrameTimes, Stage};
use str0m::RtcConfig;
use str0m::rtp::Extension;
use support::{Viewer, World, config, frame_bytes, start};

const CAPTURE_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

/// A viewer that asks for capture times.
fn curious(now: Instant, at: &str) -> Viewer {
    let config = RtcConfig::new().set_extension(12, Extension::AbsoluteCaptureTime);
    Viewer::with(now, at, true, config)
}

/// A world with the estimator, and so with all header extensions.
fn world() -> World {
    World::estimated(Some(8_000_000))
}

/// Sizes of the datagrams of each run of media sent since the last call.
fn runs(world: &mut World) -> Vec<Vec<usize>> {
    let media = |bytes: &[u8]| (128..192).contains(&bytes[0]) && !(192..224).contains(&bytes[1]);
    let sent = std::mem::take(&mut world.sent).into_iter();
    sent.filter(|(_, bytes)| media(bytes))
        .map(|(transmit, bytes)| bytes.chunks(transmit.segment_size).map(<[u8]>::len).collect())
        .collect()
}

#[test]
fn who_asks_is_told_the_capture_time_once_a_second_and_it_is_right() {
    let mut world = world();
    let created = world.now;
    let (asks, _) = world.admit(curious(world.now, "192.0.2.7:6000"));
    let (does_not, _) = world.join("192.0.2.8:6000", true);
    world.run_ms(300);
    let begin = world.now;

    for index in 0..75 {
        world.frame(index == 0, 9_000);
        world.run_ms(40);
    }

    let told: Vec<_> = world.viewers[asks].frames.iter().map(|frame| frame.captured).collect();
    assert_eq!(told.len(), 75);
    let times: Vec<_> = told.iter().enumerate().filter_map(|(n, at)| Some((n, (*at)?))).collect();
    // 40 ms a frame: every 25th is a second after the last one.
    assert_eq!(times.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 25, 50]);
    let wall = config(created).wall_clock.unix + (begin - created);
    for (index, at) in times {
        let error = (wall + Duration::from_millis(index as u64 * 40)).abs_diff(at);
        assert!(error < Duration::from_micros(1), "frame {index} is {error:?} off");
    }
    assert!(world.viewers[does_not].frames.iter().all(|frame| frame.captured.is_none()));
}

#[test]
fn the_answer_has_it_only_where_it_was_offered() {
    let mut world = world();
    let mut answer =
        |viewer: &Viewer| world.endpoint.accept_offer(world.now, &viewer.offer).unwrap().answer;
    let told = answer(&curious(start(), "192.0.2.7:6000"));
    let silent = answer(&Viewer::new(start(), "192.0.2.8:6000", true));
    assert!(told.contains(&format!("a=extmap:12 {CAPTURE_TIME}\r\n")), "{told}");
    assert!(!silent.contains(CAPTURE_TIME), "{silent}");
}

#[test]
fn a_frame_that_tells_its_capture_time_is_one_run_and_within_1200_bytes() {
    let mut world = world();
    world.admit(curious(world.now, "192.0.2.7:6000"));
    world.run_ms(300);
    world.frame(true, 3_000);
    world.run_ms(1_500);
    runs(&mut world);

    // Packets of the full 1150 bytes, and the second for the next capture time is over.
    world.frame(false, 1_148 * 9);

    let runs = runs(&mut world);
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(runs[0].len(), 9);
    assert!(runs[0].iter().all(|size| *size == runs[0][0] && *size <= 1_200), "{runs:?}");
    assert!(world.viewers[0].frames.last().unwrap().captured.is_some());
}

#[test]
fn the_ledger_follows_each_frame_until_the_slowest_viewer_has_all_of_it() {
    let mut world = world();
    world.join("192.0.2.7:6000", true);
    world.join("192.0.2.8:6000", true);
    world.run_ms(300);
    // An IDR with its parameter sets leaves in two runs.
    world.frame(true, 3_000);
    world.run_ms(33);
    let ms = Duration::from_millis;
    let mut buffer = vec![0; pinhole_core::Endpoint::TRANSMIT_BYTES_MAX];

    let data = frame_bytes(false, 9_000);
    let captured = world.now - ms(12);
    world.endpoint.send_frame(world.now, Frame { data: &data, captured });
    let [encoded, taken, packetized] = [2, 1, 0].map(|before| world.now - ms(before));
    world.endpoint.note_frame(FrameTimes { captured, encoded, taken, packetized });
    let mut sends = 0;
    while world.endpoint.poll_transmit(world.now, &mut buffer).is_some() {
        if world.endpoint.awaits_sent() {
            sends += 1;
            world.endpoint.note_sent(world.now + ms(sends * 3));
        }
    }

    let told = Stage::ALL.map(|stage| {
        let histogram = world.endpoint.ledger().histogram(stage);
        (histogram.count(), histogram.sum().as_millis())
    });
    assert_eq!(sends, 2, "a run for each viewer");
    assert_eq!(told[..5], [(1, 10), (1, 1), (1, 1), (1, 3), (1, 3)]);
    let recent = world.endpoint.ledger().recent();
    assert_eq!(recent.of(Stage::Encode), Some(ms(10)));
}
