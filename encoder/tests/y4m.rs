//! y4m as a source: files, and live streams such as standard input.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::time::{Duration, Instant};

use common::{Eye, Folder, MS, Pictures, Watched, config, ffmpeg, settings, stamp_of};
use pinhole_encoder::frame::I420;
use pinhole_encoder::source::{Moment, SourceError, Y4mFile, Y4mStream};
use pinhole_encoder::{
    AccessUnit, EncoderSettings, Frame, Media, MediaEvent, OpenH264, Source, SourceKind, Stream,
    StreamConfig,
};

fn moment() -> Moment {
    Moment { sequence: 0, due: Instant::now(), since_epoch: Duration::ZERO }
}

/// Test pictures as y4m.
fn y4m(settings: &EncoderSettings, header: &str, count: usize) -> (Vec<u8>, Vec<I420>) {
    let mut pictures = Pictures::new(*settings);
    let mut bytes = format!("YUV4MPEG2 {header}\n").into_bytes();
    let pictures: Vec<I420> = (0..count).map(|_| pictures.picture()).collect();
    for picture in &pictures {
        bytes.extend_from_slice(b"FRAME\n");
        picture.planes().iter().for_each(|plane| bytes.extend_from_slice(plane.bytes()));
    }
    (bytes, pictures)
}

#[test]
fn a_y4m_file_gives_its_pictures_bit_for_bit_and_again_from_the_start() {
    let folder = Folder::new("y4m");
    let settings = settings(320, 180, 25, 500_000);
    let (bytes, pictures) = y4m(&settings, "W320 H180 F25:1 Ip A1:1 C420jpeg", 3);
    let mut source = Y4mFile::open(&folder.file("a.y4m", &bytes), None).unwrap();
    let format = source.format();
    assert_eq!(
        (format.size, format.rate, format.full_range),
        (settings.size, settings.rate, false)
    );
    let mut spare = None;
    for n in 0..8 {
        let frame = source.next_frame(&moment(), spare.take()).unwrap().unwrap();
        assert_eq!(frame, Frame::I420(pictures[n % 3].clone()), "picture {n}");
        spare = Some(frame);
    }
}

#[test]
fn a_y4m_file_is_streamed_at_its_own_rate_or_the_one_given() {
    let folder = Folder::new("y4m-stream");
    let settings = settings(320, 180, 100, 500_000);
    let (bytes, _) = y4m(&settings, "W320 H180 F100:1 C420 XCOLORRANGE=FULL", 20);
    let path = folder.file("a.y4m", &bytes);
    let own = Stream::start(&config(SourceKind::Y4mFile(path.clone()))).unwrap();
    let given = StreamConfig { fps: Some(50), ..config(SourceKind::Y4mFile(path)) };
    let given = Stream::start(&given).unwrap();
    for (stream, fps) in [(own, 100), (given, 50)] {
        assert_eq!(stream.format().frames_per_1000s, fps * 1000);
        let mut watched = Watched::new(stream);
        let mut eye = Eye::new();
        let units: Vec<AccessUnit> = (0..25).map(|_| watched.unit()).collect();
        for (n, unit) in units.iter().enumerate() {
            let frame = eye.see(&unit.data).expect("a stamp").frame;
            // Pictures dropped by a busy machine are not read again; the file goes on.
            assert!(frame < 20, "{frame}");
            let frames = u32::try_from(unit.sequence - units[0].sequence).unwrap();
            let even = Duration::from_secs(1) * frames / fps;
            let off = (unit.captured - units[0].captured).abs_diff(even);
            assert!(off < MS / 1000, "picture {n} is off by {off:?}");
        }
        let pictures = eye.pictures;
        assert_eq!(pictures, 25);
    }
}

#[test]
fn y4m_that_cannot_be_encoded_is_refused_with_the_way_to_convert_it() {
    let folder = Folder::new("y4m-bad");
    let convert = "-pix_fmt yuv420p -f yuv4mpegpipe";
    let cases: [(&str, &[u8], &str); 9] = [
        ("empty", b"", convert),
        ("text", b"hello, this is a text of some length\nand more\n", "not y4m"),
        ("422", b"YUV4MPEG2 W320 H180 F25:1 C422\n", convert),
        ("10bit", b"YUV4MPEG2 W320 H180 F25:1 C420p10\n", convert),
        ("odd format", b"YUV4MPEG2 W320 H180 F25:1 C444alpha\n", convert),
        ("odd size", b"YUV4MPEG2 W321 H180 F25:1 C420\n", "odd"),
        ("huge", b"YUV4MPEG2 W999999 H999999 F25:1 C420\n", "larger than"),
        ("no rate", b"YUV4MPEG2 W320 H180 F0:0 C420\n", "--fps"),
        ("rate", b"YUV4MPEG2 W320 H180 F1000:1 C420\n", "240"),
    ];
    for (name, bytes, want) in cases {
        let path = folder.file(name, bytes);
        let error = Stream::start(&config(SourceKind::Y4mFile(path))).err().unwrap().to_string();
        assert!(error.contains(want) && error.contains(name), "{name}: {error}");
    }
    let missing = config(SourceKind::Y4mFile(folder.0.join("missing.y4m")));
    let error = Stream::start(&missing).err().unwrap().to_string();
    assert!(error.contains("missing.y4m: No such file"), "{error}");
}

