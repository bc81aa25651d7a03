//! Draws the cursor into a picture: the server leaves it out.

use crate::frame::Size;

/// A cursor, as XFixes tells it.
pub(super) struct Cursor<'a> {
    /// Where its upper left corner lies; may be outside of the picture.
    pub(super) corner: (i32, i32),
    pub(super) width: usize,
    /// Row after row: alpha, red, green, blue from the highest byte down, multiplied with alpha already.
    pub(super) pixels: &'a [u32],
}

impl Cursor<'_> {
    /// Draws over pixels of four bytes, blue first, without padding.
    pub(super) fn draw(&self, pixels: &mut [u8], size: Size) {
        let (width, height) = size.pixels();
        if self.width == 0 {
            return;
        }
        for (row, y) in self.pixels.chunks(self.width).zip(self.corner.1..) {
            let Some(y) = usize::try_from(y).ok().filter(|&y| y < height) else { continue };
            for (&argb, x) in row.iter().zip(self.corner.0..) {
                let Some(x) = usize::try_from(x).ok().filter(|&x| x < width) else { continue };
                let at = (y * width + x) * 4;
                if let Some(pixel) = pixels.get_mut(at..at + 3) {
                    blend(pixel, argb);
                }
            }
        }
    }
}

fn blend(pixel: &mut [u8], argb: u32) {
    let [blue, green, red, alpha] = argb.to_le_bytes();
    for (under, over) in pixel.iter_mut().zip([blue, green, red]) {
        let through = u32::from(*under) * (255 - u32::from(alpha)) / 255;
        // A server that did not multiply with alpha must not wrap round.
        *under = u8::try_from(through + u32::from(over)).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_blended_and_cut_off_at_the_edges() {
        let size = Size::new(16, 16).unwrap();
        // Blue, half of red, nothing, blue.
        let drawing = [0xff00_00ff, 0x8080_0000, 0, 0xff00_00ff];
        let cursor = |x, y| Cursor { corner: (x, y), width: 2, pixels: &drawing };
        let drawn = |x, y| {
            let mut pixels = vec![100; 16 * 16 * 4];
            cursor(x, y).draw(&mut pixels, size);
            pixels
        };
        let at = |pixels: &[u8], x: usize, y: usize| {
            let at = (y * 16 + x) * 4;
            [pixels[at], pixels[at + 1], pixels[at + 2]]
        };

        let inside = drawn(3, 5);
        assert_eq!(at(&inside, 3, 5), [255, 0, 0]);
        assert_eq!(at(&inside, 4, 5), [49, 49, 49 + 128]);
        assert_eq!(at(&inside, 3, 6), [100; 3]);
        assert_eq!(at(&inside, 4, 6), [255, 0, 0]);
        let corner = drawn(-1, -1);
        assert_eq!(at(&corner, 0, 0), [255, 0, 0]);
        assert_eq!(corner.iter().filter(|&&byte| byte != 100).count(), 3);
        let edge = drawn(15, 15);
        assert_eq!(at(&edge, 15, 15), [255, 0, 0]);
        for far in [(-5, 3), (16, 16), (i32::MAX - 4, i32::MIN)] {
            assert!(drawn(far.0, far.1).iter().all(|&byte| byte == 100));
        }
        Cursor { corner: (0, 0), width: 0, pixels: &[] }.draw(&mut [], size);
    }
}
