//! Files and live streams as sources: y4m and Annex B.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Eye, Pictures, Watched, nal_types, settings, stamp_of};
use pinhole_encoder::encoder::Encoded;
use pinhole_encoder::frame::I420;
use pinhole_encoder::source::{H264File, Moment, SourceError, Y4mFile, Y4mStream};
use pinhole_encoder::{
    AccessUnit, Content, EncoderChoice, EncoderSettings, Frame, Media, MediaEvent, OpenH264,
    Source, SourceKind, Stream, StreamConfig,
};

const MS: Duration = Duration::from_millis(1);

/// A folder of this test run, removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("pinhole-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn config(source: SourceKind) -> StreamConfig {
    StreamConfig {
        source,
        encoder: EncoderChoice::Auto,
        size: (1, 1),
        fps: None,
        bitrate: 1_000_000,
        content: Content::Camera,
    }
}

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

/// An Annex B file of `count` test pictures, with IDRs every `gop`.
fn annex_b(settings: &EncoderSettings, count: u64, gop: u64) -> Vec<u8> {
    let mut pictures = Pictures::new(*settings);
    let mut units = (0..count).map(|n| pictures.encode(n > 0 && n % gop == 0));
    let first = units.next().unwrap();
    assert_eq!(first.0, Encoded::Idr);
    std::iter::once(first).chain(units).flat_map(|(_, unit)| unit).collect()
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
fn an_h264_file_passes_through_unchanged_and_loops() {
    let settings = EncoderSettings { threads: 2, ..settings(640, 360, 30, 1_000_000) };
    let bytes = annex_b(&settings, 24, 8);
    let mut file = H264File::parse(bytes.clone(), None).unwrap();
    assert_eq!(file.size(), settings.size);
    assert!(file.rate_is_assumed());
    assert_eq!(file.rate(), settings.rate);
    assert_eq!(file.profile_level_id()[0], 66);
    let mut eye = Eye::new();
    let mut all = Vec::new();
    for n in 0..48 {
        let mut unit = Vec::new();
        assert_eq!(file.until_idr() as u64, (8 - n % 8) % 8);
        assert_eq!(file.read(&mut unit), n % 8 == 0, "picture {n}");
        assert_eq!(eye.see(&unit), Some(stamp_of(&settings, n % 24)), "picture {n}");
        if n < 24 {
            all.extend_from_slice(&unit);
        }
    }
    assert_eq!(all, bytes);
}

#[test]
fn parameter_sets_are_repeated_before_each_idr_of_a_file_that_has_them_once() {
    let settings = settings(320, 180, 30, 500_000);
    let bytes = annex_b(&settings, 20, 5);
    // The same without parameter sets, but for the first.
    let mut starts: Vec<usize> = (0..bytes.len() - 3)
        .filter(|&at| bytes[at..at + 4] == [0, 0, 0, 1])
        .chain([bytes.len()])
        .collect();
    starts.dedup();
    let mut bare = Vec::new();
    for (n, nal) in starts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).enumerate() {
        if n < 2 || !matches!(nal[4] & 0x1f, 7 | 8) {
            bare.extend_from_slice(nal);
        }
    }
    assert!(bare.len() < bytes.len());
    let mut file = H264File::parse(bare, None).unwrap();
    for n in 0..20 {
        let mut unit = Vec::new();
        if file.read(&mut unit) {
            assert_eq!(nal_types(&unit), [7, 8, 5], "IDR {n}");
            // A viewer may join here.
            assert_eq!(Eye::new().see(&unit), Some(stamp_of(&settings, n)));
        }
    }
}

#[test]
fn a_keyframe_request_skips_to_the_next_idr_when_it_is_far_and_waits_when_it_is_near() {
    let folder = Folder::new("h264-jump");
    let settings = settings(320, 180, 30, 500_000);
    let path = folder.file("a.h264", &annex_b(&settings, 80, 40));
    let stream = Stream::start(&config(SourceKind::H264File(path))).unwrap();
    assert!(stream.format().encoder.contains("30 frames a second assumed"));
    let mut watched = Watched::new(stream);
    let mut eye = Eye::new();
    let mut see = |unit: &AccessUnit| eye.see(&unit.data).expect("a stamp").frame;
    let first = watched.unit();
    assert!(first.keyframe);
    assert_eq!(see(&first), 0);

    watched.stream.request_keyframe();
    let mut next = watched.unit();
    // One that was on its way already.
    while !next.keyframe {
        assert!(see(&next) < 5);
        next = watched.unit();
    }
    assert_eq!(see(&next), 40, "skipped to");

    // Three pictures, 100 ms, before the next IDR: nothing is skipped.
    let units: Vec<AccessUnit> = (0..36).map(|_| watched.unit()).collect();
    assert_eq!(units.iter().map(&mut see).collect::<Vec<_>>(), (41..77).collect::<Vec<_>>());
    watched.stream.request_keyframe();
    let frames: Vec<u32> = (0..4).map(|_| see(&watched.unit())).collect();
    assert_eq!(frames, [77, 78, 79, 0]);
}

