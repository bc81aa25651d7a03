//! Pictures from the memory of the embedding program.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::{MS, Watched, colours, moment, wait_until};
use pinhole_encoder::frame::Picture;
use pinhole_encoder::frame::{FrameError, PixelFormat, Rows};
use pinhole_encoder::source::{AppSource, FrameSender, SendError};
use pinhole_encoder::{EncoderConfig, Frame, FrameRate, Media, MediaEvent, Size, Source, Stream};

fn size(width: u32, height: u32) -> Size {
    Size::new(width, height).unwrap()
}

fn rate() -> FrameRate {
    FrameRate::per_second(30).unwrap()
}

fn watched(size: Size) -> (FrameSender, Watched) {
    let (sender, source) = AppSource::new(size, rate());
    let stream = Stream::of_source(Box::new(source), &EncoderConfig::default()).unwrap();
    (sender, Watched::new(stream))
}

/// A picture of one colour, with padding after each row that has another.
struct Painted {
    size: Size,
    planes: Vec<(Vec<u8>, usize)>,
    format: PixelFormat,
}

impl Painted {
    /// `yuv` for 4:2:0, blue, green and red for BGRA.
    fn new(format: PixelFormat, size: Size, colour: [u8; 3]) -> Painted {
        let (width, height) = (size.width() as usize, size.height() as usize);
        let [a, b, c] = colour;
        let shapes: Vec<(Vec<u8>, usize, usize)> = match format {
            PixelFormat::I420 => vec![
                (vec![a], width, height),
                (vec![b], width / 2, height / 2),
                (vec![c], width / 2, height / 2),
            ],
            PixelFormat::Nv12 => {
                vec![(vec![a], width, height), (vec![b, c], width / 2, height / 2)]
            }
            _ => vec![(vec![a, b, c, 0], width, height)],
        };
        let plane = |(pixel, count, rows): (Vec<u8>, usize, usize)| {
            let row = [pixel.repeat(count), vec![77; 24]].concat();
            (row.repeat(rows), row.len())
        };
        Painted { size, planes: shapes.into_iter().map(plane).collect(), format }
    }

    fn picture(&self) -> Picture<'_> {
        let rows: Vec<Rows<'_>> =
            self.planes.iter().map(|(bytes, stride)| Rows::new(bytes, *stride)).collect();
        match (self.format, rows.as_slice()) {
            (PixelFormat::I420, &[y, u, v]) => Picture::i420(self.size, [y, u, v]),
            (PixelFormat::Nv12, &[y, uv]) => Picture::nv12(self.size, [y, uv]),
            (_, &[pixels, ..]) => Picture::bgra(self.size, pixels),
            _ => unreachable!(),
        }
        .unwrap()
    }
}

#[test]
fn pictures_of_every_format_arrive_with_their_colours_and_without_their_padding() {
    let size = size(320, 180);
    for (format, colour, want) in [
        (PixelFormat::I420, [150, 90, 200], [150, 90, 200]),
        (PixelFormat::Nv12, [60, 170, 110], [60, 170, 110]),
        // Pure red as BT.709, limited range.
        (PixelFormat::Bgra, [0, 0, 255], [63, 102, 240]),
    ] {
        let painted = Painted::new(format, size, colour);
        let (sender, mut source) = AppSource::new(size, rate());
        sender.send(&painted.picture(), Instant::now()).unwrap();
        let frame = source.next_frame(&moment(), None).unwrap().unwrap();
        for (plane, want) in frame.as_picture().unwrap().rows().iter().zip(want) {
            let off = plane.bytes.iter().map(|got| got.abs_diff(want)).max();
            assert!(off <= Some(1), "{format:?}: {off:?} off");
        }

        let (sender, mut watched) = watched(size);
        sender.send(&painted.picture(), Instant::now()).unwrap();
        let unit = watched.unit();
        assert!(unit.keyframe);
        let (decoded, seen) = colours(&unit.data);
        assert_eq!(decoded, (320, 180));
        for corner in seen {
            let off = corner.iter().zip(want).map(|(got, want)| got.abs_diff(want)).max();
            assert!(off <= Some(3), "{format:?}: {corner:?} instead of {want:?}");
        }
    }
}

#[test]
fn the_size_may_change_from_one_picture_to_the_next() {
    let (sender, mut watched) = watched(size(320, 180));
    for (width, height) in [(320, 180), (640, 360), (176, 144)] {
        let painted = Painted::new(PixelFormat::Bgra, size(width, height), [255, 255, 255]);
        sender.send(&painted.picture(), Instant::now()).unwrap();
        let unit = watched.unit();
        assert!(unit.keyframe);
        let (decoded, seen) = colours(&unit.data);
        assert_eq!(decoded, (width as usize, height as usize));
        assert!(seen[3][0].abs_diff(235) <= 2, "{seen:?}");
    }
}

