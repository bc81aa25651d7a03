//! Video usability information in a sequence parameter set, ITU-T H.264 §E.1.1: timing and
//! reordering; the rest is skipped.

use std::fmt;

use super::bits::BitReader;

/// `aspect_ratio_idc` for an aspect ratio of its own.
const EXTENDED_SAR: u32 = 255;
/// `cpb_cnt_minus1` (§E.2.2).
const CPB_COUNT_MAX: u32 = 31;

/// What the VUI says, as far as a server needs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Vui {
    pub(super) frame_rate: Option<FrameRate>,
    /// `max_num_reorder_frames`.
    pub(super) reorder_frames: Option<u32>,
}

/// A frame rate as H.264 says it: two ticks a frame (§E.2.1). Neither value is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameRate {
    ticks_per_second: u32,
    ticks_per_field: u32,
}

impl FrameRate {
    /// Frames a second.
    pub fn fps(self) -> f64 {
        f64::from(self.ticks_per_second) / (2.0 * f64::from(self.ticks_per_field))
    }

    /// Frames a second as a fraction, not reduced: numerator, denominator.
    pub fn as_fraction(self) -> (u32, u64) {
        (self.ticks_per_second, 2 * u64::from(self.ticks_per_field))
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.fps())
    }
}

impl Vui {
    /// Reads the VUI. `None`: it is cut off, or has more coded picture buffers than allowed.
    pub(super) fn read(reader: &mut BitReader<'_>) -> Option<Vui> {
        if reader.flag()? && reader.bits(8)? == EXTENDED_SAR {
            reader.bits(32)?; // sar_width, sar_height
        }
        if reader.flag()? {
            reader.flag()?; // overscan_appropriate_flag
        }
        if reader.flag()? {
            reader.bits(4)?; // video_format, video_full_range_flag
            if reader.flag()? {
                reader.bits(24)?; // colour_primaries, transfer_characteristics, matrix_coefficients
            }
        }
        if reader.flag()? {
            reader.unsigned()?; // chroma_sample_loc_type_top_field
            reader.unsigned()?; // chroma_sample_loc_type_bottom_field
        }
        let frame_rate = if reader.flag()? { read_timing(reader)? } else { None };
        let nal_hrd = reader.flag()?;
        if nal_hrd {
            skip_hrd(reader)?;
        }
        let vcl_hrd = reader.flag()?;
        if vcl_hrd {
            skip_hrd(reader)?;
        }
        if nal_hrd || vcl_hrd {
            reader.flag()?; // low_delay_hrd_flag
        }
        reader.flag()?; // pic_struct_present_flag
        let reorder_frames = if reader.flag()? { Some(read_restriction(reader)?) } else { None };
        Some(Vui { frame_rate, reorder_frames })
    }
}

/// Zeros are not allowed (§E.2.1); as some encoders write them, they count as nothing said.
fn read_timing(reader: &mut BitReader<'_>) -> Option<Option<FrameRate>> {
    let ticks_per_field = reader.bits(32)?;
    let ticks_per_second = reader.bits(32)?;
    reader.flag()?; // fixed_frame_rate_flag
    let said = ticks_per_field > 0 && ticks_per_second > 0;
    Some(said.then_some(FrameRate { ticks_per_second, ticks_per_field }))
}

/// §E.1.2.
fn skip_hrd(reader: &mut BitReader<'_>) -> Option<()> {
    let last = reader.unsigned()?;
    if last > CPB_COUNT_MAX {
        return None;
    }
    reader.bits(8)?; // bit_rate_scale, cpb_size_scale
    for _ in 0..=last {
        reader.unsigned()?; // bit_rate_value_minus1
        reader.unsigned()?; // cpb_size_value_minus1
        reader.flag()?; // cbr_flag
    }
    reader.bits(20)?; // four lengths
    Some(())
}

/// The bitstream restriction; its `max_num_reorder_frames`.
fn read_restriction(reader: &mut BitReader<'_>) -> Option<u32> {
    reader.flag()?; // motion_vectors_over_pic_boundaries_flag
    for _ in ["max_bytes_per_pic_denom", "max_bits_per_mb_denom", "horizontal", "vertical"] {
        reader.unsigned()?;
    }
    let reorder_frames = reader.unsigned()?;
    reader.unsigned()?; // max_dec_frame_buffering
    Some(reorder_frames)
}
