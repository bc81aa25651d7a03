//! Pictures from another process, through a ring in shared memory.
//!
//! A producer makes a file under `/dev/shm`, with a header and a few slots, and writes picture after
//! picture, each into the next slot; [`SharedMemory`] reads the newest. docs/shared-memory.md has the
//! layout as a C struct, [`RingWriter`] is a producer, `examples/shm_producer.rs` a program of it.
//!
//! Nothing that a producer does, or does not do, harms the reader. There may be none yet: it waits. One
//! that dies leaves its last picture standing, until another puts a ring under the same name. A picture
//! is never torn: each slot has a sequence (a seqlock), read before and after. The header is copied once
//! and checked; the bytes themselves are copied by `pread`, see [`ring`].
//!
//! Waiting costs nothing: the reader sleeps on a futex in the header, and a producer that wakes it is
//! heard within a scheduler's turn. One that does not (its flag says so) is looked at every
//! [`SharedMemory::LOOK_EVERY`], which is what that adds to the latency, at most.

mod layout;
mod ring;
mod word;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use layout::LayoutError;
pub use writer::{RingFormat, RingWriter, WriteError};

use super::{Moment, Pacing, Source, SourceError, SourceFormat, Stopper};
use crate::frame::{Frame, FrameRate, Size};
use ring::{OpenError, Ring};

/// Reads pictures that another process writes. See the module.
pub struct SharedMemory {
    path: PathBuf,
    format: SourceFormat,
    ring: Option<Ring>,
    stop: Arc<AtomicBool>,
    captured: Option<Instant>,
    /// When the last picture came, or the ring.
    heard: Instant,
    /// When the name was last looked at.
    looked: Instant,
    /// What was said last, so that it is said once.
    said: String,
}

impl SharedMemory {
    /// How often a ring is looked at whose producer wakes nobody.
    pub const LOOK_EVERY: Duration = Duration::from_millis(2);
    /// How often the name is looked at: for a ring where there is none, and for another in its place.
    /// Also how long it takes at most to end.
    const NAME_EVERY: Duration = Duration::from_millis(100);
    /// After this long without a picture it is said that there are none.
    const SILENCE: Duration = Duration::from_secs(2);

    /// Opens the ring of this name if there is one, and otherwise waits for it when pictures are asked
    /// for; then `size` is announced, and `rate` or 30. `rate` overrides that of the ring.
    pub fn open(
        name: &str,
        size: Size,
        rate: Option<FrameRate>,
    ) -> Result<SharedMemory, SourceError> {
        let path = path_of(name)
            .map_err(|reason| SourceError::SharedMemory { name: name.to_owned(), reason })?;
        let usual = FrameRate::per_second(30)
            .map_err(|error| SourceError::Rate { name: name.to_owned(), error })?;
        let (pacing, full_range) = (Pacing::Arrival, false);
        let mut source = SharedMemory {
            path,
            format: SourceFormat { size, rate: rate.unwrap_or(usual), pacing, full_range },
            ring: None,
            stop: Arc::default(),
            captured: None,
            heard: Instant::now(),
            looked: Instant::now(),
            said: String::new(),
        };
        source.look();
        if let Some(Ring { header, .. }) = &source.ring {
            source.format.size = header.size;
            source.format.rate = rate.unwrap_or(header.rate);
        }
        Ok(source)
    }

    /// Looks for a ring under the name: the first, or another than the one that is open.
    fn look(&mut self) {
        self.looked = Instant::now();
        if self.ring.as_ref().is_some_and(|ring| !ring.is_replaced(&self.path)) {
            return;
        }
        match Ring::open(&self.path) {
            Ok(ring) => {
                let (path, header) = (self.path.display(), ring.header);
                let again = if self.ring.is_some() { "another ring" } else { "a ring" };
                tracing::info!(
                    "shared memory: {again} in {path}: {:?}, {}, {} fps, {} slots",
                    header.format,
                    header.size,
                    header.rate,
                    header.slots
                );
                self.said.clear();
                self.heard = self.looked;
                self.ring = Some(ring);
            }
            // One that is being replaced is read on until there is another that can be.
            Err(_) if self.ring.is_some() => {}
            Err(OpenError::System(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                self.say(format!(
                    "there is no {} yet; waiting for a producer",
                    self.path.display()
                ));
            }
            Err(error) => {
                self.say(format!("{}: {error}; waiting for another", self.path.display()));
            }
        }
    }

    /// The next picture of the ring that is open, if it comes before it is time to look around.
    fn picture(&mut self) -> Option<Frame> {
        let Some(ring) = &mut self.ring else {
            std::thread::sleep(Self::NAME_EVERY);
            return None;
        };
        match ring.newest() {
            Ok(Some((frame, captured))) => {
                self.captured = Some(captured);
                self.heard = Instant::now();
                if !self.said.is_empty() {
                    tracing::info!("shared memory: pictures come again");
                    self.said.clear();
                }
                return Some(frame);
            }
            Ok(None) => {
                let patience = if ring.header.wakes { Self::NAME_EVERY } else { Self::LOOK_EVERY };
                if !ring.wait(patience) {
                    std::thread::sleep(Self::LOOK_EVERY);
                }
            }
            Err(lost) => {
                let path = self.path.display();
                let text = format!("the ring in {path} is given up: {lost}; waiting for another");
                self.ring = None;
                self.say(text);
                return None;
            }
        }
        if self.heard.elapsed() >= Self::SILENCE {
            self.say_silence();
        }
        None
    }

    fn say_silence(&mut self) {
        let pid = self.ring.as_ref().map_or(0, |ring| ring.header.pid);
        let producer = match pid {
            0 => "its producer".to_owned(),
            pid if Path::new("/proc").join(pid.to_string()).exists() => {
                format!("its producer, process {pid},")
            }
            // It may also run in another container.
            pid => format!("its producer, process {pid}, is not seen here any more and"),
        };
        let path = self.path.display();
        self.say(format!("{path}: {producer} writes no pictures; the last one stays"));
    }

    /// Warns, once.
    fn say(&mut self, text: String) {
        if self.said != text {
            tracing::warn!("shared memory: {text}");
            self.said = text;
        }
    }
}

impl Source for SharedMemory {
    fn format(&self) -> SourceFormat {
        self.format
    }

    fn next_frame(
        &mut self,
        _moment: &Moment,
        spare: Option<Frame>,
    ) -> Result<Option<Frame>, SourceError> {
        if let Some(ring) = &mut self.ring {
            ring.keep(spare);
        }
        while !self.stop.load(Ordering::Relaxed) {
            if let Some(frame) = self.picture() {
                return Ok(Some(frame));
            }
            if self.looked.elapsed() >= Self::NAME_EVERY {
                self.look();
            }
        }
        Ok(None)
    }

    fn captured(&self) -> Option<Instant> {
        self.captured
    }

    fn stopper(&self) -> Option<Stopper> {
        let stop = Arc::clone(&self.stop);
        Some(Box::new(move || stop.store(true, Ordering::Relaxed)))
    }
}

/// Where the ring of this name is: under `/dev/shm`, or where a path says.
fn path_of(name: &str) -> Result<PathBuf, String> {
    match name {
        "" => Err("name the ring, as in shm:game".to_owned()),
        path if path.starts_with('/') => Ok(PathBuf::from(path)),
        name if name.contains('/') || name.starts_with('.') => Err(
            "write a name without slashes that does not begin with a dot, for /dev/shm/NAME, or a \
             whole path"
                .to_owned(),
        ),
        name => Ok(Path::new("/dev/shm").join(name)),
    }
}
