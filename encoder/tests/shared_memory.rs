//! Pictures through shared memory, from producers in this process, in others, and from hostile ones.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "../examples/shm_producer.rs"]
#[allow(dead_code)]
mod producer;

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Eye, MS, Watched, colours, config, moment, wait_until};
use pinhole_encoder::frame::{I420, Picture, PixelFormat, Rows};
use pinhole_encoder::source::shared_memory::{RingFormat, RingWriter};
use pinhole_encoder::source::{Moment, SharedMemory, SourceError, SourceFormat, Stopper};
use pinhole_encoder::{
    EncoderConfig, Frame, FrameRate, Media, Size, Source, SourceKind, Stream, StreamConfig,
};

/// A name under /dev/shm, removed at the end of the test.
struct Name(String);

impl Name {
    fn new(name: &str) -> Name {
        Name(format!("pinhole-test-{}-{name}", std::process::id()))
    }

    fn path(&self) -> PathBuf {
        Path::new("/dev/shm").join(&self.0)
    }

    fn open(&self) -> SharedMemory {
        SharedMemory::open(&self.0, size(), None).unwrap()
    }

    fn stream(&self) -> Watched {
        let source = SourceKind::SharedMemory(self.0.clone());
        Watched::new(Stream::start(&StreamConfig { size: (320, 180), ..config(source) }).unwrap())
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.path());
    }
}

/// A producer in another process, killed at the end of the test.
struct Producer(Child);

impl Producer {
    /// The example, as [`the_example_itself`] in another process.
    fn new(name: &Name, words: &str) -> Producer {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "the_example_itself"]);
        Producer(command.env(WORDS, format!("{} {words}", name.0)).spawn().unwrap())
    }

    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the example is told; without it this is no process of [`Producer::new`].
const WORDS: &str = "PINHOLE_TEST_PRODUCER";

#[test]
fn the_example_itself() {
    if let Ok(words) = std::env::var(WORDS) {
        producer::produce(words.split(' ').map(str::to_owned)).unwrap();
    }
}

fn size() -> Size {
    Size::new(320, 180).unwrap()
}

fn format(format: PixelFormat, size: Size) -> RingFormat {
    RingFormat { format, size, rate: FrameRate::per_second(50).unwrap() }
}

/// An I420 picture of one grey.
fn grey(size: Size, luma: u8) -> Frame {
    let mut picture = I420::black(size);
    picture.planes_mut()[0].bytes_mut().fill(luma);
    Frame::I420(picture)
}

/// The next picture, or a failure after 20 s.
fn next(source: &mut SharedMemory, spare: Option<Frame>) -> Frame {
    let (stop, (done, waiting)) = (source.stopper().unwrap(), channel::<()>());
    std::thread::spawn(move || {
        let over = waiting.recv_timeout(Duration::from_secs(20)) == Err(RecvTimeoutError::Timeout);
        over.then(stop);
    });
    let frame = source.next_frame(&moment(), spare).unwrap().expect("a picture within 20 s");
    drop(done);
    frame
}

#[test]
fn pictures_of_another_process_are_streamed_and_outlive_it_until_another_takes_over() {
    let name = Name::new("process");
    let mut watched = name.stream();
    assert_eq!((watched.stream.format().width, watched.stream.format().height), (320, 180));

    let mut first = Producer::new(&name, "640x360 30");
    let mut eye = Eye::new();
    let mut last = None;
    for n in 0..10 {
        let unit = watched.unit();
        assert_eq!(unit.keyframe, n == 0);
        let stamp = eye.see(&unit.data).expect("a stamp");
        assert!(last.is_none_or(|last| stamp.frame > last), "{stamp:?} after {last:?}");
        assert!(unit.encoded - unit.captured < Duration::from_secs(1));
        last = Some(stamp.frame);
    }
    assert_eq!(eye.size, (640, 360));
    first.kill();
    while watched.stream.poll_access_unit().is_some() {}
    std::thread::sleep(150 * MS);

    // Who joins now still sees the last picture.
    watched.stream.request_keyframe();
    let unit = loop {
        let unit = watched.unit();
        if unit.keyframe {
            break unit;
        }
    };
    let mut eye = Eye::new();
    assert!(eye.see(&unit.data).expect("a stamp").frame >= last.unwrap());

    let _second = Producer::new(&name, "480x270 30");
    let unit = watched.unit();
    assert!(unit.keyframe);
    let mut eye = Eye::new();
    assert!(eye.see(&unit.data).expect("a stamp").frame < 10);
    assert_eq!(eye.size, (480, 270));
}

