//! Pictures in the memory of a device: a GPU that rendered them, a camera, a compositor.
//!
//! A [`DevicePicture`] travels through a stream without being touched. A back end that names
//! [`PixelFormat::Device`] among its inputs is given it as it is and imports its [`DeviceMemory`]; for any
//! other it is read back in the encoder's thread, where it is in nobody's way.
//!
//! What there is: linear DMA-BUFs ([`DmaBuf`]), read back by mapping them, and pictures that read
//! themselves back in whatever way (a Vulkan image copied to a buffer, say). What there is not: a back end
//! that imports. OpenH264 runs on the CPU, and gpu-video 0.4 takes nothing but its own textures. So today
//! the copy is moved out of the renderer's thread, and not saved.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::mapped::Mapped;
use super::picture::Planes;
use super::{I420, Picture, PixelFormat, Rows, Size, copy_to_i420};

/// The modifier of rows from top to bottom, without tiles (`DRM_FORMAT_MOD_LINEAR`).
pub const LINEAR: u64 = 0;

/// A picture in a device's memory.
///
/// A stream keeps up to four of one source: one that waits, one in the encoder, the last one for whoever
/// joins, and one for a back end that hung. Memory of a pool goes back to it in `Drop`.
pub trait DevicePicture: fmt::Debug + Send + Sync {
    /// Returns width and height.
    fn size(&self) -> Size;

    /// Returns where it lies, for back ends that import it.
    fn memory(&self) -> DeviceMemory<'_>;

    /// Copies it to `into`, which has its size: for back ends that do not. It is called in the encoder's
    /// thread and may wait for the device; no other picture is encoded meanwhile. After an error the
    /// picture is left out, and the log says why, once until another can be read.
    fn read_into(&self, into: &mut I420) -> Result<(), ReadBackError>;
}

/// Where a picture lies.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum DeviceMemory<'a> {
    /// In DMA-BUFs.
    DmaBuf(&'a DmaBuf),
    /// Where only [`DevicePicture::read_into`] can find it.
    Opaque,
}

/// A shared [`DevicePicture`], equal to its clones only.
#[derive(Debug, Clone)]
pub struct DeviceFrame(pub Arc<dyn DevicePicture>);

impl PartialEq for DeviceFrame {
    fn eq(&self, other: &DeviceFrame) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for DeviceFrame {}

/// Why a picture could not be read back. The texts are for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadBackError {
    /// It lies in tiles that only its device understands.
    #[error("a DMA-BUF with modifier {0:#x} cannot be read by the CPU; allocate it linear")]
    Tiled(u64),
    /// A plane ends before its last row.
    #[error("plane {plane} of a DMA-BUF ends after {length} bytes, and its rows need {needed}")]
    Short {
        /// Which.
        plane: usize,
        /// Bytes from its offset on.
        length: u64,
        /// Bytes that its rows take.
        needed: u64,
    },
    /// The system refuses.
    #[error("a DMA-BUF cannot be mapped: {0}")]
    Map(#[from] io::Error),
    /// The program that embeds us could not.
    #[error("{0}")]
    Device(String),
}

/// Why a DMA-BUF is none of ours. The texts are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DmaBufError {
    /// A format has as many planes as it has.
    #[error("{format:?} has {needed} planes, and {got} were given")]
    Planes {
        /// Of what.
        format: PixelFormat,
        /// Its planes.
        needed: usize,
        /// Those given.
        got: usize,
    },
    /// Rows overlap.
    #[error("rows of plane {plane} take {row} bytes, and its stride is {stride}")]
    Stride {
        /// Which.
        plane: usize,
        /// Bytes of a row.
        row: usize,
        /// Bytes between the starts of two rows.
        stride: usize,
    },
}

/// A plane of a [`DmaBuf`]. Planes may share a buffer.
#[derive(Debug, Clone)]
pub struct DmaBufPlane {
    /// The buffer.
    pub buffer: Arc<OwnedFd>,
    /// Where in it the first row begins, in bytes.
    pub offset: u64,
    /// Distance between the starts of two rows, in bytes.
    pub stride: usize,
}

/// A picture in DMA-BUFs: `DRM_FORMAT_NV12`, `XRGB8888` (BGRA in memory) or `YUV420`.
///
/// What the device still writes is waited for when it is read back, as far as its driver tells by implicit
/// fences; wait for an explicit one (`VkSemaphore`, `sync_file`) before it is sent. Memory that the
/// device's driver does not let the CPU map is refused then.
#[derive(Debug, Clone)]
pub struct DmaBuf {
    size: Size,
    format: PixelFormat,
    modifier: u64,
    full_range: bool,
    planes: Vec<DmaBufPlane>,
}

impl DmaBuf {
    /// Checks shape and number of the planes. `modifier` is DRM's; anything but [`LINEAR`] can be imported
    /// only. `full_range`: samples that BGRA is converted to are those of the source,
    /// [`SourceFormat::full_range`](crate::source::SourceFormat).
    pub fn new(
        size: Size,
        format: PixelFormat,
        modifier: u64,
        full_range: bool,
        planes: Vec<DmaBufPlane>,
    ) -> Result<DmaBuf, DmaBufError> {
        let (needed, got) = (format.planes(size).count(), planes.len());
        if needed != got || needed == 0 {
            return Err(DmaBufError::Planes { format, needed, got });
        }
        for (plane, ((row, _), given)) in format.planes(size).zip(&planes).enumerate() {
            if given.stride < row {
                return Err(DmaBufError::Stride { plane, row, stride: given.stride });
            }
        }
        Ok(DmaBuf { size, format, modifier, full_range, planes })
    }

