//! Picture sizes that can be encoded.

/// Width and height of a picture: even, at least 16x16, at most 3840x2160 lying or standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    width: u32,
    height: u32,
}

/// Why a size cannot be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// 4:2:0 shares one chroma sample between two pixels in each direction.
    #[error("{width}x{height} has an odd side; crop or pad it to an even width and height")]
    Odd {
        /// Width that was asked for.
        width: u32,
        /// Height that was asked for.
        height: u32,
    },
    /// Out of the range of the encoders.
    #[error("{width}x{height} is outside of 16x16 to 3840x2160 (or 2160x3840); scale the picture")]
    OutOfRange {
        /// Width that was asked for.
        width: u32,
        /// Height that was asked for.
        height: u32,
    },
}

impl Size {
    const SIDE_MIN: u32 = 16;
    const LONG_SIDE_MAX: u32 = 3840;
    const SHORT_SIDE_MAX: u32 = 2160;

    /// Checks width and height, in pixels.
    pub fn new(width: u32, height: u32) -> Result<Size, SizeError> {
        let (short, long) = (width.min(height), width.max(height));
        if short < Self::SIDE_MIN || long > Self::LONG_SIDE_MAX || short > Self::SHORT_SIDE_MAX {
            return Err(SizeError::OutOfRange { width, height });
        }
        if !width.is_multiple_of(2) || !height.is_multiple_of(2) {
            return Err(SizeError::Odd { width, height });
        }
        Ok(Size { width, height })
    }

    /// Returns the width in pixels.
    #[must_use]
    pub fn width(self) -> u32 {
        self.width
    }

    /// Returns the height in pixels.
    #[must_use]
    pub fn height(self) -> u32 {
        self.height
    }

    /// Returns the number of macroblocks, 16x16 pixels each, that cover the picture.
    #[must_use]
    pub fn macroblocks(self) -> u32 {
        self.width.div_ceil(16) * self.height.div_ceil(16)
    }

    /// Returns the number of pixels.
    #[must_use]
    pub fn pixel_count(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Width and height for indexing.
    pub(crate) fn pixels(self) -> (usize, usize) {
        (self.width as usize, self.height as usize)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_even_and_within_4k_in_both_orientations() {
        assert!(Size::new(3840, 2160).is_ok());
        assert!(Size::new(2160, 3840).is_ok());
        assert!(Size::new(16, 16).is_ok());
        assert!(matches!(Size::new(1281, 720), Err(SizeError::Odd { .. })));
        assert!(matches!(Size::new(1280, 721), Err(SizeError::Odd { .. })));
        assert!(matches!(Size::new(3842, 2160), Err(SizeError::OutOfRange { .. })));
        assert!(matches!(Size::new(2162, 2162), Err(SizeError::OutOfRange { .. })));
        assert!(matches!(Size::new(0, 720), Err(SizeError::OutOfRange { .. })));
    }

    #[test]
    fn macroblocks_are_rounded_up() {
        assert_eq!(Size::new(1920, 1080).map(Size::macroblocks), Ok(120 * 68));
    }
}
