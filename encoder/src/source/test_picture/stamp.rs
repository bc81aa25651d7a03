//! The frame number and clock that machines read back from the picture.
//!
//! Cells of 16x16 pixels, aligned to macroblocks so that they survive low bitrates, white (luma 235) for
//! 1 and black (luma 16) for 0. The grid starts at pixel (16, 16) and has 16 columns and 6 rows, on a
//! black ground of 288x128 pixels at the top left corner. Bits go row by row, left to right, most
//! significant first:
//!
//! | bits | what |
//! |---|---|
//! | 0..8 | the start marker, `1011 0010` |
//! | 8..40 | frame number, 32 bits |
//! | 40..88 | milliseconds since 1970 (UTC) of the capture, 48 bits |
//! | 88..96 | CRC-8 (polynomial 0x07, start 0) of the 10 bytes before it |
//!
//! A reader averages the middle 8x8 pixels of each cell and compares with 128; that holds for luma of
//! either range and for the RGB of a canvas alike. Bit `i` is the cell in column `i % 16`, row `i / 16`:
//!
//! ```js
//! const bit = i => luma(16 + 16 * (i % 16) + 8, 16 + 16 * (i >> 4) + 8) > 128;
//! ```

use crate::frame::I420;

/// Pixels of a cell's side.
pub const CELL: usize = 16;
/// Pixels left and above the first cell.
pub const ORIGIN: usize = 16;
/// Cells in a row.
pub const COLUMNS: usize = 16;
/// Rows of cells.
pub const ROWS: usize = 6;
/// Width of the black ground that the cells lie on.
pub const GROUND_WIDTH: usize = 2 * ORIGIN + COLUMNS * CELL;
/// Height of the ground.
pub const GROUND_HEIGHT: usize = 2 * ORIGIN + ROWS * CELL;

const MARKER: u8 = 0b1011_0010;
const BYTES: usize = COLUMNS * ROWS / 8;
const BLACK: u8 = 16;
const WHITE: u8 = 235;
/// Chroma of black and white.
const GREY: u8 = 128;

/// What a test picture says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Number of the picture, modulo 2^32.
    pub frame: u32,
    /// Milliseconds since 1970 when it was captured, modulo 2^48.
    pub unix_ms: u64,
}

impl Stamp {
    fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[0] = MARKER;
        bytes[1..5].copy_from_slice(&self.frame.to_be_bytes());
        bytes[5..11].copy_from_slice(&self.unix_ms.to_be_bytes()[2..]);
        bytes[11] = crc8(&bytes[1..11]);
        bytes
    }

    fn from_bytes(bytes: &[u8; BYTES]) -> Option<Stamp> {
        if bytes[0] != MARKER || bytes[11] != crc8(&bytes[1..11]) {
            return None;
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte));
        // Four bytes fit 32 bits.
        Some(Stamp { frame: number(&bytes[1..5]) as u32, unix_ms: number(&bytes[5..11]) })
    }
}

/// CRC-8 with polynomial x^8 + x^2 + x + 1, most significant bit first, start 0.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 != 0 { crc << 1 ^ 0x07 } else { crc << 1 })
    })
}

/// Draws the cells, and the ground under them. The picture must be at least as large as the ground.
pub(super) fn draw(stamp: Stamp, picture: &mut I420) {
    let bytes = stamp.to_bytes();
    let [luma, chroma @ ..] = picture.planes_mut();
    for plane in chroma {
        let stride = plane.stride();
        for row in plane.bytes_mut().chunks_mut(stride).take(GROUND_HEIGHT / 2) {
            row[..GROUND_WIDTH / 2].fill(GREY);
        }
    }
    let stride = luma.stride();
    let mut line = [BLACK; GROUND_WIDTH];
    for (y, row) in luma.bytes_mut().chunks_mut(stride).take(GROUND_HEIGHT).enumerate() {
        match y.checked_sub(ORIGIN).map(|y| (y / CELL, y % CELL)) {
            Some((cells, 0)) if cells < ROWS => {
                let bits = [bytes[cells * 2], bytes[cells * 2 + 1]];
                for (column, cell) in line[ORIGIN..].chunks_mut(CELL).take(COLUMNS).enumerate() {
                    let one = bits[column / 8] >> (7 - column % 8) & 1 == 1;
                    cell.fill(if one { WHITE } else { BLACK });
                }
            }
            Some((ROWS, 0)) => line.fill(BLACK),
            _ => {}
        }
        row[..GROUND_WIDTH].copy_from_slice(&line);
    }
}

