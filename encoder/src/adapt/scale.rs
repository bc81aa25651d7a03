//! Pictures made smaller, and with less detail.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::frame::{I420, Plane, Size};

/// Keeps what the crate wants to keep between pictures.
#[derive(Default)]
pub(crate) struct Scaler {
    resizer: Resizer,
}

impl std::fmt::Debug for Scaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scaler")
    }
}

impl Scaler {
    /// Makes a picture of another size of this one.
    pub(crate) fn scale(&mut self, picture: &I420, size: Size) -> I420 {
        let mut scaled = I420::black(size);
        let (from, to) = (picture.size().pixels(), size.pixels());
        for (index, (plane, into)) in picture.planes().iter().zip(scaled.planes_mut()).enumerate() {
            let half = if index == 0 { 1 } else { 2 };
            let from = (from.0 / half, from.1 / half);
            let to = (to.0 / half, to.1 / half);
            self.plane(plane, from, into, to);
        }
        scaled
    }

    fn plane(&mut self, plane: &Plane, from: (usize, usize), into: &mut Plane, to: (usize, usize)) {
        let tight = tight(plane, from);
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let source = ImageRef::new(side(from.0), side(from.1), &tight, PixelType::U8);
        let target = Image::from_slice_u8(side(to.0), side(to.1), into.bytes_mut(), PixelType::U8);
        let (Ok(source), Ok(mut target)) = (source, target) else { return };
        // An average of what a pixel covers where it shrinks, linear where it grows.
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        if let Err(error) = self.resizer.resize(&source, &mut target, &options) {
            tracing::debug!(%error, "a plane was not scaled");
        }
    }
}

/// Takes three quarters of the detail away, by way of half the size.
pub(crate) fn soften(scaler: &mut Scaler, picture: &I420) -> I420 {
    let size = picture.size();
    let half = |side: u32| (side / 4 * 2).max(16);
    match Size::new(half(size.width()), half(size.height())) {
        Ok(small) => {
            let small = scaler.scale(picture, small);
            scaler.scale(&small, size)
        }
        Err(_) => picture.clone(),
    }
}

/// The samples without padding between rows.
fn tight(plane: &Plane, (width, height): (usize, usize)) -> std::borrow::Cow<'_, [u8]> {
    if plane.stride() == width && plane.bytes().len() == width * height {
        return plane.bytes().into();
    }
    let rows = plane.bytes().chunks(plane.stride()).take(height);
    rows.flat_map(|row| row.iter().take(width)).copied().collect()
}
