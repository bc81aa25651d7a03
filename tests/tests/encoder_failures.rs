//! An encoder that hangs, fails, panics or writes garbage under the eyes of viewers: their session stands, and
//! pictures come again, from an IDR, and are decoded.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use openh264::decoder::Decoder;
use pinhole_encoder::encoder::{Capabilities, Effect, EncodeError, Encoded, FrameControl, Starter};
use pinhole_encoder::source::TestPicture;
use pinhole_encoder::{
    Content, Encoder, EncoderSettings, Frame, FrameRate, MediaEvent, OpenH264, Size, Stream,
};
use pinhole_tests::runtime_suite::{LIMIT, Server, Spawn, within};
use pinhole_tests::viewer::{Viewer, ViewerPool, ViewerState};

const VIEWERS: usize = 3;
/// From the last picture of the one to the first of the other, as viewers see it.
const GAP_MAX: Duration = Duration::from_millis(1500);
const FPS: u32 = 30;

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Hang,
    Fail,
    Panic,
    Garbage,
}

#[test]
fn viewers_stay_and_see_again_within_a_second_and_a_half_on_mio() {
    on(pinhole_mio::spawn, "mio");
}

#[test]
fn viewers_stay_and_see_again_within_a_second_and_a_half_on_smol() {
    on(pinhole_smol::spawn, "smol");
}

fn on(spawn: Spawn, runtime: &str) {
    for trouble in [Trouble::Hang, Trouble::Fail, Trouble::Panic, Trouble::Garbage] {
        let first = Troubled::new(trouble);
        let server =
            Server::start_with(spawn, |config| config.media = Box::new(stream(&first))).unwrap();
        let pool = ViewerPool::spawn().unwrap();
        let viewers: Vec<Viewer> = (0..VIEWERS).map(|_| server.connect(&pool).unwrap().0).collect();
        for viewer in &viewers {
            viewer.wait_until(LIMIT, "pictures", |seen| seen.frames > 20).unwrap();
        }

        first.goes_wrong.store(true, Ordering::SeqCst);
        let event = replaced(&server);
        let before: Vec<u64> = viewers.iter().map(|it| it.stats().unwrap().frames).collect();
        for (viewer, before) in viewers.iter().zip(before) {
            viewer.wait_until(LIMIT, "more", |seen| seen.frames > before + 20).unwrap();
            let seen = viewer.stats().unwrap();
            assert_eq!((seen.state, seen.ssrcs), (ViewerState::Connected, 1), "{trouble:?}");
            let gap = watch(viewer);
            println!("{runtime}, {trouble:?}: {gap:?} without a picture");
            assert!(gap < GAP_MAX, "{runtime}, {trouble:?}: {gap:?}");
        }
        assert!(event.contains("OpenH264"), "{event}");
        first.let_go.store(true, Ordering::SeqCst);
        server.stop().unwrap();
    }
}

/// Decodes all that a viewer got; the longest time between two pictures.
fn watch(viewer: &Viewer) -> Duration {
    let frames = viewer.take_frames().unwrap();
    let mut decoder = Decoder::new().unwrap();
    for frame in &frames {
        let picture = decoder.decode(&frame.data).unwrap();
        assert!(picture.is_some(), "a picture that needs one that never came");
    }
    let two = || frames.windows(2).map(|two| (&two[0], &two[1]));
    let longest = two().max_by_key(|(last, next)| next.at - last.at).unwrap();
    let keyframes = frames.iter().filter(|frame| frame.keyframe).count();
    assert!(frames[0].keyframe && keyframes >= 2, "{keyframes}");
    // Where it failed without a gap in time, the IDR is there all the same.
    let gap = longest.1.at - longest.0.at;
    assert!(longest.1.keyframe || gap < Duration::from_millis(500), "{gap:?}");
    gap
}

/// Waits until the stream says that the encoder was replaced, and why.
fn replaced(server: &Server) -> String {
    let begin = Instant::now();
    while begin.elapsed() < LIMIT {
        if let Some(MediaEvent::Replaced { from, to, why }) = within(server.handle.media_event()) {
            assert_eq!(from, "troubled");
            return format!("{to}: {why}");
        }
    }
    panic!("nothing was replaced within {LIMIT:?}");
}

fn stream(first: &Troubled) -> Stream {
    let (size, rate) = (Size::new(640, 360).unwrap(), FrameRate::per_second(FPS).unwrap());
    let (content, full_range, threads) = (Content::Camera, false, 1);
    let settings = EncoderSettings { size, rate, bitrate: 1_000_000, content, full_range, threads };
    let next = Starter::new("openh264", |settings| Ok(Box::new(OpenH264::new(settings)?)));
    let source = Box::new(TestPicture::new(size, rate).unwrap());
    let encoder = first.start(&settings);
    Stream::from_parts(source, encoder, settings, [next]).unwrap()
}

/// An encoder that goes wrong when it is told to.
#[derive(Clone)]
struct Troubled {
    trouble: Trouble,
    goes_wrong: Arc<AtomicBool>,
    let_go: Arc<AtomicBool>,
}

struct Playing {
    own: Troubled,
    real: OpenH264,
}

impl Troubled {
    fn new(trouble: Trouble) -> Troubled {
        Troubled { trouble, goes_wrong: Arc::default(), let_go: Arc::default() }
    }

    fn start(&self, settings: &EncoderSettings) -> Box<dyn Encoder> {
        Box::new(Playing { own: self.clone(), real: OpenH264::new(settings).unwrap() })
    }
}

impl Encoder for Playing {
    fn describe(&self) -> String {
        "troubled".into()
    }

    fn capabilities(&self) -> Capabilities {
        self.real.capabilities()
    }

    fn profile_level_id(&self) -> [u8; 3] {
        self.real.profile_level_id()
    }

    fn encode(
        &mut self,
        frame: &Frame,
        control: FrameControl,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        if !self.own.goes_wrong.load(Ordering::SeqCst) {
            return self.real.encode(frame, control, out);
        }
        match self.own.trouble {
            Trouble::Hang => {
                while !self.own.let_go.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                self.real.encode(frame, control, out)
            }
            Trouble::Fail => Err(EncodeError::BackEnd("the GPU is lost".into())),
            Trouble::Panic => panic!("as scripted"),
            Trouble::Garbage => {
                out.extend_from_slice(&[0, 0, 0, 1, 0xff, 0x5a, 0x5a]);
                Ok(Encoded::Delta)
            }
        }
    }

    fn reconfigure(&mut self, settings: &EncoderSettings) -> Result<Effect, EncodeError> {
        self.real.reconfigure(settings)
    }
}
