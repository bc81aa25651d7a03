//! Access units as an encoder makes them, in Annex B.

/// An IDR with its parameter sets (baseline, level 3.1), or a slice; `bytes` are what stands behind
/// the NAL unit's header. They must hold no start code.
pub fn access_unit(keyframe: bool, bytes: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut data = Vec::new();
    if keyframe {
        data.extend_from_slice(&[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16]);
        data.extend_from_slice(&[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
    }
    data.extend_from_slice(&[0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }]);
    data.extend(bytes);
    data
}
