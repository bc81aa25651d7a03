//! A ring that was found: reading its newest picture, or learning that there is no relying on it.
//!
//! Everything is copied out by `pread`, nothing is read through a mapping: a file that another process
//! cuts short gives a short read and no SIGBUS, and bytes that change meanwhile are only bytes.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::layout::{FIXED_BYTES, HEADER_BYTES, Header, LayoutError, PICTURES_AT};
use super::word::Word;
use crate::frame::Frame;

/// A ring that was open when it was last looked at.
pub(super) struct Ring {
    file: File,
    pub(super) header: Header,
    /// The header as it was read: it must never change.
    fixed: [u8; FIXED_BYTES],
    word: Word,
    /// Device and inode: another file of the same name is another ring.
    identity: (u64, u64),
    /// The count of pictures when one was last read.
    seen: u32,
    /// A buffer that was read into when the producer came round: it is used for the next try.
    spare: Option<Frame>,
}

/// Why a ring cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("{0}")]
    System(#[from] io::Error),
    #[error("{0}")]
    Layout(#[from] LayoutError),
}

/// Why an open ring is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lost {
    #[error("its header was changed under us")]
    Changed,
    #[error("its file became shorter")]
    Shorter,
}

impl Ring {
    /// How often a picture is read again that the producer wrote into meanwhile.
    const TRIES: usize = 3;
    /// Capture times further back are a mistake of the clock.
    const AGE_MAX: Duration = Duration::from_secs(2);

    pub(super) fn open(path: &Path) -> Result<Ring, OpenError> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
        }
        if about.len() < HEADER_BYTES as u64 {
            return Err(LayoutError::Unfinished.into());
        }
        let mut fixed = [0; FIXED_BYTES];
        file.read_exact_at(&mut fixed, 0)?;
        let header = Header::parse(&fixed, about.len())?;
        let word = Word::map(&file)?;
        let identity = identity(&about);
        Ok(Ring { file, header, fixed, word, identity, seen: 0, spare: None })
    }

    /// Whether the file of this name is another one by now.
    pub(super) fn is_replaced(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|about| identity(&about) != self.identity)
    }

    /// Keeps a picture that nobody needs any more, to be read into.
    pub(super) fn keep(&mut self, spare: Option<Frame>) {
        self.spare = spare.or(self.spare.take());
    }

    /// Reads the newest picture, if there is one that was not read yet.
    pub(super) fn newest(&mut self) -> Result<Option<(Frame, Instant)>, Lost> {
        let mut fixed = [0; FIXED_BYTES];
        self.read(&mut fixed, 0)?;
        if fixed != self.fixed {
            return Err(Lost::Changed);
        }
        for _ in 0..Self::TRIES {
            let pictures = self.pictures()?;
            if pictures == self.seen {
                return Ok(None);
            }
            // Also of one that is torn: its slot is written again, so that another is about to be counted.
            self.seen = pictures;
            let slot = self.header.slot_at(pictures);
            let mut frame = self.buffer();
            let captured_ns = self.copy(slot, &mut frame)?;
            let Some(captured_ns) = captured_ns else {
                self.spare = Some(frame);
                continue;
            };
            return Ok(Some((frame, moment(captured_ns))));
        }
        Ok(None)
    }

    /// Sleeps until there may be another picture, or for `patience`. False: there is no sleeping on it.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        self.word.wait(self.seen, patience)
    }

    /// Copies a slot, and says when its picture was captured; `None` if the producer wrote meanwhile.
    fn copy(&self, slot: u64, frame: &mut Frame) -> Result<Option<u64>, Lost> {
        let mut about = [0; 16];
        self.read(&mut about, slot)?;
        let [sequence, captured_ns] = [0, 8].map(|at| long(&about[at..]));
        // Being written, or never written.
        if sequence % 2 == 1 || sequence == 0 {
            return Ok(None);
        }
        // The sequence is read before the picture, and again after it, on every kind of CPU.
        fence(Ordering::Acquire);
        for (plane, shape) in frame.all_planes_mut().iter_mut().zip(self.header.planes()) {
            self.read(plane.bytes_mut(), slot + shape.offset)?;
        }
        fence(Ordering::Acquire);
        let mut after = [0; 8];
        self.read(&mut after, slot)?;
        Ok((long(&after) == sequence).then_some(captured_ns))
    }

    /// A frame as the ring's are, made of the spare one if it is alike.
    fn buffer(&mut self) -> Frame {
        let header = &self.header;
        let strides = [0, 1, 2].map(|n| header.planes().nth(n).map_or(0, |plane| plane.stride));
        Frame::reuse(self.spare.take(), header.format, header.size, strides)
    }

    fn pictures(&self) -> Result<u32, Lost> {
        let mut bytes = [0; 4];
        self.read(&mut bytes, PICTURES_AT as u64)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn read(&self, into: &mut [u8], at: u64) -> Result<(), Lost> {
        // A file in memory has no other reason to give less than it was asked for.
        self.file.read_exact_at(into, at).map_err(|_| Lost::Shorter)
    }
}

fn identity(about: &Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

fn long(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

/// Nanoseconds of CLOCK_MONOTONIC.
pub(super) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Neither is negative on this clock.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// The moment that a producer means, if it is one that can be; otherwise now.
fn moment(captured_ns: u64) -> Instant {
    let now = Instant::now();
    let age = Duration::from_nanos(now_ns().saturating_sub(captured_ns));
    if age > Ring::AGE_MAX { now } else { now.checked_sub(age).unwrap_or(now) }
}
