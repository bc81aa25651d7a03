//! What the tests of this crate share.
#![allow(dead_code, unreachable_pub)]

pub mod scripted;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use openh264::decoder::Decoder;
use openh264::formats::YUVSource;
use pinhole_encoder::encoder::{Encoded, FrameControl};
use pinhole_encoder::frame::I420;
use pinhole_encoder::source::test_picture::{Stamp, read_blocks};
use pinhole_encoder::source::{Moment, TestPicture};
use pinhole_encoder::{
    AccessUnit, Content, Encoder, EncoderChoice, EncoderSettings, Frame, FrameRate, Media,
    MediaEvent, OpenH264, Size, SourceKind, Stream, StreamConfig,
};

pub const MS: Duration = Duration::from_millis(1);

/// A folder of this test run, removed at the end of the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("pinhole-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
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

/// Settings of a stream of a file.
pub fn config(source: SourceKind) -> StreamConfig {
    StreamConfig {
        source,
        encoder: EncoderChoice::Auto,
        size: (1, 1),
        fps: None,
        bitrate: 1_000_000,
        content: Content::Camera,
        openh264_library: None,
    }
}

/// Makes a file with ffmpeg, of `testsrc2` at 320x240 and 25 frames a second, or says that it is not
/// there.
pub fn ffmpeg(arguments: &[&str], into: &Path) -> bool {
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

pub fn settings(width: u32, height: u32, fps: u32, bitrate: u32) -> EncoderSettings {
    EncoderSettings {
        size: Size::new(width, height).unwrap(),
        rate: FrameRate::per_second(fps).unwrap(),
        bitrate,
        content: Content::Camera,
        full_range: false,
        threads: 1,
    }
}

/// The time that the stamp of test picture `n` says, when [`Pictures`] makes it.
pub fn stamp_of(settings: &EncoderSettings, n: u64) -> Stamp {
    let unix = Duration::from_secs(1_700_000_000) + settings.rate.due(n);
    Stamp { frame: u32::try_from(n).unwrap(), unix_ms: u64::try_from(unix.as_millis()).unwrap() }
}

/// Test pictures on a scripted clock, and an encoder for them.
pub struct Pictures {
    pub settings: EncoderSettings,
    pub encoder: OpenH264,
    source: TestPicture,
    next: u64,
}

impl Pictures {
    pub fn new(settings: EncoderSettings) -> Pictures {
        let source = TestPicture::new(settings.size, settings.rate).unwrap();
        Pictures { settings, encoder: OpenH264::new(&settings).unwrap(), source, next: 0 }
    }

    pub fn picture(&mut self) -> I420 {
        let mut picture = I420::black(self.settings.size);
        let since_epoch = Duration::from_secs(1_700_000_000) + self.settings.rate.due(self.next);
        let moment = Moment { sequence: self.next, due: Instant::now(), since_epoch };
        self.source.draw(&moment, &mut picture);
        self.next += 1;
        picture
    }

    pub fn encode(&mut self, force_idr: bool) -> (Encoded, Vec<u8>) {
        let at = self.settings.rate.due(self.next);
        let picture = Frame::I420(self.picture());
        let mut out = Vec::new();
        let control = FrameControl { force_idr, at };
        let encoded = self.encoder.encode(&picture, control, &mut out).unwrap();
        (encoded, out)
    }
}

/// Types of the NAL units of an access unit.
pub fn nal_types(data: &[u8]) -> Vec<u8> {
    let starts = data.windows(3).enumerate().filter(|(_, code)| code == &[0, 0, 1]);
    starts.map(|(at, _)| data[at + 3] & 0x1f).collect()
}

/// A decoder that counts pictures and reads their stamps.
pub struct Eye {
    decoder: Decoder,
    pub pictures: usize,
    pub size: (usize, usize),
}

impl Eye {
    pub fn new() -> Eye {
        Eye { decoder: Decoder::new().unwrap(), pictures: 0, size: (0, 0) }
    }

    /// Decodes an access unit, which must give exactly one picture.
    pub fn see(&mut self, data: &[u8]) -> Option<Stamp> {
        let picture = self.decoder.decode(data).unwrap().expect("a picture");
        self.pictures += 1;
        self.size = picture.dimensions();
        read_blocks(picture.y(), picture.strides().0, self.size.0, self.size.1)
    }
}

/// Size, and luma and chroma of each corner, of the picture in an access unit that starts with an IDR.
pub fn colours(data: &[u8]) -> ((usize, usize), [[u8; 3]; 4]) {
    let mut decoder = Decoder::new().unwrap();
    let picture = decoder.decode(data).unwrap().expect("a picture");
    let ((width, height), (stride, half, _)) = (picture.dimensions(), picture.strides());
    let (right, bottom) = (width - 1, height - 1);
    let corners = [(0, 0), (right, 0), (0, bottom), (right, bottom)].map(|(x, y)| {
        let chroma = y / 2 * half + x / 2;
        [picture.y()[y * stride + x], picture.u()[chroma], picture.v()[chroma]]
    });
    ((width, height), corners)
}

/// A moment for sources that do not look at it.
pub fn moment() -> Moment {
    Moment { sequence: 0, due: Instant::now(), since_epoch: Duration::ZERO }
}

/// A stream with an ear for its wake-up calls.
pub struct Watched {
    pub stream: Stream,
    woken: Receiver<()>,
}

impl Watched {
    /// Takes a stream, and begins to watch it.
    pub fn new(stream: Stream) -> Watched {
        let mut watched = Watched::idle(stream);
        watched.stream.set_active(true);
        watched
    }

    pub fn idle(mut stream: Stream) -> Watched {
        let (sender, woken) = channel();
        stream.set_wake(Arc::new(move || _ = sender.send(())));
        Watched { stream, woken }
    }

    /// The next access unit, waiting only by the wake-up calls.
    pub fn unit(&mut self) -> AccessUnit {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(unit) = self.stream.poll_access_unit() {
                return unit;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(self.woken.recv_timeout(left).is_ok(), "no access unit within 20 s");
        }
    }

    pub fn event(&mut self) -> MediaEvent {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(event) = self.stream.poll_event() {
                return event;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(self.woken.recv_timeout(left).is_ok(), "no event within 20 s");
        }
    }
}

/// Waits until something is so, but no longer than 20 s.
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < until, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
