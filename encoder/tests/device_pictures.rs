//! Pictures in the memory of a device: read back for back ends that need it, untouched for the others.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use common::{MS, Watched, colours, settings, wait_until};
use openh264::decoder::Decoder;
use openh264::formats::YUVSource;
use pinhole_encoder::encoder::{Capabilities, Effect, EncodeError, Encoded, FrameControl};
use pinhole_encoder::frame::{
    DeviceFrame, DeviceMemory, DevicePicture, I420, PixelFormat, ReadBackError,
};
use pinhole_encoder::source::{AppSource, FrameSender, Moment, Pacing, SourceError, SourceFormat};
use pinhole_encoder::{
    Encoder, EncoderConfig, EncoderSettings, Frame, FrameRate, Media, OpenH264, Size, Source,
    Stream,
};

/// One colour, counted while it lives.
#[derive(Debug)]
struct Painted {
    colour: [u8; 3],
    is_readable: bool,
    reads: AtomicUsize,
    alive: Arc<AtomicUsize>,
}

impl Painted {
    fn new(colour: [u8; 3], is_readable: bool, alive: &Arc<AtomicUsize>) -> Arc<Painted> {
        alive.fetch_add(1, Ordering::SeqCst);
        let (reads, alive) = (AtomicUsize::new(0), Arc::clone(alive));
        Arc::new(Painted { colour, is_readable, reads, alive })
    }
}

impl Drop for Painted {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl DevicePicture for Painted {
    fn size(&self) -> Size {
        size()
    }

    fn memory(&self) -> DeviceMemory<'_> {
        DeviceMemory::Opaque
    }

    fn read_into(&self, into: &mut I420) -> Result<(), ReadBackError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if !self.is_readable {
            return Err(ReadBackError::Device("the device is gone".to_owned()));
        }
        for (plane, value) in into.planes_mut().into_iter().zip(self.colour) {
            plane.bytes_mut().fill(value);
        }
        Ok(())
    }
}

fn size() -> Size {
    Size::new(320, 180).unwrap()
}

fn source() -> (FrameSender, AppSource) {
    AppSource::new(size(), FrameRate::per_second(30).unwrap())
}

#[test]
fn a_picture_of_a_device_is_shown_and_given_back() {
    let alive = Arc::new(AtomicUsize::new(0));
    let (sender, source) = source();
    let stream = Stream::of_source(Box::new(source), &EncoderConfig::default()).unwrap();
    let mut watched = Watched::new(stream);

    let mut decoder = Decoder::new().unwrap();
    for colour in [[150, 90, 200], [60, 170, 110], [200, 128, 128], [90, 100, 140]] {
        sender.send_device(Painted::new(colour, true, &alive), Instant::now()).unwrap();
        let unit = watched.unit();
        let picture = decoder.decode(&unit.data).unwrap().expect("a picture");
        assert_eq!(picture.dimensions(), (320, 180));
        let shown = [picture.y()[0], picture.u()[0], picture.v()[0]];
        let off = shown.iter().zip(colour).map(|(got, want)| got.abs_diff(want)).max();
        assert!(off <= Some(6), "{shown:?} instead of {colour:?}");
    }

    assert!(alive.load(Ordering::SeqCst) <= 2, "the last one is kept for whoever joins");
    drop(watched);
    drop(sender);
    wait_until("the last one is given back", || alive.load(Ordering::SeqCst) == 0);
}