#[test]
fn a_producer_in_c_of_the_documented_layout_is_understood() {
    let name = Name::new("c");
    let program = std::env::temp_dir().join(&name.0);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/shm_producer.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-Wall", "-Werror", "-o"]).arg(&program).arg(source);
    assert!(compiler.status().unwrap().success());
    let child = Command::new(&program).arg(&name.0).args(["00", "00", "ff"]).spawn();
    let _producer = Producer(child.unwrap());

    let mut watched = name.stream();
    let (decoded, seen) = colours(&watched.unit().data);
    std::fs::remove_file(program).unwrap();
    assert_eq!(decoded, (320, 180));
    for corner in seen {
        // Red, as BT.709.
        let off = corner.iter().zip([63, 102, 240]).map(|(got, want)| got.abs_diff(want)).max();
        assert!(off <= Some(3), "{corner:?}");
    }
    // And what the documentation shows is what was compiled.
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/shared-memory.md");
    let (page, code) = (std::fs::read_to_string(page).unwrap(), std::fs::read_to_string(source));
    let code = code.unwrap();
    for name in ["struct pinhole_ring {", "struct pinhole_slot {"] {
        let start = code.find(name).unwrap();
        let end = start + code[start..].find("\n};").unwrap();
        assert!(page.contains(&code[start..end]), "docs/shared-memory.md has another {name}");
    }
}

#[test]
fn every_format_comes_through_with_and_without_padding() {
    let name = Name::new("formats");
    let bytes: Vec<u8> = (0..400_000_u32).map(|i| (i * 7 % 251) as u8).collect();
    let rows = |at: usize, stride| Rows::new(&bytes[at..], stride);
    let mut source = name.open();
    for pad in [0, 10] {
        let pictures = [
            Picture::i420(size(), [rows(0, 320 + pad), rows(1, 160 + pad), rows(2, 160 + pad)]),
            Picture::nv12(size(), [rows(3, 320 + pad), rows(4, 320 + pad)]),
            Picture::bgra(size(), rows(5, 1280 + pad)),
        ];
        for picture in pictures.map(Result::unwrap) {
            let mut ring = RingWriter::create(&name.0, &format(picture.format(), size())).unwrap();
            ring.write(&picture, Instant::now()).unwrap();
            let frame = next(&mut source, None);
            assert_eq!(frame.format(), picture.format());
            for (got, want) in frame.as_picture().unwrap().rows().iter().zip(picture.rows()) {
                let rows = got.bytes.chunks(got.stride).zip(want.bytes.chunks(want.stride));
                rows.for_each(|(got, want)| assert_eq!(got, &want[..got.len()]));
            }
        }
    }
}

#[test]
fn a_picture_is_never_torn_however_fast_the_producer_comes_round() {
    let name = Name::new("torn");
    let size = Size::new(1280, 720).unwrap();
    let ring = RingWriter::create(&name.0, &format(PixelFormat::I420, size)).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(name.path()).unwrap();
    // Two slots, nobody is woken, and of each picture the first and the last bytes are written only: in
    // bursts that come round many times while one picture is copied.
    file.write_all_at(&2_u32.to_ne_bytes(), 36).unwrap();
    file.write_all_at(&0_u32.to_ne_bytes(), 40).unwrap();
    let picture_bytes = 1280 * 720 * 3 / 2;
    let slot_bytes = 64 + picture_bytes;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let producer = std::thread::spawn(move || {
        let mut pictures = 0_u32;
        while !stopped.load(Ordering::Relaxed) {
            let slot = 128 + u64::from(pictures & 1) * slot_bytes;
            let sequence = u64::from(pictures / 2) * 2;
            file.write_all_at(&(sequence + 1).to_ne_bytes(), slot).unwrap();
            let value = [pictures as u8; 64];
            file.write_all_at(&value, slot + 64).unwrap();
            file.write_all_at(&value, slot + picture_bytes).unwrap();
            file.write_all_at(&(sequence + 2).to_ne_bytes(), slot).unwrap();
            pictures += 1;
            file.write_all_at(&pictures.to_ne_bytes(), 64).unwrap();
            if pictures.is_multiple_of(9) {
                std::thread::sleep(MS * (pictures % 4) / 2);
            }
        }
    });
    let (mut source, mut spare, mut values) = (name.open(), None, BTreeSet::new());
    for _ in 0..200 {
        let frame = next(&mut source, spare.take());
        let rows = frame.as_picture().unwrap().rows().to_vec();
        let (first, last) = (rows[0].bytes[0], rows[2].bytes.last().copied().unwrap());
        assert_eq!(first, last, "torn");
        values.insert(first);
        spare = Some(frame);
    }
    stop.store(true, Ordering::Relaxed);
    producer.join().unwrap();
    assert!(values.len() > 20, "pictures that differ: {values:?}");
    drop(ring);
}