    /// Returns how the samples lie.
    #[must_use]
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Returns DRM's modifier.
    #[must_use]
    pub fn modifier(&self) -> u64 {
        self.modifier
    }

    /// Lends the planes.
    #[must_use]
    pub fn planes(&self) -> &[DmaBufPlane] {
        &self.planes
    }

    fn map(&self) -> Result<Vec<Mapped>, ReadBackError> {
        let shapes = self.format.planes(self.size).zip(&self.planes).enumerate();
        let map = |(plane, ((row, rows), given)): (usize, ((usize, usize), &DmaBufPlane))| {
            let needed = given.stride * (rows - 1) + row;
            let held = rustix::fs::seek(given.buffer.as_fd(), rustix::fs::SeekFrom::End(0));
            let length = held.map_err(io::Error::from)?.saturating_sub(given.offset);
            if length < needed as u64 {
                return Err(ReadBackError::Short { plane, length, needed: needed as u64 });
            }
            Ok(Mapped::new(&given.buffer, given.offset, needed)?)
        };
        shapes.map(map).collect()
    }
}

impl DevicePicture for DmaBuf {
    fn size(&self) -> Size {
        self.size
    }

    fn memory(&self) -> DeviceMemory<'_> {
        DeviceMemory::DmaBuf(self)
    }

    fn read_into(&self, into: &mut I420) -> Result<(), ReadBackError> {
        if self.modifier != LINEAR {
            return Err(ReadBackError::Tiled(self.modifier));
        }
        let mapped = self.map()?;
        let rows = |plane: usize| Rows::new(mapped[plane].bytes(), self.planes[plane].stride);
        let planes = match self.format {
            PixelFormat::I420 => Planes::I420([rows(0), rows(1), rows(2)]),
            PixelFormat::Nv12 => Planes::Nv12([rows(0), rows(1)]),
            PixelFormat::Bgra => Planes::Bgra(rows(0)),
            PixelFormat::Device => return Err(ReadBackError::Device("no samples".to_owned())),
        };
        match copy_to_i420(&Picture::of_checked(self.size, planes), into, self.full_range) {
            true => Ok(()),
            false => Err(ReadBackError::Device(format!("it is not {}", into.size()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use rustix::io::pwrite;

    fn size() -> Size {
        Size::new(64, 32).unwrap()
    }

    /// Memory with 128 bytes a row, of which 64 are the picture's, and a plane at an offset.
    fn nv12(bytes: usize) -> Vec<DmaBufPlane> {
        let file = memfd_create("picture", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, bytes as u64).unwrap();
        let row = |row: usize| [[row as u8; 64], [0xee; 64]].concat();
        let whole: Vec<u8> = (0..48).flat_map(row).collect();
        pwrite(&file, &whole[..whole.len().min(bytes)], 0).unwrap();
        let buffer = Arc::new(file);
        let plane = |offset| DmaBufPlane { buffer: Arc::clone(&buffer), offset, stride: 128 };
        vec![plane(0), plane(32 * 128)]
    }

    fn read(buffer: &DmaBuf) -> Result<I420, ReadBackError> {
        let mut picture = I420::black(size());
        buffer.read_into(&mut picture).map(|()| picture)
    }

    #[test]
    fn a_linear_buffer_is_read_back_without_what_lies_between_its_rows() {
        let planes = nv12(48 * 128);
        let buffer = DmaBuf::new(size(), PixelFormat::Nv12, LINEAR, false, planes).unwrap();

        let picture = read(&buffer).unwrap();

        let [y, u, v] = picture.planes();
        for row in 0..32 {
            assert_eq!(y.bytes()[row * y.stride()..][..64], [row as u8; 64]);
        }
        for row in 0..16 {
            let expected = [32 + row as u8; 32];
            assert_eq!(u.bytes()[row * u.stride()..][..32], expected);
            assert_eq!(v.bytes()[row * v.stride()..][..32], expected);
        }
    }

    #[test]
    fn what_cannot_be_read_says_why_and_reads_nothing() {
        let tiled =
            DmaBuf::new(size(), PixelFormat::Nv12, 0x0100_0000_0000_0001, false, nv12(6_144));
        let error = read(&tiled.unwrap()).unwrap_err().to_string();
        assert!(
            error.contains("modifier 0x100000000000001") && error.contains("linear"),
            "{error}"
        );

        let short = DmaBuf::new(size(), PixelFormat::Nv12, LINEAR, false, nv12(6_000)).unwrap();
        let error = read(&short).unwrap_err().to_string();
        assert_eq!(error, "plane 1 of a DMA-BUF ends after 1904 bytes, and its rows need 1984");
    }

    #[test]
    fn planes_are_checked_when_it_is_made() {
        let mut planes = nv12(6_144);
        planes[1].stride = 63;
        let error = DmaBuf::new(size(), PixelFormat::Nv12, LINEAR, false, planes).unwrap_err();
        assert_eq!(error, DmaBufError::Stride { plane: 1, row: 64, stride: 63 });

        let error = DmaBuf::new(size(), PixelFormat::Bgra, LINEAR, false, nv12(6_144)).unwrap_err();
        assert_eq!(error.to_string(), "Bgra has 1 planes, and 2 were given");
    }
}
