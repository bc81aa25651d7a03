//! Access units that look like an encoder's.

const PARAMETER_SETS: &[u8] =
    &[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];

/// NAL unit headers of a slice that others refer to, and of one of an IDR.
const SLICE: u8 = 0x41;
const IDR: u8 = 0x65;

/// A P picture in one slice, of `bytes` bytes.
pub fn picture(bytes: usize) -> Vec<u8> {
    slice(SLICE, bytes)
}

/// An IDR picture with its parameter sets; the slice has `bytes` bytes.
pub fn keyframe(bytes: usize) -> Vec<u8> {
    [PARAMETER_SETS, &slice(IDR, bytes)].concat()
}

/// A slice of `bytes` bytes that look like entropy-coded ones, behind a start code.
fn slice(header: u8, bytes: usize) -> Vec<u8> {
    let mut slice = vec![0, 0, 0, 1, header];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while slice.len() < bytes {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        slice.push(state.to_be_bytes()[0]);
        if let [.., 0, 0, last @ 0..=2] = slice.as_mut_slice() {
            *last = 3;
        }
    }
    slice
}
