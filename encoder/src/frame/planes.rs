//! The pictures themselves: planes with strides, checked once.

use super::{Rows, Size};

/// Rows of samples. Row `y` starts at byte `y * stride`; what lies between rows is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plane {
    bytes: Vec<u8>,
    stride: usize,
}

/// A plane that does not hold the picture it is said to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Rows overlap.
    #[error("plane {plane}: a stride of {stride} bytes is less than a row of {row}")]
    Stride {
        /// Which plane, from 0.
        plane: usize,
        /// The stride given.
        stride: usize,
        /// Bytes in a row.
        row: usize,
    },
    /// The last row ends after the buffer.
    #[error("plane {plane}: {length} bytes given, {needed} needed")]
    Short {
        /// Which plane, from 0.
        plane: usize,
        /// Bytes given.
        length: usize,
        /// Bytes needed.
        needed: usize,
    },
}

impl Plane {
    /// Takes bytes whose rows start `stride` bytes apart. Checked when a frame is made of it.
    #[must_use]
    pub fn new(bytes: Vec<u8>, stride: usize) -> Plane {
        Plane { bytes, stride }
    }

    /// A plane of zeros.
    pub(super) fn zeros(stride: usize, rows: usize) -> Plane {
        Plane { bytes: vec![0; stride * rows], stride }
    }

    fn filled(value: u8, row: usize, rows: usize) -> Plane {
        Plane { bytes: vec![value; row * rows], stride: row }
    }

    fn check(&self, plane: usize, row: usize, rows: usize) -> Result<(), FrameError> {
        self.rows().check(plane, row, rows)
    }

    /// Lends the samples.
    pub(super) fn rows(&self) -> Rows<'_> {
        Rows::new(&self.bytes, self.stride)
    }

    /// Returns the samples.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the samples for writing. Their number is fixed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Returns the distance between the starts of two rows, in bytes.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }
}

/// A picture in three planes, 4:2:0, 8 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct I420 {
    size: Size,
    planes: [Plane; 3],
}

impl I420 {
    /// Takes luma and both chroma planes, of half the width and height.
    pub fn new(size: Size, planes: [Plane; 3]) -> Result<I420, FrameError> {
        let (width, height) = size.pixels();
        planes[0].check(0, width, height)?;
        planes[1].check(1, width / 2, height / 2)?;
        planes[2].check(2, width / 2, height / 2)?;
        Ok(I420 { size, planes })
    }

    /// Makes a black picture without padding.
    #[must_use]
    pub fn black(size: Size) -> I420 {
        let (width, height) = size.pixels();
        let chroma = || Plane::filled(128, width / 2, height / 2);
        I420 { size, planes: [Plane::filled(16, width, height), chroma(), chroma()] }
    }

    /// Returns width and height.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Returns luma, blue difference and red difference.
    #[must_use]
    pub fn planes(&self) -> &[Plane; 3] {
        &self.planes
    }

    /// Returns the planes for writing, in the same order.
    pub fn planes_mut(&mut self) -> [&mut Plane; 3] {
        self.planes.each_mut()
    }

    /// Whether rows follow each other without padding.
    #[must_use]
    pub fn is_tight(&self) -> bool {
        let (width, height) = self.size.pixels();
        let tight = |plane: &Plane, row: usize, rows: usize| {
            plane.stride == row && plane.bytes.len() == row * rows
        };
        tight(&self.planes[0], width, height)
            && self.planes[1..].iter().all(|plane| tight(plane, width / 2, height / 2))
    }

    pub(super) fn all_planes_mut(&mut self) -> &mut [Plane] {
        &mut self.planes
    }
}

/// A picture in two planes, 4:2:0, 8 bits, chroma interleaved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nv12 {
    size: Size,
    planes: [Plane; 2],
}

impl Nv12 {
    /// Takes luma, and pairs of blue and red difference at half width and height.
    pub fn new(size: Size, planes: [Plane; 2]) -> Result<Nv12, FrameError> {
        let (width, height) = size.pixels();
        planes[0].check(0, width, height)?;
        planes[1].check(1, width, height / 2)?;
        Ok(Nv12 { size, planes })
    }

    /// Returns width and height.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Returns luma and chroma.
    #[must_use]
    pub fn planes(&self) -> &[Plane; 2] {
        &self.planes
    }

    pub(super) fn all_planes_mut(&mut self) -> &mut [Plane] {
        &mut self.planes
    }
}

/// A picture of four bytes a pixel: blue, green, red, ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bgra {
    size: Size,
    plane: Plane,
}

impl Bgra {
    /// Takes the pixels.
    pub fn new(size: Size, plane: Plane) -> Result<Bgra, FrameError> {
        let (width, height) = size.pixels();
        plane.check(0, width * 4, height)?;
        Ok(Bgra { size, plane })
    }

    /// Returns width and height.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Returns the pixels.
    #[must_use]
    pub fn plane(&self) -> &Plane {
        &self.plane
    }

    pub(super) fn all_planes_mut(&mut self) -> &mut [Plane] {
        std::slice::from_mut(&mut self.plane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_shorter_than_its_picture_is_refused() {
        let size = Size::new(32, 16).unwrap();
        let y = |length, stride| Plane::new(vec![0; length], stride);
        let chroma = || Plane::new(vec![0; 16 * 8], 16);

        let good = I420::new(size, [y(40 * 15 + 32, 40), chroma(), chroma()]);
        let short = I420::new(size, [y(40 * 15 + 31, 40), chroma(), chroma()]);
        let narrow = I420::new(size, [y(32 * 16, 31), chroma(), chroma()]);

        assert!(good.is_ok());
        assert_eq!(short, Err(FrameError::Short { plane: 0, length: 631, needed: 632 }));
        assert_eq!(narrow, Err(FrameError::Stride { plane: 0, stride: 31, row: 32 }));
        assert!(Nv12::new(size, [y(512, 32), y(255, 32)]).is_err());
        assert!(Bgra::new(size, y(32 * 16 * 4 - 1, 128)).is_err());
    }
}
