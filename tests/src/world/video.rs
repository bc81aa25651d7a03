//! Frames as an encoder makes them, with a number in each, and a decoder's view of one, of ours or of
//! anybody's.

use crate::access_unit::access_unit;

const DELTA_BYTES: usize = 900;
const KEYFRAME_BYTES: usize = 4_000;
/// Bytes 1 to 250 stand for digits, so that no start code comes about.
const BASE: u32 = 250;
const DIGITS: usize = 4;
/// What slices of ours begin with.
const MARK: [u8; 4] = *b"Pinh";
/// Digits in a row, over and over.
static ROW: [u8; KEYFRAME_BYTES + BASE as usize] = {
    let mut row = [0; KEYFRAME_BYTES + BASE as usize];
    let mut at = 0;
    while at < row.len() {
        row[at] = (at % BASE as usize) as u8 + 1;
        at += 1;
    }
    row
};

/// The access unit of this number in Annex B: an IDR with its parameter sets, or a slice.
pub(super) fn frame(keyframe: bool, index: u32) -> Vec<u8> {
    let (digits, row) = payload(keyframe, index);
    let bytes = MARK.iter().chain(&digits).chain(row).copied();
    access_unit(keyframe, bytes)
}

/// The frame's own bytes: its number, and a row that depends on it.
fn payload(keyframe: bool, index: u32) -> ([u8; DIGITS], &'static [u8]) {
    let len = if keyframe { KEYFRAME_BYTES } else { DELTA_BYTES };
    let mut rest = index;
    let digits = [(); DIGITS].map(|()| {
        let digit = rest % BASE;
        rest /= BASE;
        digit as u8 + 1
    });
    let from = (index % BASE) as usize;
    (digits, &ROW[from..from + len])
}

/// A frame as it came.
pub(super) struct Slice {
    pub(super) keyframe: bool,
    /// The number of a frame of ours.
    pub(super) index: Option<u32>,
    /// Whether a frame of ours has all its bytes.
    pub(super) is_whole: bool,
}

/// Reads the one slice of an access unit in Annex B.
pub(super) fn parse(data: &[u8]) -> Option<Slice> {
    let is_slice = |window: &[u8]| window[..3] == [0, 0, 1] && matches!(window[3] & 31, 1 | 5);
    let at = data.windows(4).position(is_slice)?;
    let keyframe = data[at + 3] & 31 == 5;
    let Some(bytes) = data[at + 4..].strip_prefix(&MARK) else {
        return Some(Slice { keyframe, index: None, is_whole: true });
    };
    let digits = bytes.get(..DIGITS)?.iter().rev();
    let index =
        digits.fold(0_u32, |number, digit| number.wrapping_mul(BASE) + u32::from(*digit) - 1);
    let (number, row) = payload(keyframe, index);
    let is_whole = bytes[..DIGITS] == number && bytes[DIGITS..] == *row;
    Some(Slice { keyframe, index: Some(index), is_whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        for (keyframe, index) in [(true, 1), (false, 249), (false, 250), (true, 70_000)] {
            let bytes = frame(keyframe, index);
            let slice = parse(&bytes).unwrap();
            assert_eq!(
                (slice.index, slice.keyframe, slice.is_whole),
                (Some(index), keyframe, true)
            );
            let short = parse(&bytes[..bytes.len() - 1]).unwrap();
            assert!(!short.is_whole);
            let other = parse(&[0, 0, 1, 0x65, 7, 7, 7]).unwrap();
            assert_eq!((other.index, other.keyframe), (None, true));
        }
    }
}
