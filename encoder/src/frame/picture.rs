//! Pictures whose samples belong to somebody else, for the length of a call.

use super::{FrameError, PixelFormat, Size};

/// Rows of samples that belong to somebody else. Row `y` starts at byte `y * stride`; what lies between
/// rows is ignored, and the last row need not be padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows<'a> {
    /// The samples.
    pub bytes: &'a [u8],
    /// Distance between the starts of two rows, in bytes.
    pub stride: usize,
}

impl<'a> Rows<'a> {
    /// Takes bytes whose rows start `stride` bytes apart. Checked when a picture is made of it.
    #[must_use]
    pub fn new(bytes: &'a [u8], stride: usize) -> Rows<'a> {
        Rows { bytes, stride }
    }

    /// The rows, the last of which may be shorter than the others.
    pub(super) fn iter(self) -> std::slice::Chunks<'a, u8> {
        self.bytes.chunks(self.stride)
    }

    pub(super) fn check(self, plane: usize, row: usize, rows: usize) -> Result<(), FrameError> {
        let (stride, length) = (self.stride, self.bytes.len());
        if stride < row {
            return Err(FrameError::Stride { plane, stride, row });
        }
        let needed = stride.saturating_mul(rows.saturating_sub(1)).saturating_add(row);
        if length < needed {
            return Err(FrameError::Short { plane, length, needed });
        }
        Ok(())
    }
}

/// A borrowed picture, checked when it is made like a [`Frame`](super::Frame).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture<'a> {
    size: Size,
    planes: Planes<'a>,
}

/// The planes of a borrowed picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planes<'a> {
    I420([Rows<'a>; 3]),
    Nv12([Rows<'a>; 2]),
    Bgra(Rows<'a>),
}

impl<'a> Picture<'a> {
    /// Takes luma and both chroma planes, of half the width and height.
    pub fn i420(size: Size, planes: [Rows<'a>; 3]) -> Result<Picture<'a>, FrameError> {
        Picture::checked(size, Planes::I420(planes))
    }

    /// Takes luma, and pairs of blue and red difference at half width and height.
    pub fn nv12(size: Size, planes: [Rows<'a>; 2]) -> Result<Picture<'a>, FrameError> {
        Picture::checked(size, Planes::Nv12(planes))
    }

    /// Takes pixels of four bytes: blue, green, red, and one that is ignored.
    pub fn bgra(size: Size, pixels: Rows<'a>) -> Result<Picture<'a>, FrameError> {
        Picture::checked(size, Planes::Bgra(pixels))
    }

    /// Takes planes as they are, from a frame that was checked when it was made.
    pub(super) fn of_checked(size: Size, planes: Planes<'a>) -> Picture<'a> {
        Picture { size, planes }
    }

    fn checked(size: Size, planes: Planes<'a>) -> Result<Picture<'a>, FrameError> {
        let picture = Picture { size, planes };
        let shapes = picture.format().planes(size);
        for (index, (rows, (row, count))) in picture.rows().iter().zip(shapes).enumerate() {
            rows.check(index, row, count)?;
        }
        Ok(picture)
    }

    /// Returns width and height.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Returns how the samples lie in memory.
    #[must_use]
    pub fn format(&self) -> PixelFormat {
        match self.planes {
            Planes::I420(_) => PixelFormat::I420,
            Planes::Nv12(_) => PixelFormat::Nv12,
            Planes::Bgra(_) => PixelFormat::Bgra,
        }
    }

    /// Returns the planes, as many as the format has.
    #[must_use]
    pub fn rows(&self) -> &[Rows<'a>] {
        match &self.planes {
            Planes::I420(planes) => planes,
            Planes::Nv12(planes) => planes,
            Planes::Bgra(pixels) => std::slice::from_ref(pixels),
        }
    }

    pub(super) fn planes(&self) -> Planes<'a> {
        self.planes
    }
}
