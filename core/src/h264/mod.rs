//! H.264: stub.

/// The three bytes of an H.264 `profile-level-id`, RFC 6184 §8.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileLevelId {
    /// `profile_idc`.
    pub profile_idc: u8,
    /// `profile-iop`: the constraint_set flags, the first in the highest bit.
    pub constraints: u8,
    /// `level_idc`, ten times the level (1b aside).
    pub level_idc: u8,
}
