//! Streams: the threads, with scripted sources and encoders and with real ones.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Eye, Watched, settings, wait_until};
use pinhole_encoder::encoder::{Capabilities, Effect, EncodeError, Encoded, FrameControl, Remake};
use pinhole_encoder::frame::I420;
use pinhole_encoder::source::{Moment, Pacing, SourceError, SourceFormat};
use pinhole_encoder::{
    Content, Encoder, EncoderChoice, EncoderSettings, Frame, Media, MediaEvent, Size, Source,
    SourceKind, Stream, StreamConfig,
};

const MS: Duration = Duration::from_millis(1);

/// What a scripted encoder does with picture `n`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Encode,
    Sleep(u64),
    /// Until the test lets go.
    Hang,
    Fail,
    Panic,
}

/// An encoder that follows a script and notes what it was asked.
#[derive(Clone)]
struct Scripted {
    script: fn(u32) -> Act,
    calls: Arc<AtomicU32>,
    forced: Arc<Mutex<Vec<u32>>>,
    settings: Arc<Mutex<EncoderSettings>>,
    let_go: Arc<AtomicBool>,
}

impl Scripted {
    fn new(script: fn(u32) -> Act) -> Scripted {
        Scripted {
            script,
            calls: Arc::default(),
            forced: Arc::default(),
            settings: Arc::new(Mutex::new(settings(64, 64, 100, 1_000_000))),
            let_go: Arc::default(),
        }
    }
}

impl Encoder for Scripted {
    fn describe(&self) -> String {
        "scripted".into()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { inputs: &[], slices: 1, seamless_rate: true }
    }

    fn profile_level_id(&self) -> [u8; 3] {
        [0x42, 0xc0, 0x1f]
    }

    fn encode(
        &mut self,
        frame: &Frame,
        control: FrameControl,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let n = self.calls.fetch_add(1, Ordering::SeqCst);
        if control.force_idr {
            self.forced.lock().unwrap().push(n);
        }
        assert_eq!(frame.size(), self.settings.lock().unwrap().size);
        match (self.script)(n) {
            Act::Encode => {}
            Act::Sleep(ms) => std::thread::sleep(MS * u32::try_from(ms).unwrap()),
            Act::Hang => wait_until("let go", || self.let_go.load(Ordering::SeqCst)),
            Act::Fail => return Err(EncodeError::BackEnd(format!("failed at {n}"))),
            Act::Panic => panic!("at {n}"),
        }
        let idr = control.force_idr || n == 0;
        out.extend_from_slice(&[0, 0, 0, 1, if idr { 0x65 } else { 0x41 }, 0x80]);
        Ok(if idr { Encoded::Idr } else { Encoded::Delta })
    }

    fn reconfigure(&mut self, settings: &EncoderSettings) -> Result<Effect, EncodeError> {
        if settings.bitrate == 666 {
            return Err(EncodeError::Unsupported("no".into()));
        }
        *self.settings.lock().unwrap() = *settings;
        Ok(Effect::Seamless)
    }
}

/// A source of grey pictures, on the clock or live.
struct Grey {
    pacing: Pacing,
    fps: u32,
    size: fn(u64) -> (u32, u32),
    /// Pictures a live source gives; it blocks while there are none.
    give: Arc<AtomicU64>,
    given: u64,
    end: fn(u64) -> Option<Result<(), String>>,
}

impl Grey {
    fn on_the_clock(fps: u32) -> Grey {
        let (pacing, give) = (Pacing::Clock, Arc::default());
        Grey { pacing, fps, size: |_| (64, 64), give, given: 0, end: |_| None }
    }

    fn live(give: &Arc<AtomicU64>) -> Grey {
        Grey { pacing: Pacing::Arrival, give: Arc::clone(give), ..Grey::on_the_clock(30) }
    }
}

impl Source for Grey {
    fn format(&self) -> SourceFormat {
        let format = settings(64, 64, self.fps, 1_000_000);
        SourceFormat {
            size: format.size,
            rate: format.rate,
            pacing: self.pacing,
            full_range: false,
        }
    }

    fn next_frame(
        &mut self,
        _moment: &Moment,
        _spare: Option<Frame>,
    ) -> Result<Option<Frame>, SourceError> {
        if self.pacing == Pacing::Arrival {
            let (give, given) = (&self.give, self.given);
            while give.load(Ordering::SeqCst) <= given {
                std::thread::sleep(MS);
            }
        }
        let (width, height) = (self.size)(self.given);
        self.given += 1;
        match (self.end)(self.given) {
            Some(Ok(())) => Ok(None),
            Some(Err(text)) => Err(SourceError::Other(text)),
            None => Ok(Some(Frame::I420(I420::black(Size::new(width, height).unwrap())))),
        }
    }
}

fn stream(source: Grey, encoder: &Scripted, remake: Option<Remake>) -> Stream {
    let settings = *encoder.settings.lock().unwrap();
    Stream::from_parts(Box::new(source), Box::new(encoder.clone()), settings, remake).unwrap()
}

fn real(width: u32, height: u32, fps: u32) -> Stream {
    Stream::start(&StreamConfig {
        source: SourceKind::Test,
        encoder: EncoderChoice::Auto,
        size: (width, height),
        fps: Some(fps),
        bitrate: 800_000,
        content: Content::Camera,
    })
    .unwrap()
}

#[test]
fn a_test_stream_is_watched_decoded_and_on_time() {
    let mut watched = Watched::new(real(320, 180, 30));
    let format = watched.stream.format().clone();
    assert_eq!((format.width, format.height, format.frames_per_1000s), (320, 180, 30_000));
    assert!(format.encoder.contains("no GPU encoder back end is built in yet"));
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
fn back_ends_that_are_not_built_in_are_refused_with_what_to_do() {
    for choice in [EncoderChoice::VulkanVideo, EncoderChoice::VulkanCompute] {
        let config = StreamConfig {
            source: SourceKind::Test,
            encoder: choice,
            size: (320, 180),
            fps: None,
            bitrate: 500_000,
            content: Content::Camera,
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
