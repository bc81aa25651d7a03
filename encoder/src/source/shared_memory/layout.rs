//! How a ring lies in memory. docs/shared-memory.md has the same as a C struct, and a test compiles it.

use crate::frame::{FrameRate, PixelFormat, RateError, Size, SizeError};

/// Bytes before the first slot that version 1 uses or keeps for later.
pub(super) const HEADER_BYTES: usize = 128;
/// Bytes of the header that never change once the magic is written.
pub(super) const FIXED_BYTES: usize = 64;
/// Where the number of pictures stands, on which consumers sleep.
pub(super) const PICTURES_AT: usize = 64;
/// Bytes of a slot before its picture.
pub(super) const SLOT_HEADER_BYTES: usize = 64;
/// The producer calls FUTEX_WAKE after each picture.
pub(super) const FLAG_WAKES: u32 = 1;

const MAGIC: [u8; 8] = *b"PINHOLE\0";
const VERSION: u32 = 1;
/// Of a row of 3840 pixels twice: more padding than that is a mistake.
const STRIDE_MAX: u32 = 2 * 3840 * 4;
const SLOTS_MAX: u32 = 16;

/// What a ring says of itself, checked: every picture of every slot lies within the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) format: PixelFormat,
    pub(super) size: Size,
    /// Of the first plane.
    pub(super) stride: u32,
    pub(super) rate: FrameRate,
    /// A power of two.
    pub(super) slots: u32,
    pub(super) wakes: bool,
    /// As the producer sees itself; 0 if it does not say.
    pub(super) pid: u32,
    pub(super) first_slot: u64,
    pub(super) slot_bytes: u64,
}

/// A plane within a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlaneShape {
    /// From the start of the slot, its header included.
    pub(super) offset: u64,
    pub(super) stride: usize,
    pub(super) rows: usize,
}

