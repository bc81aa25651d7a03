//! Streams that go wrong: slow, hanging, failing and panicking back ends, loops that stand still.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use common::scripted::{Act, Grey, Scripted, stream};
use common::{Eye, MS, Watched, wait_until};
use pinhole_encoder::encoder::{EncodeError, Starter};
use pinhole_encoder::{
    Content, EncoderChoice, Media, MediaEvent, OpenH264, SourceKind, Stream, StreamConfig,
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

/// What a back end does, its script, and how the reason begins.
type Case = (&'static str, fn(u32) -> Act, &'static str);

#[test]
fn whatever_a_back_end_does_another_takes_over_within_a_second_and_a_half() {
    let nothing: fn(u32) -> Act = |n| if n >= 5 { Act::Nothing } else { Act::Encode };
    let cases: [Case; 6] = [
        ("hangs", |n| if n == 5 { Act::Hang } else { Act::Encode }, "it did not answer for "),
        ("fails", |n| if n == 5 { Act::Fail } else { Act::Encode }, "failed at 5"),
        ("panics", |n| if n == 5 { Act::Panic } else { Act::Encode }, "the encoder panicked: at 5"),
        (
            "writes garbage",
            |n| if n == 5 { Act::Garbage } else { Act::Encode },
            "the encoder wrote bytes that do not begin with a start code",
        ),
        (
            "writes another size",
            |n| if n == 5 { Act::OtherSize } else { Act::Encode },
            "the encoder wrote an SPS of 96x96 for pictures of 64x64",
        ),
        ("writes nothing", nothing, "the encoder wrote 51 times nothing where a picture was due"),
    ];
    for (what, script, says) in cases {
        let first = Scripted::named("first", script);
        let second = Scripted::named("second", |_| Act::Encode);
        let source = Grey::on_the_clock(100);
        let mut watched = Watched::new(stream(source, &first, [second.starter()]));
        let mut eye = Eye::new();
        let mut units = Vec::new();
        for _ in 0..20 {
            let unit = watched.unit();
            eye.see(&unit.data);
            units.push((unit, Instant::now()));
        }
        let gap = units[5].1 - units[4].1;
        println!("a back end that {what}: {gap:?} until the next picture that can be decoded");
        assert!(gap < MS * 1500, "{what}: {gap:?}");
        assert_eq!((eye.pictures, eye.size), (20, (64, 64)), "{what}");
        let keyframes: Vec<usize> = (0..20).filter(|&n| units[n].0.keyframe).collect();
        assert_eq!(keyframes, [0, 5], "{what}");
        assert!(units.windows(2).all(|two| two[0].0.captured < two[1].0.captured), "{what}");
        let MediaEvent::Replaced { from, to, why } = skip_stalls(&mut watched) else { panic!() };
        assert_eq!((from.as_str(), to.as_str()), ("first", "second"));
        assert!(why.starts_with(says), "{what}: {why}");
        assert_eq!(watched.stream.poll_event(), None);
        first.let_go.store(true, Ordering::SeqCst);
    }
}

/// A hanging encoder is told as such before it is replaced, if that takes a second.
fn skip_stalls(watched: &mut Watched) -> MediaEvent {
    loop {
        match watched.event() {
            MediaEvent::Stalled(_) => {}
            event => return event,
        }
    }
}

#[test]
fn the_picture_that_failed_is_encoded_by_the_next_one_as_an_idr() {
    let encoder = Scripted::new(|n| if n == 5 { Act::Fail } else { Act::Encode });
    let mut watched = Watched::new(stream(Grey::on_the_clock(25), &encoder, [encoder.starter()]));
    let units: Vec<_> = (0..12).map(|_| watched.unit()).collect();
    let keyframes: Vec<bool> = units.iter().map(|unit| unit.keyframe).collect();
    assert_eq!(keyframes, (0..12).map(|n| n == 0 || n == 5).collect::<Vec<_>>());
    let sequences: Vec<u64> = units.iter().map(|unit| unit.sequence).collect();
    assert_eq!(sequences, (0..12).collect::<Vec<_>>());
    assert_eq!(encoder.forced.lock().unwrap()[..], [0, 6]);
}

#[test]
fn a_live_source_that_pauses_loses_no_picture_to_a_back_end_that_hangs() {
    let give = Arc::new(AtomicU64::new(1));
    let first = Scripted::new(|n| if n == 1 { Act::Hang } else { Act::Encode });
    let second = Scripted::new(|_| Act::Encode);
    let mut watched = Watched::new(stream(Grey::live(&give), &first, [second.starter()]));
    assert_eq!(watched.unit().sequence, 0);
    give.store(2, Ordering::SeqCst);
    let unit = watched.unit();
    assert_eq!((unit.sequence, unit.keyframe), (1, true));
    first.let_go.store(true, Ordering::SeqCst);
    give.store(u64::MAX, Ordering::SeqCst);
}

#[test]
fn what_comes_back_after_it_was_given_up_is_not_heard_and_its_thread_ends() {
    let first = Scripted::named("first", |n| if n == 5 { Act::Hang } else { Act::Encode });
    let second = Scripted::named("second", |_| Act::Encode);
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &first, [second.starter()]));
    let mut eye = Eye::new();
    (0..10).for_each(|_| _ = eye.see(&watched.unit().data));
    assert_eq!(first.alive.load(Ordering::SeqCst), 1, "it hangs");
    first.let_go.store(true, Ordering::SeqCst);
    wait_until("its thread ends", || first.alive.load(Ordering::SeqCst) == 0);
    // Of two encoders that wrote in turn, a decoder would see gaps, or pictures without change.
    for _ in 0..20 {
        let unit = watched.unit();
        assert!(!unit.keyframe);
        eye.see(&unit.data);
    }
    assert_eq!(first.calls.load(Ordering::SeqCst), 6);
}

