//! Streams that go wrong: slow, hanging, failing and panicking back ends, loops that stand still.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::Ordering;
use std::time::Instant;

use common::scripted::{Act, Grey, Scripted, stream};
use common::{MS, Watched, wait_until};
use pinhole_encoder::encoder::Remake;
use pinhole_encoder::{
    Content, EncoderChoice, Media, MediaEvent, SourceKind, Stream, StreamConfig,
};

#[test]
fn a_slow_encoder_gets_the_newest_picture_and_the_others_are_counted() {
    let encoder = Scripted::new(|_| Act::Sleep(50));
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &encoder, None));
    let units: Vec<_> = (0..8).map(|_| watched.unit()).collect();
    for unit in &units[1..] {
        let age = unit.encoded - unit.captured;
        // Encoding takes 50 ms; a queue of even three pictures would make it 150 more.
        assert!(age < MS * 150, "{age:?}");
    }
    let stats = watched.stream.stats();
    let dropped = stats.frames_dropped.load(Ordering::SeqCst);
    let gaps = units[7].sequence - 7;
    assert!(gaps > 8, "{gaps}");
    assert!(dropped >= gaps, "{dropped} dropped, {gaps} missing");
}

#[test]
fn an_event_loop_that_stands_still_finds_at_most_8_units_that_begin_with_an_idr() {
    let encoder = Scripted::new(|_| Act::Encode);
    let mut watched = Watched::new(stream(Grey::on_the_clock(200), &encoder, None));
    wait_until("40 pictures", || encoder.calls.load(Ordering::SeqCst) > 40);
    watched.stream.set_active(true);
    let mut units = Vec::new();
    while let Some(unit) = watched.stream.poll_access_unit() {
        units.push(unit);
    }
    // The queue may have been thrown away just now.
    let first = if units.is_empty() { watched.unit() } else { units[0].clone() };
    assert!(units.len() <= 10, "{}", units.len());
    assert!(first.keyframe);
    let lost = watched.stream.stats().access_units_dropped.load(Ordering::SeqCst);
    assert!(lost >= 9, "{lost}");
    assert!(encoder.forced.lock().unwrap().len() >= 2);
}

#[test]
fn an_encoder_that_hangs_is_reported_and_so_is_its_return() {
    let encoder = Scripted::new(|n| if n == 3 { Act::Hang } else { Act::Encode });
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &encoder, None));
    let began = Instant::now();
    let event = watched.event();
    assert!(matches!(event, MediaEvent::Stalled(ms) if (1000..4000).contains(&ms)), "{event:?}");
    assert!(began.elapsed() >= MS * 1000);
    encoder.let_go.store(true, Ordering::SeqCst);
    assert_eq!(watched.event(), MediaEvent::Recovered);
    while watched.stream.poll_access_unit().is_some() {}
    watched.unit();
}

#[test]
fn dropping_a_stream_does_not_wait_for_an_encoder_that_hangs() {
    let encoder = Scripted::new(|_| Act::Hang);
    let watched = Watched::new(stream(Grey::on_the_clock(100), &encoder, None));
    wait_until("it hangs", || encoder.calls.load(Ordering::SeqCst) == 1);
    let began = Instant::now();
    drop(watched);
    assert!(began.elapsed() < MS * 5000, "{:?}", began.elapsed());
    encoder.let_go.store(true, Ordering::SeqCst);
}

#[test]
fn an_encoder_that_fails_is_replaced_once() {
    let encoder = Scripted::new(|n| if n == 5 { Act::Fail } else { Act::Encode });
    let again = encoder.clone();
    let remake: Remake = Box::new(move |_| Ok(Box::new(again.clone())));
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &encoder, Some(remake)));
    let units: Vec<_> = (0..12).map(|_| watched.unit()).collect();
    let keyframes: Vec<bool> = units.iter().map(|unit| unit.keyframe).collect();
    // The picture that failed is encoded by the new one, as an IDR.
    assert_eq!(keyframes, (0..12).map(|n| n == 0 || n == 5).collect::<Vec<_>>());
    assert_eq!(watched.stream.poll_event(), None);
}

#[test]
fn an_encoder_that_fails_twice_fails_for_good() {
    let encoder = Scripted::new(|n| if n >= 5 { Act::Fail } else { Act::Encode });
    let again = encoder.clone();
    let remake: Remake = Box::new(move |_| Ok(Box::new(again.clone())));
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &encoder, Some(remake)));
    assert_eq!(watched.event(), MediaEvent::Failed("failed at 6".into()));
}

#[test]
fn a_new_encoder_that_fails_soon_is_not_replaced_again() {
    let encoder = Scripted::new(|n| if n == 5 || n == 40 { Act::Fail } else { Act::Encode });
    let again = encoder.clone();
    let remake: Remake = Box::new(move |_| Ok(Box::new(again.clone())));
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &encoder, Some(remake)));
    assert_eq!(watched.event(), MediaEvent::Failed("failed at 40".into()));
}

#[test]
fn panics_are_failures_with_their_text() {
    let encoder = Scripted::new(|n| if n == 2 { Act::Panic } else { Act::Encode });
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &encoder, None));
    assert_eq!(watched.event(), MediaEvent::Failed("the encoder panicked: at 2".into()));

    let source = Grey { end: |n| (n == 3).then(|| panic!("lost")), ..Grey::on_the_clock(100) };
    let encoder = Scripted::new(|_| Act::Encode);
    let mut watched = Watched::new(stream(source, &encoder, None));
    assert_eq!(watched.event(), MediaEvent::Failed("the source panicked: lost".into()));
}

#[test]
fn sources_end_and_fail_with_an_event() {
    let encoder = Scripted::new(|_| Act::Encode);
    let source = Grey { end: |n| (n == 4).then_some(Ok(())), ..Grey::on_the_clock(100) };
    let mut watched = Watched::new(stream(source, &encoder, None));
    assert_eq!(watched.event(), MediaEvent::Ended);

    let end = |n| (n == 4).then(|| Err("no more film".to_owned()));
    let source = Grey { end, ..Grey::on_the_clock(100) };
    let mut watched = Watched::new(stream(source, &encoder, None));
    assert_eq!(watched.event(), MediaEvent::Failed("no more film".into()));
}

#[test]
fn back_ends_that_are_not_built_in_are_refused_with_what_to_do() {
    for choice in [EncoderChoice::VulkanVideo, EncoderChoice::VulkanCompute] {
        let config = StreamConfig {
            source: SourceKind::Test,
            encoder: choice,
            size: (320, 180),
            fps: None,
            bitrate: 500_000,
            content: Content::Camera,
            openh264_library: None,
        };
        let error = Stream::start(&config).err().unwrap().to_string();
        assert!(error.contains("use --encoder auto or openh264"), "{error}");
        let error = |config: &StreamConfig| Stream::start(config).err().unwrap().to_string();
        let auto = StreamConfig { encoder: EncoderChoice::Auto, ..config };
        assert!(error(&StreamConfig { fps: Some(0), ..auto.clone() }).contains("--fps"));
        assert!(error(&StreamConfig { size: (321, 180), ..auto.clone() }).contains("--size"));
        assert!(error(&StreamConfig { bitrate: 1, ..auto }).contains("bitrate"));
    }
}