/// Why a file is no ring that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Nothing is written there yet.
    #[error("it is not set up yet: its magic is missing")]
    Unfinished,
    /// Something else.
    #[error("it is no Pinhole ring (its magic is another)")]
    Magic,
    /// A ring of another time.
    #[error("it is a ring of version {0}, and only version 1 is understood")]
    Version(u32),
    /// Pixels in another order.
    #[error("its format {:?} is not I420, NV12 or BGRA", String::from_utf8_lossy(.0))]
    Format([u8; 4]),
    /// A size that cannot be encoded.
    #[error("{0}")]
    Size(#[from] SizeError),
    /// A rate that cannot be.
    #[error("{0}")]
    Rate(#[from] RateError),
    /// Rows that overlap, or far apart.
    #[error("its stride of {stride} bytes is not an even number from {min} to {STRIDE_MAX}")]
    Stride {
        /// The stride given.
        stride: u32,
        /// A row without padding.
        min: u32,
    },
    /// A number of slots that cannot be gone round.
    #[error("its {0} slots are not 2, 4, 8 or 16")]
    Slots(u32),
    /// Slots over each other or over the header.
    #[error("its slots of {given} bytes from byte {first} on do not hold pictures of {needed}")]
    Overlap {
        /// Where the first slot begins.
        first: u64,
        /// Distance of two slots.
        given: u64,
        /// A slot with its header.
        needed: u64,
    },
    /// Slots beyond the end.
    #[error("its file has {length} bytes, and its slots end at byte {needed}")]
    Short {
        /// Bytes that there are.
        length: u64,
        /// Bytes that there should be.
        needed: u64,
    },
}

impl Header {
    /// A header for pictures without padding, which each slot holds one of.
    pub(super) fn new(format: PixelFormat, size: Size, rate: FrameRate, slots: u32) -> Header {
        let stride = least_stride(format, size);
        let first_slot = HEADER_BYTES as u64;
        let mut header = Header {
            format,
            size,
            stride,
            rate,
            slots,
            wakes: true,
            pid: std::process::id(),
            first_slot,
            slot_bytes: 0,
        };
        header.slot_bytes = header.slot_needed().next_multiple_of(64);
        header
    }

    /// Reads what a producer wrote, whoever it is. `length`: bytes of the file.
    pub(super) fn parse(bytes: &[u8; FIXED_BYTES], length: u64) -> Result<Header, LayoutError> {
        let word = |at: usize| u32::from_ne_bytes([0, 1, 2, 3].map(|i| bytes[at + i]));
        let long = |at: usize| u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| bytes[at + i]));
        match &bytes[..8] {
            magic if *magic == MAGIC => {}
            [0, 0, 0, 0, 0, 0, 0, 0] => return Err(LayoutError::Unfinished),
            _ => return Err(LayoutError::Magic),
        }
        if word(8) != VERSION {
            return Err(LayoutError::Version(word(8)));
        }
        let format = match &bytes[12..16] {
            b"I420" => PixelFormat::I420,
            b"NV12" => PixelFormat::Nv12,
            b"BGRA" => PixelFormat::Bgra,
            other => return Err(LayoutError::Format([other[0], other[1], other[2], other[3]])),
        };
        let size = Size::new(word(16), word(20))?;
        let (stride, min) = (word(24), least_stride(format, size));
        if !(min..=STRIDE_MAX).contains(&stride) || !stride.is_multiple_of(2) {
            return Err(LayoutError::Stride { stride, min });
        }
        let header = Header {
            format,
            size,
            stride,
            rate: FrameRate::new(u64::from(word(28)), u64::from(word(32)))?,
            slots: word(36),
            wakes: word(40) & FLAG_WAKES != 0,
            pid: word(44),
            first_slot: long(48),
            slot_bytes: long(56),
        };
        header.check(length)?;
        Ok(header)
    }

    fn check(&self, length: u64) -> Result<(), LayoutError> {
        if !self.slots.is_power_of_two() || !(2..=SLOTS_MAX).contains(&self.slots) {
            return Err(LayoutError::Slots(self.slots));
        }
        let (first, given, needed) = (self.first_slot, self.slot_bytes, self.slot_needed());
        // The sequence of a slot is read in one piece where it is aligned.
        let aligned = first.is_multiple_of(8) && given.is_multiple_of(8);
        if first < HEADER_BYTES as u64 || given < needed || !aligned {
            return Err(LayoutError::Overlap { first, given, needed });
        }
        let needed = given.saturating_mul(u64::from(self.slots)).saturating_add(first);
        if length < needed {
            return Err(LayoutError::Short { length, needed });
        }
        Ok(())
    }

    /// Writes what [`Header::parse`] reads.
    pub(super) fn write(&self) -> [u8; FIXED_BYTES] {
        let format = match self.format {
            PixelFormat::I420 => *b"I420",
            PixelFormat::Nv12 => *b"NV12",
            PixelFormat::Bgra => *b"BGRA",
            // No ring is made for these.
            PixelFormat::Device => *b"none",
        };
        let (frames, seconds) = self.rate.ratio();
        let mut bytes = [0; FIXED_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[12..16].copy_from_slice(&format);
        let flags = if self.wakes { FLAG_WAKES } else { 0 };
        let words = [
            (8, VERSION),
            (16, self.size.width()),
            (20, self.size.height()),
            (24, self.stride),
            (28, frames),
            (32, seconds),
            (36, self.slots),
            (40, flags),
            (44, self.pid),
        ];
        for (at, word) in words {
            bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
        }
        for (at, long) in [(48, self.first_slot), (56, self.slot_bytes)] {
            bytes[at..at + 8].copy_from_slice(&long.to_ne_bytes());
        }
        bytes
    }

    /// Bytes of the file that the ring fills.
    pub(super) fn file_bytes(&self) -> u64 {
        self.first_slot + self.slot_bytes * u64::from(self.slots)
    }

    /// Where the slot of the picture begins that makes the count of pictures `pictures`.
    pub(super) fn slot_at(&self, pictures: u32) -> u64 {
        let index = pictures.wrapping_sub(1) & (self.slots - 1);
        self.first_slot + self.slot_bytes * u64::from(index)
    }

    /// The planes of a slot, one after the other.
    pub(super) fn planes(&self) -> impl Iterator<Item = PlaneShape> {
        let mut offset = SLOT_HEADER_BYTES as u64;
        let (format, stride) = (self.format, self.stride as usize);
        format.planes(self.size).enumerate().map(move |(index, (_, rows))| {
            let halved = format == PixelFormat::I420 && index > 0;
            let stride = if halved { stride / 2 } else { stride };
            let plane = PlaneShape { offset, stride, rows };
            offset += (stride * rows) as u64;
            plane
        })
    }

    /// Bytes of a slot, at least. Bounded by `STRIDE_MAX` and the height, far below 2^64.
    fn slot_needed(&self) -> u64 {
        let end = |plane: PlaneShape| plane.offset + (plane.stride * plane.rows) as u64;
        self.planes().last().map_or(0, end)
    }
}

