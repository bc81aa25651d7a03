//! The producer's side of a ring.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::Instant;

use super::layout::{Header, PICTURES_AT};
use super::path_of;
use super::ring::now_ns;
use super::word::Word;
use crate::frame::{FrameRate, Picture, PixelFormat, Size};

/// What a ring holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingFormat {
    /// How the samples lie in memory. Those of 4:2:0 are BT.709, limited range.
    pub format: PixelFormat,
    /// Size of every picture. For another size, make another ring of the same name.
    pub size: Size,
    /// How often pictures come, which rate control counts with.
    pub rate: FrameRate,
}

/// Writes pictures into shared memory, for a [`SharedMemory`](super::SharedMemory) in another process.
///
/// It never waits for a reader, and any number may read. Dropping it removes the file; readers keep the
/// last picture.
pub struct RingWriter {
    path: PathBuf,
    file: File,
    header: Header,
    word: Word,
    pictures: u32,
    /// How often each slot was begun and ended.
    sequences: Vec<u64>,
    /// A plane without the padding of the picture that is written.
    packed: Vec<u8>,
}

/// Why a ring cannot be made or a picture not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A name that no shared memory can have.
    #[error("{0}")]
    Name(String),
    /// The file cannot be made or written.
    #[error("{}: {error}; is there room under /dev/shm? (containers are given 64 MB: --shm-size)", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A ring for pictures of a device.
    #[error("a ring holds I420, NV12 or BGRA; read the device's pictures back first")]
    Memory,
    /// A picture of another format or size than the ring.
    #[error(
        "the ring is made for {want:?} of {want_size} and got {got:?} of {got_size}; make another \
         ring of the same name"
    )]
    Format {
        /// Format of the ring.
        want: PixelFormat,
        /// Size of the ring.
        want_size: Size,
        /// Format of the picture.
        got: PixelFormat,
        /// Size of the picture.
        got_size: Size,
    },
}

impl RingWriter {
    /// Slots: the reader copies one while the next is written, and two are spare.
    const SLOTS: u32 = 4;

    /// Makes a ring, in place of another of the same name: readers change over to it. `name` is that of
    /// a file under `/dev/shm`, or a path that starts with a slash. Only the own user may read it.
    pub fn create(name: &str, format: &RingFormat) -> Result<RingWriter, WriteError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if format.format == PixelFormat::Device {
            return Err(WriteError::Memory);
        }
        let path = path_of(name).map_err(WriteError::Name)?;
        let failed = |error| WriteError::File { path: path.clone(), error };
        let header = Header::new(format.format, format.size, format.rate, Self::SLOTS);
        let file_name =
            path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let own = format!(".{}.{}.{count}", file_name.display(), std::process::id());
        let made = path.with_file_name(own);
        // Whole before it has its name, so that nobody finds half a ring.
        let finish = || {
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create_new(true).mode(0o600).open(&made)?;
            file.set_len(header.file_bytes())?;
            file.write_all_at(&header.write(), 0)?;
            let word = Word::map(&file)?;
            fs::rename(&made, &path)?;
            Ok((file, word))
        };
        let (file, word) = finish().map_err(|error| {
            // There may be none; the error that matters is the first.
            let _ = fs::remove_file(&made);
            failed(error)
        })?;
        let sequences = vec![0; Self::SLOTS as usize];
        Ok(RingWriter { path, file, header, word, pictures: 0, sequences, packed: Vec::new() })
    }

    /// Writes a picture, of the format and size of the ring, captured at `captured`.
    pub fn write(&mut self, picture: &Picture<'_>, captured: Instant) -> Result<(), WriteError> {
        let (want, want_size) = (self.header.format, self.header.size);
        let (got, got_size) = (picture.format(), picture.size());
        if (want, want_size) != (got, got_size) {
            return Err(WriteError::Format { want, want_size, got, got_size });
        }
        self.put(picture, captured)
            .map_err(|error| WriteError::File { path: self.path.clone(), error })
    }

    fn put(&mut self, picture: &Picture<'_>, captured: Instant) -> io::Result<()> {
        let pictures = self.pictures.wrapping_add(1);
        let slot = self.header.slot_at(pictures);
        let index = (slot - self.header.first_slot) / self.header.slot_bytes;
        let sequence = self.sequences.get_mut(index as usize).ok_or(io::ErrorKind::InvalidData)?;
        // Odd while it is written, also after an error in the middle.
        *sequence = (*sequence + 1) | 1;
        self.file.write_all_at(&sequence.to_ne_bytes(), slot)?;
        fence(Ordering::SeqCst);
        let age = u64::try_from(captured.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.file.write_all_at(&now_ns().saturating_sub(age).to_ne_bytes(), slot + 8)?;
        let shapes = self.header.format.planes(self.header.size);
        for ((rows, shape), (row, count)) in
            picture.rows().iter().zip(self.header.planes()).zip(shapes)
        {
            let bytes = match rows.bytes.get(..row * count) {
                Some(whole) if rows.stride == row => whole,
                _ => {
                    self.packed.clear();
                    let rows = rows.bytes.chunks(rows.stride).take(count);
                    rows.for_each(|bytes| self.packed.extend_from_slice(&bytes[..row]));
                    &self.packed
                }
            };
            self.file.write_all_at(bytes, slot + shape.offset)?;
        }
        fence(Ordering::SeqCst);
        *sequence += 1;
        self.file.write_all_at(&sequence.to_ne_bytes(), slot)?;
        fence(Ordering::SeqCst);
        self.pictures = pictures;
        self.file.write_all_at(&pictures.to_ne_bytes(), PICTURES_AT as u64)?;
        self.word.wake();
        Ok(())
    }
}

impl Drop for RingWriter {
    fn drop(&mut self) {
        // Unless another ring has the name by now.
        let identity = |about: fs::Metadata| (about.dev(), about.ino());
        let own = self.file.metadata().map(identity);
        let there = fs::metadata(&self.path).map(identity);
        if let (Ok(own), Ok(there)) = (own, there)
            && own == there
        {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SharedMemory;
    use super::*;
    use crate::frame::{Frame, I420};
    use crate::source::SourceError;

    #[test]
    fn writers_refuse_pictures_of_another_kind_and_leave_the_name_to_their_successor() {
        let name = format!("pinhole-test-{}-writer", std::process::id());
        let (size, rate) = (Size::new(320, 180).unwrap(), FrameRate::per_second(50).unwrap());
        let format = |format| RingFormat { format, size, rate };
        let mut ring = RingWriter::create(&name, &format(PixelFormat::I420)).unwrap();
        let other = Frame::I420(I420::black(Size::new(64, 64).unwrap()));
        let text =
            ring.write(&other.as_picture().unwrap(), Instant::now()).unwrap_err().to_string();
        assert!(text.contains("made for I420 of 320x180 and got I420 of 64x64"), "{text}");

        let second = RingWriter::create(&name, &format(PixelFormat::Bgra)).unwrap();
        drop(ring);
        assert!(second.path.exists());
        let path = second.path.clone();
        drop(second);
        assert!(!path.exists());

        for bad in ["", "a/b", "../etc"] {
            let error = RingWriter::create(bad, &format(PixelFormat::Bgra)).err().unwrap();
            assert!(matches!(error, WriteError::Name(_)), "{error}");
            let error = SharedMemory::open(bad, size, None).err().unwrap();
            assert!(matches!(error, SourceError::SharedMemory { .. }), "{error}");
        }
    }
}