#[test]
fn one_that_hangs_over_new_settings_is_given_up_too() {
    let first = Scripted::named("first", |_| Act::Encode);
    let next = Starter::new("openh264", |settings| Ok(Box::new(OpenH264::new(settings)?)));
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &first, [next]));
    watched.unit();
    let began = Instant::now();
    watched.stream.set_bitrate(667);
    let MediaEvent::Replaced { to, why, .. } = skip_stalls(&mut watched) else { panic!() };
    println!("replaced after {:?}", began.elapsed());
    assert!(began.elapsed() < MS * 1500, "{:?}", began.elapsed());
    assert!(to.starts_with("OpenH264") && why.starts_with("it did not answer"), "{to}: {why}");
    first.let_go.store(true, Ordering::SeqCst);
}

#[test]
fn one_that_does_not_start_is_passed_over_and_told_of() {
    let first = Scripted::named("first", |n| if n == 5 { Act::Fail } else { Act::Encode });
    let last = Scripted::named("last", |_| Act::Encode);
    let hold = Arc::new(AtomicBool::new(true));
    let held = Arc::clone(&hold);
    let hangs = Starter::new("a driver that hangs", move |_| {
        wait_until("let go", || !held.load(Ordering::SeqCst));
        Err(EncodeError::BackEnd("no".into()))
    });
    let refuses =
        Starter::new("a driver that refuses", |_| Err(EncodeError::BackEnd("no GPU".into())));
    let chain = [refuses, hangs, last.starter()];
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &first, chain));
    (0..10).for_each(|_| _ = watched.unit());
    let mut event = watched.event();
    while !matches!(event, MediaEvent::Replaced { .. }) {
        event = watched.event();
    }
    let MediaEvent::Replaced { from, to, why } = event else { panic!() };
    assert_eq!((from.as_str(), to.as_str()), ("first", "last"));
    let start =
        "failed at 5; then a driver that refuses: no GPU; then a driver that hangs: it did not";
    assert!(why.starts_with(start), "{why}");
    hold.store(false, Ordering::SeqCst);
}

#[test]
fn an_encoder_that_fails_again_and_again_fails_for_good() {
    let encoder = Scripted::new(|n| if n >= 5 { Act::Fail } else { Act::Encode });
    let mut watched = Watched::new(stream(Grey::on_the_clock(100), &encoder, [encoder.starter()]));
    let says = "failed at 9; the encoder was replaced 4 times within 60 s before, and is not again";
    assert_eq!(watched.event(), MediaEvent::Failed(says.into()));
    wait_until("all are dropped", || encoder.alive.load(Ordering::SeqCst) == 0);
}

#[test]
fn a_successor_starts_with_the_settings_in_force() {
    let first = Scripted::new(|n| if n == 20 { Act::Fail } else { Act::Encode });
    let second = Scripted::new(|_| Act::Encode);
    let source =
        Grey { size: |n| if n < 5 { (64, 64) } else { (96, 32) }, ..Grey::on_the_clock(100) };
    let mut watched = Watched::new(stream(source, &first, [second.starter()]));
    watched.stream.set_bitrate(500_000);
    let mut eye = Eye::new();
    while second.calls.load(Ordering::SeqCst) < 5 {
        eye.see(&watched.unit().data);
    }
    assert_eq!(eye.size, (96, 32));
    let started = second.started.lock().unwrap()[0];
    assert_eq!((started.size.width(), started.bitrate), (96, 500_000));
}

#[test]
fn a_successor_knows_what_was_set_before_the_stream_was_thinned() {
    let first = Scripted::new(|n| if n == 25 { Act::Fail } else { Act::Encode });
    let second = Scripted::new(|_| Act::Encode);
    let source = Grey { size: |_| (1280, 720), ..Grey::on_the_clock(30) };
    let mut watched = Watched::new(stream(source, &first, [second.starter()]));
    watched.stream.set_bitrate(100_000);
    while second.calls.load(Ordering::SeqCst) < 1 {
        watched.unit();
    }
    assert_eq!(first.settings.lock().unwrap().rate.per_1000s(), 66_667, "thinned");

    watched.stream.set_bitrate(1_000_000);
    while second.calls.load(Ordering::SeqCst) < 10 {
        watched.unit();
    }

    assert_eq!(second.settings.lock().unwrap().rate.per_1000s(), 100_000);
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
