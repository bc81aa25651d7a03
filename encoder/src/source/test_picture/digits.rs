//! Digits for people, in a font of 5x7 dots.

use crate::frame::I420;

/// Dots of a character's width, with the gap after it.
const ADVANCE: usize = 6;
const HEIGHT: usize = 7;
const INK: u8 = 235;

/// Rows of a character, the leftmost dot in bit 4. Unknown ones are blank.
fn glyph(character: u8) -> [u8; HEIGHT] {
    match character {
        b'0' => [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
        b'1' => [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
        b'2' => [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f],
        b'3' => [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e],
        b'4' => [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
        b'5' => [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
        b'6' => [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e],
        b'7' => [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
        b'8' => [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
        b'9' => [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c],
        b':' => [0x00, 0x0c, 0x0c, 0x00, 0x0c, 0x0c, 0x00],
        b'.' => [0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c],
        _ => [0; HEIGHT],
    }
}

/// Pixels that `characters` characters take at `scale` pixels a dot.
pub(super) fn extent(characters: usize, scale: usize) -> (usize, usize) {
    ((characters * ADVANCE - 1) * scale, HEIGHT * scale)
}

/// Writes white digits with their top left corner at (`left`, `top`), cut at the edges.
pub(super) fn draw(text: &str, left: usize, top: usize, scale: usize, picture: &mut I420) {
    let (width, _) = picture.size().pixels();
    let [luma, ..] = picture.planes_mut();
    let stride = luma.stride();
    let rows = luma.bytes_mut().chunks_mut(stride).skip(top).take(HEIGHT * scale);
    for (y, row) in rows.enumerate() {
        for (n, character) in text.bytes().enumerate() {
            let dots = glyph(character)[y / scale];
            for dot in (0..5).filter(|dot| dots >> (4 - dot) & 1 == 1) {
                let begin = left + (n * ADVANCE + dot) * scale;
                let end = (begin + scale).min(width);
                if begin < end {
                    row[begin..end].fill(INK);
                }
            }
        }
    }
}