#[test]
fn a_ring_that_is_cut_short_or_changed_is_given_up_and_the_next_one_taken() {
    let name = Name::new("hostile");
    let write = |luma| {
        let mut ring = RingWriter::create(&name.0, &format(PixelFormat::I420, size())).unwrap();
        ring.write(&grey(size(), luma).as_picture().unwrap(), Instant::now()).unwrap();
        ring
    };
    let mut ring = write(20);
    let mut source = name.open();
    assert_eq!(next(&mut source, None), grey(size(), 20));
    let attacks: [&dyn Fn(&File); 4] = [
        &|file| file.set_len(0).unwrap(),
        &|file| file.set_len(4096).unwrap(),
        &|file| file.write_all_at(&u32::MAX.to_ne_bytes(), 24).unwrap(),
        &|file| file.write_all_at(&u64::MAX.to_ne_bytes(), 48).unwrap(),
    ];
    for (n, attack) in (30_u8..).zip(attacks) {
        let file = OpenOptions::new().write(true).open(name.path()).unwrap();
        // A new count without a picture behind it, so that the reader looks.
        file.write_all_at(&u32::from(n).to_ne_bytes(), 64).unwrap();
        attack(&file);
        // The old producer goes on. What it writes is no longer believed, unless only the end was cut off,
        // which its writing makes good.
        if n != 31 {
            ring.write(&grey(size(), 77).as_picture().unwrap(), Instant::now()).unwrap();
        }
        let reader = std::thread::spawn(move || {
            let frame = next(&mut source, None);
            // Perhaps a picture was read before the attack.
            if frame == grey(size(), n) { source } else { panic!("another picture") }
        });
        std::thread::sleep(120 * MS);
        // On its removal the broken ring leaves the name to the new one.
        let new = write(n);
        source = reader.join().unwrap();
        drop(std::mem::replace(&mut ring, new));
    }
}

#[test]
fn a_reader_is_woken_at_once_and_one_of_a_silent_producer_soon() {
    let name = Name::new("wake");
    let small = Size::new(64, 64).unwrap();
    let mut ring = RingWriter::create(&name.0, &format(PixelFormat::I420, small)).unwrap();
    let file = OpenOptions::new().write(true).open(name.path()).unwrap();
    let picture = grey(small, 1);
    // Every slot is complete, so that a new count is a new picture.
    (0..4).for_each(|_| ring.write(&picture.as_picture().unwrap(), Instant::now()).unwrap());
    for (wakes, limit) in [(true, MS), (false, 4 * MS)] {
        file.write_all_at(&u32::from(wakes).to_ne_bytes(), 40).unwrap();
        let mut source = name.open();
        next(&mut source, None);
        let written = Arc::new(Mutex::new(Instant::now()));
        let seen = Arc::clone(&written);
        let reader = std::thread::spawn(move || {
            let latency = |_| {
                next(&mut source, None);
                seen.lock().unwrap().elapsed()
            };
            let mut latencies: Vec<Duration> = (0..50).map(latency).collect();
            latencies.sort();
            latencies
        });
        let mut count = 100_u32;
        while !reader.is_finished() {
            // It sleeps by now; without a futex or a look it would be found when its patience ends.
            std::thread::sleep(7 * MS);
            *written.lock().unwrap() = Instant::now();
            if wakes {
                ring.write(&picture.as_picture().unwrap(), Instant::now()).unwrap();
            } else {
                file.write_all_at(&count.to_ne_bytes(), 64).unwrap();
                count += 1;
            }
        }
        let latencies = reader.join().unwrap();
        println!("wakes: {wakes}, median {:?}, worst {:?}", latencies[25], latencies[49]);
        assert!(latencies[25] < limit, "{latencies:?}");
    }
}

/// Says when it is asked, and when it is dropped, as the thread of a stream does when it ends.
struct Mourned {
    source: SharedMemory,
    asked: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Source for Mourned {
    fn format(&self) -> SourceFormat {
        self.source.format()
    }

    fn next_frame(
        &mut self,
        moment: &Moment,
        spare: Option<Frame>,
    ) -> Result<Option<Frame>, SourceError> {
        self.asked.store(true, Ordering::Relaxed);
        self.source.next_frame(moment, spare)
    }

    fn stopper(&self) -> Option<Stopper> {
        self.source.stopper()
    }
}

impl Drop for Mourned {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

#[test]
fn dropping_a_stream_without_a_ring_takes_no_time_and_leaves_no_thread_behind() {
    let [asked, ended] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let source = Name::new("none").open();
    let source = Mourned { source, asked: Arc::clone(&asked), ended: Arc::clone(&ended) };
    let stream = Stream::of_source(Box::new(source), &EncoderConfig::default()).unwrap();
    wait_until("it waits for a picture", || asked.load(Ordering::Relaxed));
    let began = Instant::now();
    drop(stream);
    assert!(began.elapsed() < MS * 900, "{:?}", began.elapsed());
    wait_until("the thread has ended", || ended.load(Ordering::Relaxed));
}