fn least_stride(format: PixelFormat, size: Size) -> u32 {
    match format {
        PixelFormat::Bgra => size.width() * 4,
        PixelFormat::I420 | PixelFormat::Nv12 | PixelFormat::Device => size.width(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let (size, rate) = (Size::new(64, 32).unwrap(), FrameRate::new(30_000, 1001).unwrap());
        Header::new(PixelFormat::I420, size, rate, 4)
    }

    #[test]
    fn what_is_written_is_read() {
        for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Bgra] {
            let header = Header::new(format, header().size, header().rate, 2);
            assert_eq!(Header::parse(&header.write(), header.file_bytes()), Ok(header));
        }
        let planes: Vec<PlaneShape> = header().planes().collect();
        assert_eq!(planes[2], PlaneShape { offset: 64 + 2048 + 512, stride: 32, rows: 16 });
        assert_eq!(header().slot_bytes, 64 + 2048 + 1024);
        assert_eq!([0, 1, 2, 5].map(|n| header().slot_at(n) - 128), [3, 0, 1, 0].map(|n| n * 3136));
    }

    #[test]
    fn whatever_a_header_says_no_picture_lies_outside_of_the_file() {
        let good = header();
        let length = good.file_bytes();
        let refused = |at: usize, value: &[u8], want: &str| {
            let mut bytes = good.write();
            bytes[at..at + value.len()].copy_from_slice(value);
            let error = Header::parse(&bytes, length).expect_err(want).to_string();
            assert!(error.contains(want), "{error}");
        };
        let word = |at, value: u32, want| refused(at, &value.to_ne_bytes(), want);
        let long = |at, value: u64, want| refused(at, &value.to_ne_bytes(), want);
        refused(0, &[0; 8], "not set up yet");
        refused(0, b"MATROSKA", "no Pinhole ring");
        word(8, 2, "version 2");
        refused(12, b"RGB3", "RGB3");
        word(16, 65, "odd");
        word(20, u32::MAX, "outside of 16x16");
        for stride in [0, 63, 65, 1 << 31, u32::MAX] {
            word(24, stride, "stride");
        }
        word(24, 128, "do not hold pictures");
        word(28, 0, "frames a second");
        word(32, 0, "frames a second");
        for slots in [0, 1, 3, 32, u32::MAX] {
            word(36, slots, "slots are not");
        }
        word(36, 8, "its file has");
        for first in [0, 64, 129, 132] {
            long(48, first, "do not hold pictures");
        }
        for far in [136, u64::MAX - 7, 1 << 63] {
            long(48, far, "its file has");
        }
        for bytes in [0, 3135, 3128, 3137] {
            long(56, bytes, "do not hold pictures");
        }
        long(56, u64::MAX - 7, "its file has");
        assert!(Header::parse(&good.write(), length - 1).is_err());
    }
}
