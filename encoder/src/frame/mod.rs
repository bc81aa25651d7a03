//! Raw pictures: what sources make and encoders take.
//!
//! Every frame is checked when it is made, so that nothing after it indexes out of a plane: the size is
//! even and within what H.264 encoders here take, each plane is long enough for its stride. Colours are
//! BT.709; the range is the source's (`full_range` of its format), limited unless it says otherwise.

mod convert;
mod device;
mod mapped;
mod picture;
mod planes;
mod rate;
mod size;

pub(crate) use convert::copy_top;
pub use convert::{copy_to_i420, to_i420};
pub use device::{
    DeviceFrame, DeviceMemory, DevicePicture, DmaBuf, DmaBufError, DmaBufPlane, LINEAR,
    ReadBackError,
};
pub use picture::{Picture, Rows};
pub use planes::{Bgra, FrameError, I420, Nv12, Plane};
pub use rate::{FrameRate, RateError};
pub use size::{Size, SizeError};

use picture::Planes;

/// How the samples of a [`Frame`] lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PixelFormat {
    /// Three planes: luma, and both chroma planes at half width and height.
    I420,
    /// Two planes: luma, and interleaved chroma at half width and height.
    Nv12,
    /// One plane of four bytes a pixel: blue, green, red, and a byte that is ignored.
    Bgra,
    /// However it lies in the memory of a device: see [`DevicePicture`].
    Device,
}

impl PixelFormat {
    /// Bytes in a row, and rows, of each plane of a picture of this size.
    pub(crate) fn planes(self, size: Size) -> impl Iterator<Item = (usize, usize)> {
        let (width, height) = size.pixels();
        let chroma = (width / 2, height / 2);
        let (planes, count) = match self {
            PixelFormat::I420 => ([(width, height), chroma, chroma], 3),
            PixelFormat::Nv12 => ([(width, height), (width, height / 2), (0, 0)], 2),
            PixelFormat::Bgra => ([(width * 4, height), (0, 0), (0, 0)], 1),
            PixelFormat::Device => ([(0, 0); 3], 0),
        };
        planes.into_iter().take(count)
    }
}

/// One raw picture.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// See [`PixelFormat::I420`].
    I420(I420),
    /// See [`PixelFormat::Nv12`].
    Nv12(Nv12),
    /// See [`PixelFormat::Bgra`].
    Bgra(Bgra),
    /// See [`PixelFormat::Device`].
    Device(DeviceFrame),
}

impl Frame {
    /// Returns width and height.
    #[must_use]
    pub fn size(&self) -> Size {
        match self {
            Frame::I420(frame) => frame.size(),
            Frame::Nv12(frame) => frame.size(),
            Frame::Bgra(frame) => frame.size(),
            Frame::Device(frame) => frame.0.size(),
        }
    }

    /// Returns how the samples lie in memory.
    #[must_use]
    pub fn format(&self) -> PixelFormat {
        match self {
            Frame::I420(_) => PixelFormat::I420,
            Frame::Nv12(_) => PixelFormat::Nv12,
            Frame::Bgra(_) => PixelFormat::Bgra,
            Frame::Device(_) => PixelFormat::Device,
        }
    }

    /// Lends the samples. `None`: they are not in our memory.
    #[must_use]
    pub fn as_picture(&self) -> Option<Picture<'_>> {
        let planes = match self {
            Frame::I420(frame) => Planes::I420(frame.planes().each_ref().map(Plane::rows)),
            Frame::Nv12(frame) => Planes::Nv12(frame.planes().each_ref().map(Plane::rows)),
            Frame::Bgra(frame) => Planes::Bgra(frame.plane().rows()),
            Frame::Device(_) => return None,
        };
        Some(Picture::of_checked(self.size(), planes))
    }

    /// Returns the planes for writing, as many as the format has.
    pub(crate) fn all_planes_mut(&mut self) -> &mut [Plane] {
        match self {
            Frame::I420(frame) => frame.all_planes_mut(),
            Frame::Nv12(frame) => frame.all_planes_mut(),
            Frame::Bgra(frame) => frame.all_planes_mut(),
            Frame::Device(_) => &mut [],
        }
    }

    /// Returns `spare` if it is just what is described, otherwise a new frame of zeros. Each plane has
    /// as many bytes as its stride and rows make. Of `strides`, which must be as wide as the rows of the
    /// format, as many are looked at as it has planes.
    pub(crate) fn reuse(
        spare: Option<Frame>,
        format: PixelFormat,
        size: Size,
        strides: [usize; 3],
    ) -> Frame {
        let shapes = || format.planes(size).zip(strides).map(|((_, rows), stride)| (stride, rows));
        let alike = |frame: &Frame| {
            let Some(picture) = frame.as_picture() else { return false };
            let planes = picture.rows().iter().map(|rows| (rows.stride, rows.bytes.len()));
            let wanted = shapes().map(|(stride, rows)| (stride, stride * rows));
            frame.format() == format && frame.size() == size && planes.eq(wanted)
        };
        if let Some(spare) = spare
            && alike(&spare)
        {
            return spare;
        }
        let mut planes = shapes().map(|(stride, rows)| Plane::zeros(stride, rows));
        let mut next = || planes.next().expect("as many planes as the format has");
        const WIDE: &str = "strides as wide as rows";
        match format {
            PixelFormat::I420 => {
                Frame::I420(I420::new(size, [next(), next(), next()]).expect(WIDE))
            }
            PixelFormat::Nv12 => Frame::Nv12(Nv12::new(size, [next(), next()]).expect(WIDE)),
            PixelFormat::Bgra => Frame::Bgra(Bgra::new(size, next()).expect(WIDE)),
            // A device's memory is its own to allocate.
            PixelFormat::Device => Frame::I420(I420::black(size)),
        }
    }

    /// Takes the I420 picture out if that is what this is and its size is `size`; otherwise makes a
    /// black one. Sources use it to write into a frame that came back from the encoder.
    #[must_use]
    pub fn reuse_i420(frame: Option<Frame>, size: Size) -> I420 {
        match frame {
            Some(Frame::I420(frame)) if frame.size() == size && frame.is_tight() => frame,
            _ => I420::black(size),
        }
    }
}