/// Reads the stamp from the luma plane of a picture, or `None` if there is none that holds together.
#[must_use]
pub fn read_blocks(luma: &[u8], stride: usize, width: usize, height: usize) -> Option<Stamp> {
    const MIDDLE: usize = CELL / 4;
    const HALF: u32 = 128 * (CELL as u32 / 2) * (CELL as u32 / 2);
    let long_enough =
        luma.len() >= stride.checked_mul(height.checked_sub(1)?)?.checked_add(width)?;
    if width < GROUND_WIDTH || height < GROUND_HEIGHT || stride < width || !long_enough {
        return None;
    }
    let mut bytes = [0; BYTES];
    for bit in 0..COLUMNS * ROWS {
        let left = ORIGIN + bit % COLUMNS * CELL + MIDDLE;
        let top = ORIGIN + bit / COLUMNS * CELL + MIDDLE;
        let rows = luma[top * stride..].chunks(stride).take(CELL / 2);
        let sum: u32 =
            rows.flat_map(|row| &row[left..left + CELL / 2]).map(|&luma| u32::from(luma)).sum();
        bytes[bit / 8] |= u8::from(sum > HALF) << (7 - bit % 8);
    }
    Stamp::from_bytes(&bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::Size;

    proptest! {
        #[test]
        fn what_is_drawn_is_read_back(frame: u32, unix_ms in 0u64..1 << 48) {
            let stamp = Stamp { frame, unix_ms };
            let mut picture = I420::black(Size::new(320, 180).unwrap());
            draw(stamp, &mut picture);
            let luma = &picture.planes()[0];
            prop_assert_eq!(read_blocks(luma.bytes(), luma.stride(), 320, 180), Some(stamp));
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let stamp = Stamp { frame: 0x0102_0304, unix_ms: 0x0506_0708_090a };
        assert_eq!(&stamp.to_bytes()[..11], [0xb2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        // The check value of CRC-8/SMBUS.
        assert_eq!(crc8(b"123456789"), 0xf4);
        let mut picture = I420::black(Size::new(320, 180).unwrap());
        draw(stamp, &mut picture);
        let luma = picture.planes()[0].bytes();
        let marker: Vec<bool> = (0..8).map(|i| luma[320 * 24 + 24 + 16 * i] > 128).collect();
        assert_eq!(marker, [true, false, true, true, false, false, true, false]);
    }

    #[test]
    fn the_ground_has_no_colour_whatever_it_is_drawn_over() {
        let mut picture = I420::black(Size::new(320, 180).unwrap());
        picture.planes_mut().into_iter().for_each(|plane| plane.bytes_mut().fill(40));

        draw(Stamp { frame: 1, unix_ms: 2 }, &mut picture);

        for plane in &picture.planes()[1..] {
            let rows = plane.bytes().chunks(plane.stride()).take(GROUND_HEIGHT / 2);
            let ground: Vec<u8> = rows.flat_map(|row| &row[..GROUND_WIDTH / 2]).copied().collect();
            assert!(ground.iter().all(|&chroma| chroma == GREY));
        }
    }

    #[test]
    fn a_flipped_cell_and_a_plain_picture_are_not_a_stamp() {
        let mut picture = I420::black(Size::new(320, 180).unwrap());
        let read = |picture: &I420| read_blocks(picture.planes()[0].bytes(), 320, 320, 180);
        assert_eq!(read(&picture), None);
        draw(Stamp { frame: 7, unix_ms: 9 }, &mut picture);
        assert!(read(&picture).is_some());
        for row in picture.planes_mut()[0].bytes_mut().chunks_mut(320).skip(48).take(16) {
            row[32..48].iter_mut().for_each(|luma| *luma = 251 - *luma);
        }
        assert_eq!(read(&picture), None);
        assert_eq!(read_blocks(&[0; 100], 320, 320, 180), None);
    }
}