#[test]
fn one_that_cannot_be_read_is_left_out_once_and_whoever_waits_has_the_next_one() {
    let alive = Arc::new(AtomicUsize::new(0));
    let (sender, source) = source();
    let stream = Stream::of_source(Box::new(source), &EncoderConfig::default()).unwrap();
    let mut watched = Watched::new(stream);

    let broken = Painted::new([1; 3], false, &alive);
    let shared: Arc<dyn DevicePicture> = Arc::clone(&broken) as _;
    sender.send_device(shared, Instant::now()).unwrap();
    watched.stream.request_keyframe();
    wait_until("it was looked at", || broken.reads.load(Ordering::SeqCst) > 0);
    std::thread::sleep(MS * 50);
    watched.stream.request_keyframe();
    std::thread::sleep(MS * 50);
    assert_eq!(broken.reads.load(Ordering::SeqCst), 1);
    sender.send_device(Painted::new([150, 90, 200], true, &alive), Instant::now()).unwrap();

    let unit = watched.unit();
    assert!(unit.keyframe);
    let (_, corners) = colours(&unit.data);
    assert!(corners[0][0].abs_diff(150) <= 3, "{:?}", corners[0]);
}

/// A back end that imports: it keeps what it was given, and encodes a picture of its own.
struct Importing {
    inner: OpenH264,
    given: Arc<Mutex<Vec<Frame>>>,
}

impl Encoder for Importing {
    fn describe(&self) -> String {
        "importing".to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { inputs: &[PixelFormat::Device], ..self.inner.capabilities() }
    }

    fn profile_level_id(&self) -> [u8; 3] {
        self.inner.profile_level_id()
    }

    fn encode(
        &mut self,
        frame: &Frame,
        control: FrameControl,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        self.given.lock().unwrap().push(frame.clone());
        self.inner.encode(&Frame::I420(I420::black(size())), control, out)
    }

    fn reconfigure(&mut self, settings: &EncoderSettings) -> Result<Effect, EncodeError> {
        self.inner.reconfigure(settings)
    }
}

#[test]
fn a_back_end_that_imports_is_given_the_picture_as_it_is() {
    let alive = Arc::new(AtomicUsize::new(0));
    let given = Arc::new(Mutex::new(Vec::new()));
    let settings = settings(320, 180, 30, 1_000_000);
    let inner = OpenH264::new(&settings).unwrap();
    let encoder = Box::new(Importing { inner, given: Arc::clone(&given) });
    let (sender, source) = source();
    let stream = Stream::from_parts(Box::new(source), encoder, settings, None).unwrap();
    let mut watched = Watched::new(stream);

    let picture = Painted::new([1; 3], false, &alive);
    let shared: Arc<dyn DevicePicture> = picture;
    sender.send_device(Arc::clone(&shared), Instant::now()).unwrap();
    watched.unit();

    let given = given.lock().unwrap();
    assert!(matches!(&given[0], Frame::Device(frame) if Arc::ptr_eq(&frame.0, &shared)));
}

/// Makes pictures of a device when they are due, and looks at what it is given to write into.
struct OfDevice {
    alive: Arc<AtomicUsize>,
    given_back: Arc<AtomicUsize>,
}

impl Source for OfDevice {
    fn format(&self) -> SourceFormat {
        let rate = FrameRate::per_second(30).unwrap();
        SourceFormat { size: size(), rate, pacing: Pacing::Clock, full_range: false }
    }

    fn next_frame(
        &mut self,
        _: &Moment,
        spare: Option<Frame>,
    ) -> Result<Option<Frame>, SourceError> {
        let is_device = matches!(spare, Some(Frame::Device(_)));
        self.given_back.fetch_add(usize::from(is_device), Ordering::SeqCst);
        Ok(Some(Frame::Device(DeviceFrame(Painted::new([90; 3], true, &self.alive)))))
    }
}

#[test]
fn a_picture_of_a_device_is_nothing_to_write_into() {
    let (alive, given_back) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let source = OfDevice { alive: Arc::clone(&alive), given_back: Arc::clone(&given_back) };
    let stream = Stream::of_source(Box::new(source), &EncoderConfig::default()).unwrap();
    let mut watched = Watched::new(stream);
    for _ in 0..10 {
        watched.unit();
    }
    assert_eq!(given_back.load(Ordering::SeqCst), 0);
    assert!(alive.load(Ordering::SeqCst) <= 3, "one waits, one is encoded, one was just made");
}
