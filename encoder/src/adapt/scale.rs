//! Pictures made smaller, and with less detail.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::frame::{I420, Plane, Size};

/// Keeps what the crate wants to keep between pictures.
#[derive(Default)]
pub(super) struct Scaler {
    resizer: Resizer,
}

impl std::fmt::Debug for Scaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scaler")
    }
}

impl Scaler {
    /// Makes a picture of another size of this one.
    pub(super) fn scale(&mut self, picture: &I420, size: Size) -> I420 {
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
        // Typed, or the filters for every other type of pixel are compiled as well: half of this crate.
        let source = TypedImageRef::<U8>::from_buffer(side(from.0), side(from.1), &tight);
        let target = TypedImage::<U8>::from_buffer(side(to.0), side(to.1), into.bytes_mut());
        let (Ok(source), Ok(mut target)) = (source, target) else { return };
        // An average of what a pixel covers where it shrinks, linear where it grows.
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        if let Err(error) = self.resizer.resize_typed(&source, &mut target, &options) {
            tracing::debug!(%error, "a plane was not scaled");
        }
    }
}

/// Takes detail away, by way of a size so many times smaller.
pub(super) fn scaled_down_and_back(scaler: &mut Scaler, picture: &I420, times: u32) -> I420 {
    let size = picture.size();
    let less = |side: u32| (side / times / 2 * 2).max(16);
    match Size::new(less(size.width()), less(size.height())) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose left half is dark and right half bright.
    fn halves(width: u32, height: u32) -> I420 {
        let mut picture = I420::black(Size::new(width, height).unwrap());
        let [luma, ..] = picture.planes_mut();
        let stride = luma.stride();
        for (index, sample) in luma.bytes_mut().iter_mut().enumerate() {
            *sample = if index % stride < stride / 2 { 40 } else { 200 };
        }
        picture
    }

    #[test]
    fn a_smaller_picture_shows_the_same() {
        let small = Scaler::default().scale(&halves(640, 360), Size::new(480, 270).unwrap());
        let wanted = halves(480, 270);
        // The two samples at the edge are a mixture.
        let differ = |plane: usize| {
            let pairs = small.planes()[plane].bytes().iter().zip(wanted.planes()[plane].bytes());
            pairs.filter(|(one, other)| one != other).count()
        };
        assert_eq!([differ(0), differ(1), differ(2)], [2 * 270, 0, 0]);
    }

    #[test]
    fn rows_with_padding_are_read_without_it() {
        let mut bytes = vec![255; 40 * 16];
        bytes.chunks_mut(40).for_each(|row| row[..32].fill(100));
        let plane = Plane::new(bytes, 40);
        assert_eq!(tight(&plane, (32, 16)).into_owned(), vec![100; 32 * 16]);
    }

    #[test]
    fn a_soft_picture_has_its_size_and_its_edge_no_more() {
        let picture = halves(640, 360);
        let soft = scaled_down_and_back(&mut Scaler::default(), &picture, 4);
        assert_eq!(soft.size(), picture.size());
        let row = &soft.planes()[0].bytes()[..640];
        assert_eq!((row[0], row[639]), (40, 200));
        let between = row.iter().filter(|sample| (50..190).contains(*sample)).count();
        assert!(between >= 2, "{between} samples of the edge are neither");
    }
}