#[test]
fn a_y4m_file_without_a_whole_picture_fails_with_an_event() {
    let folder = Folder::new("y4m-cut");
    let path = folder.file("a.y4m", b"YUV4MPEG2 W320 H180 F25:1 C420\nFRAME\nhalf");
    let mut watched = Watched::new(Stream::start(&config(SourceKind::Y4mFile(path))).unwrap());
    let MediaEvent::Failed(text) = watched.event() else { panic!("another event") };
    assert!(text.contains("no whole picture"), "{text}");
}

/// A stream of a pipe, as of standard input.
fn piped(reader: std::io::PipeReader) -> Stream {
    let source = Y4mStream::open(reader, "a pipe", None, MS * 10_000).unwrap();
    let format = source.format();
    let settings = EncoderSettings {
        size: format.size,
        rate: format.rate,
        ..settings(320, 180, 30, 1_000_000)
    };
    let encoder = Box::new(OpenH264::new(&settings).unwrap());
    Stream::from_parts(Box::new(source), encoder, settings, None).unwrap()
}

#[test]
fn live_y4m_is_encoded_as_it_arrives_and_its_end_is_an_event() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let settings = settings(320, 180, 30, 500_000);
    let (bytes, _) = y4m(&settings, "W320 H180 F30:1 C420", 12);
    let picture = (bytes.len() - 31) / 12;
    let header = bytes.len() - 12 * picture;
    writer.write_all(&bytes[..header]).unwrap();
    let mut watched = Watched::new(piped(reader));
    let mut eye = Eye::new();
    for n in 0..12 {
        let at = header + n * picture;
        let before = Instant::now();
        writer.write_all(&bytes[at..at + picture]).unwrap();
        let unit = watched.unit();
        assert_eq!(unit.keyframe, n == 0);
        assert_eq!(eye.see(&unit.data), Some(stamp_of(&settings, n as u64)));
        assert!(unit.captured >= before && unit.captured <= unit.encoded);
    }
    drop(writer);
    assert_eq!(watched.event(), MediaEvent::Ended);
    // Who joins now still sees the last picture.
    watched.stream.request_keyframe();
    let last = watched.unit();
    assert!(last.keyframe);
    assert_eq!(Eye::new().see(&last.data), Some(stamp_of(&settings, 11)));
}

#[test]
fn live_y4m_is_drained_while_nobody_watches() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let settings = settings(320, 180, 30, 500_000);
    let (bytes, _) = y4m(&settings, "W320 H180 F30:1 C420", 30);
    writer.write_all(&bytes[..31]).unwrap();
    let mut watched = Watched::idle(piped(reader));
    // 2.6 MB: far more than a pipe holds.
    writer.write_all(&bytes[31..]).unwrap();
    drop(writer);
    assert_eq!(watched.event(), MediaEvent::Ended);
    watched.stream.set_active(true);
    assert_eq!(Eye::new().see(&watched.unit().data), Some(stamp_of(&settings, 29)));
}

#[test]
fn a_live_stream_without_a_header_is_an_error_in_time_and_a_wrong_one_at_once() {
    let (reader, writer) = std::io::pipe().unwrap();
    let began = Instant::now();
    let error = Y4mStream::open(reader, "standard input", None, MS * 50).err().unwrap();
    assert!(matches!(error, SourceError::NoHeader { .. }), "{error}");
    assert!(error.to_string().contains("ffmpeg -i INPUT"), "{error}");
    assert!(began.elapsed() < MS * 5000);
    drop(writer);

    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"\x1a\x45\xdf\xa3 matroska or something else\n").unwrap();
    let error = Y4mStream::open(reader, "standard input", None, MS * 10_000).err().unwrap();
    assert!(error.to_string().starts_with("standard input: its header is not y4m"), "{error}");
}

#[test]
fn dropping_a_stream_does_not_wait_for_a_pipe_that_is_silent() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"YUV4MPEG2 W320 H180 F30:1 C420\n").unwrap();
    let watched = Watched::new(piped(reader));
    let began = Instant::now();
    drop(watched);
    assert!(began.elapsed() < MS * 900, "{:?}", began.elapsed());
}

#[test]
fn y4m_from_ffmpeg_through_a_pipe_is_encoded() {
    let folder = Folder::new("ffmpeg-y4m");
    let path = folder.0.join("a.y4m");
    if !ffmpeg(&["-frames:v", "10", "-pix_fmt", "yuv420p"], &path) {
        return;
    }
    let (reader, mut writer) = std::io::pipe().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let feeder = std::thread::spawn(move || _ = writer.write_all(&bytes));
    let mut watched = Watched::new(piped(reader));
    let mut eye = Eye::new();
    eye.see(&watched.unit().data);
    assert_eq!(eye.size, (320, 240));
    assert_eq!(watched.event(), MediaEvent::Ended);
    feeder.join().unwrap();
}