#[test]
fn a_viewer_who_comes_back_to_a_file_begins_at_an_idr() {
    let folder = Folder::new("h264-back");
    let settings = settings(320, 180, 30, 500_000);
    let path = folder.file("a.h264", &annex_b(&settings, 60, 30));
    let mut watched = Watched::new(Stream::start(&config(SourceKind::H264File(path))).unwrap());
    (0..5).for_each(|_| _ = watched.unit());
    watched.stream.set_active(false);
    watched.stream.set_active(true);
    let unit = watched.unit();
    assert!(unit.keyframe);
    assert_eq!(Eye::new().see(&unit.data).unwrap().frame, 30);
}

#[test]
fn files_that_are_not_h264_are_refused_with_what_to_do() {
    let settings = settings(320, 180, 30, 500_000);
    let bytes = annex_b(&settings, 4, 100);
    let idr = bytes.windows(4).position(|code| code == [0, 0, 1, 0x65]).unwrap();
    let second = idr + 4 + bytes[idr + 4..].windows(4).position(|w| w == [0, 0, 0, 1]).unwrap();
    let no_idr = [&bytes[..idr - 1], &bytes[second..]].concat();
    let cases: [(Vec<u8>, &str); 4] = [
        (Vec::new(), "not an H.264 byte stream"),
        (b"\0\0\0\x18ftypisom and so on".to_vec(), "looks like MP4"),
        (vec![0; 5000], "not an H.264 byte stream"),
        (no_idr, "no IDR"),
    ];
    for (bytes, want) in cases {
        let error = H264File::parse(bytes, None).unwrap_err();
        assert!(error.contains(want), "{error}");
    }
    // Any cut and any flipped byte is a file or a refusal, never a panic.
    for n in 0..200 {
        let mut bent = bytes.clone();
        let at = n * 37 % bent.len();
        bent[at] ^= 1 << (n % 8);
        bent.truncate(bent.len() - n * 11);
        if let Ok(mut file) = H264File::parse(bent, None) {
            (0..9).for_each(|_| _ = file.read(&mut Vec::new()));
        }
    }
}

/// Runs ffmpeg, or says that it is not there.
fn ffmpeg(arguments: &[&str], into: &Path) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25"]);
    match command.args(arguments).arg(into).status() {
        Ok(status) => {
            assert!(status.success(), "ffmpeg {arguments:?}");
            true
        }
        Err(error) => {
            println!("skipped, ffmpeg is not there: {error}");
            false
        }
    }
}

#[test]
fn files_of_x264_in_several_profiles_with_several_slices_are_cut_right() {
    let folder = Folder::new("x264");
    let path = folder.0.join("a.h264");
    for profile in ["baseline", "main", "high"] {
        let options = format!("slices=3:aud={}", u8::from(profile == "main"));
        let x264 = ["-frames:v", "60", "-c:v", "libx264", "-profile:v", profile, "-bf", "0"];
        let more = ["-g", "20", "-pix_fmt", "yuv420p", "-x264-params", &options];
        if !ffmpeg(&[&x264[..], &more].concat(), &path) {
            return;
        }
        let mut file = H264File::open(&path, None).unwrap();
        assert_eq!((file.size().width(), file.size().height()), (320, 240));
        assert_eq!(file.rate().per_1000s(), 25_000, "from its VUI");
        assert!(!file.rate_is_assumed());
        let mut eye = Eye::new();
        for n in 0..120 {
            let mut unit = Vec::new();
            let idr = file.read(&mut unit);
            let slices = nal_types(&unit).iter().filter(|kind| matches!(kind, 1 | 5)).count();
            assert_eq!(slices, 3, "{profile} {n}");
            // x264 may cut scenes by IDRs of its own.
            assert!(idr || n % 20 != 0, "{profile} {n}");
            assert_eq!(idr, nal_types(&unit).contains(&7), "{profile} {n}");
            eye.see(&unit);
        }
        assert_eq!(eye.pictures, 120);
    }
}

#[test]
fn x264_files_that_browsers_cannot_follow_are_refused_with_the_option_to_change() {
    let folder = Folder::new("x264-bad");
    let path = folder.0.join("a.h264");
    let cases: [(&[&str], &str); 3] = [
        (&["-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p"], "-bf 0"),
        (&["-c:v", "libx264", "-bf", "0", "-pix_fmt", "yuv444p"], "yuv420p"),
        (&["-c:v", "libx264", "-bf", "0", "-flags", "+ildct", "-pix_fmt", "yuv420p"], "interlaced"),
    ];
    for (arguments, want) in cases {
        if !ffmpeg(&[&["-frames:v", "30"], arguments].concat(), &path) {
            return;
        }
        let error = H264File::open(&path, None).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
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