#[test]
fn the_newest_picture_wins_and_sending_never_waits_for_the_stream() {
    let (sender, mut source) = AppSource::new(size(64, 64), rate());
    let now = Instant::now();
    for (luma, at) in [(20, now), (30, now + MS), (40, now - MS), (50, now + 2 * MS), (60, now)] {
        let painted = Painted::new(PixelFormat::I420, size(64, 64), [luma, 128, 128]);
        sender.clone().send(&painted.picture(), at).unwrap();
    }
    let Some(Frame::I420(frame)) = source.next_frame(&moment(), None).unwrap() else { panic!() };
    assert_eq!(frame.planes()[0].bytes()[0], 50);
    assert_eq!(source.captured(), Some(now + 2 * MS));

    // What is older than a picture that was taken is not shown after it.
    let old = Painted::new(PixelFormat::I420, size(64, 64), [99, 128, 128]);
    sender.send(&old.picture(), now).unwrap();
    drop(sender);
    assert_eq!(source.next_frame(&moment(), None).unwrap(), None);
}

#[test]
fn a_picture_that_is_not_what_it_says_is_refused_in_words_and_changes_nothing() {
    let size = size(64, 64);
    let bytes = vec![9; 64 * 64 * 4];
    let narrow = Picture::bgra(size, Rows::new(&bytes, 255)).unwrap_err();
    let short = Picture::bgra(size, Rows::new(&bytes[1..], 256)).unwrap_err();
    let half = Rows::new(&bytes[..31], 32);
    let chroma = Picture::i420(size, [Rows::new(&bytes, 64), half, half]).unwrap_err();
    let flat = Picture::nv12(size, [Rows::new(&bytes, 64), Rows::new(&[], 64)]).unwrap_err();
    let endless = Picture::bgra(size, Rows::new(&bytes, usize::MAX)).unwrap_err();
    assert_eq!(narrow.to_string(), "plane 0: a stride of 255 bytes is less than a row of 256");
    assert_eq!(short.to_string(), "plane 0: 16383 bytes given, 16384 needed");
    assert_eq!(chroma, FrameError::Short { plane: 1, length: 31, needed: 1024 });
    assert!(matches!(flat, FrameError::Short { plane: 1, length: 0, .. }));
    assert!(matches!(endless, FrameError::Short { plane: 0, .. }));
    // The last row needs no padding.
    assert!(Picture::bgra(size, Rows::new(&bytes[..300 * 53 + 256], 252 + 4)).is_err());
    assert!(Picture::nv12(size, [Rows::new(&bytes[..100 * 63 + 64], 100); 2]).is_ok());
}

#[test]
fn capture_times_reach_the_access_units_but_never_lie_ahead() {
    let (sender, mut watched) = watched(size(320, 180));
    let painted = Painted::new(PixelFormat::I420, size(320, 180), [99, 128, 128]);
    let captured = Instant::now() - 40 * MS;
    sender.send(&painted.picture(), captured).unwrap();
    assert_eq!(watched.unit().captured, captured);

    sender.send(&painted.picture(), Instant::now() + Duration::from_secs(60)).unwrap();
    assert!(watched.unit().captured <= Instant::now());
}

#[test]
fn buffers_go_round() {
    let (sender, mut source) = AppSource::new(size(320, 180), rate());
    let painted = Painted::new(PixelFormat::Nv12, size(320, 180), [99, 128, 128]);
    let mut seen = BTreeSet::new();
    let mut spare = None;
    for _ in 0..100 {
        for _ in 0..2 {
            sender.send(&painted.picture(), Instant::now()).unwrap();
        }
        let Some(Frame::I420(frame)) = source.next_frame(&moment(), spare.take()).unwrap() else {
            panic!("another format")
        };
        seen.insert(frame.planes()[0].bytes().as_ptr() as usize);
        spare = Some(Frame::I420(frame));
    }
    assert!(seen.len() <= 3, "{} buffers", seen.len());
}

#[test]
fn the_stream_ends_with_its_last_sender_and_senders_hear_of_the_end_of_the_stream() {
    let (sender, mut watched) = watched(size(320, 180));
    let painted = Painted::new(PixelFormat::I420, size(320, 180), [99, 128, 128]);
    let second = sender.clone();
    drop(sender);
    second.send(&painted.picture(), Instant::now()).unwrap();
    drop(second);
    assert!(watched.unit().keyframe);
    assert_eq!(watched.event(), MediaEvent::Ended);
    // Who joins now still sees the last picture. (Later, because one who asks in the moment in which a
    // keyframe is handed over is taken for one who waits for it.)
    std::thread::sleep(50 * MS);
    watched.stream.request_keyframe();
    assert!(watched.unit().keyframe);

    let (sender, mut watched) = self::watched(size(320, 180));
    sender.send(&painted.picture(), Instant::now()).unwrap();
    watched.unit();
    // Its thread waits for the next picture by now, which never comes.
    std::thread::sleep(50 * MS);
    assert!(!sender.is_closed());
    let began = Instant::now();
    drop(watched);
    assert!(began.elapsed() < MS * 900, "{:?}", began.elapsed());
    wait_until("the source is closed", || sender.is_closed());
    assert_eq!(sender.send(&painted.picture(), Instant::now()), Err(SendError::Closed));
}
