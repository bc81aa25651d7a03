//! Sequence parameter sets (H.264 §7.3.2.1.1, Annex E).

use super::bits::Bits;

/// What is read of a sequence parameter set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sps {
    pub(crate) id: u32,
    /// profile_idc, constraint flags and level_idc, as in SDP's profile-level-id.
    pub(crate) profile_level_id: [u8; 3],
    pub(crate) chroma_format_idc: u32,
    pub(crate) bit_depth: u32,
    pub(crate) separate_colour_planes: bool,
    pub(crate) frame_num_bits: u32,
    pub(crate) order: OrderCount,
    pub(crate) frames_only: bool,
    /// After cropping.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// num_units_in_tick and time_scale, two ticks a frame.
    pub(crate) timing: Option<(u32, u32)>,
}

/// How pictures are ordered for output, pic_order_cnt_type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderCount {
    /// Each slice says, in this many bits.
    Explicit { bits: u32 },
    /// By offsets; slices may add differences.
    Offsets { always_zero: bool },
    /// Decoding order.
    Decoding,
}

impl Sps {
    /// Longest SPS that is read, in bytes; real ones have 10 to 60, with scaling lists below 300.
    const BYTES_MAX: usize = 1024;

    /// Reads a NAL unit of type 7. `None` if it is cut short or not legal.
    pub(crate) fn parse(nal: &[u8]) -> Option<Sps> {
        let mut bits = Bits::of_nal(nal, Self::BYTES_MAX);
        let profile_level_id = [bits.bits(8)? as u8, bits.bits(8)? as u8, bits.bits(8)? as u8];
        let id = bits.ue().filter(|&id| id < 32)?;
        let format = if has_chroma_format(profile_level_id[0]) {
            ChromaFormat::parse(&mut bits)?
        } else {
            ChromaFormat { idc: 1, separate_planes: false, depth: 8 }
        };
        let frame_num_bits = bits.ue().filter(|&n| n <= 12)? + 4;
        let order = OrderCount::parse(&mut bits)?;
        bits.ue()?; // max_num_ref_frames
        bits.bit()?; // gaps_in_frame_num_value_allowed_flag
        let width_mbs = bits.ue().filter(|&n| n < 1024)? + 1;
        let height_units = bits.ue().filter(|&n| n < 1024)? + 1;
        let frames_only = bits.bit()?;
        if !frames_only {
            bits.bit()?; // mb_adaptive_frame_field_flag
        }
        bits.bit()?; // direct_8x8_inference_flag
        let fields = if frames_only { 1 } else { 2 };
        let unit = format.crop_unit(fields);
        let (crop_x, crop_y) = parse_crop(&mut bits, unit)?;
        // A VUI that cannot be read is one without timing: everything needed is known by now.
        let timing = if bits.bit()? { parse_timing(&mut bits).flatten() } else { None };
        Some(Sps {
            id,
            profile_level_id,
            chroma_format_idc: format.idc,
            bit_depth: format.depth,
            separate_colour_planes: format.separate_planes,
            frame_num_bits,
            order,
            frames_only,
            width: (width_mbs * 16).checked_sub(crop_x).filter(|&n| n > 0)?,
            height: (height_units * 16 * fields).checked_sub(crop_y).filter(|&n| n > 0)?,
            timing,
        })
    }
}

struct ChromaFormat {
    idc: u32,
    separate_planes: bool,
    depth: u32,
}

impl ChromaFormat {
    fn parse(bits: &mut Bits) -> Option<ChromaFormat> {
        let idc = bits.ue().filter(|&n| n <= 3)?;
        let separate_planes = idc == 3 && bits.bit()?;
        let luma = bits.ue().filter(|&n| n <= 6)? + 8;
        let chroma = bits.ue().filter(|&n| n <= 6)? + 8;
        bits.bit()?; // qpprime_y_zero_transform_bypass_flag
        if bits.bit()? {
            skip_scaling_lists(bits, if idc == 3 { 12 } else { 8 })?;
        }
        Some(ChromaFormat { idc, separate_planes, depth: luma.max(chroma) })
    }

    /// CropUnitX and CropUnitY, equations 7-19 to 7-22.
    fn crop_unit(&self, fields: u32) -> (u32, u32) {
        match (self.separate_planes, self.idc) {
            (false, 1) => (2, 2 * fields),
            (false, 2) => (2, fields),
            _ => (1, fields),
        }
    }
}

impl OrderCount {
    fn parse(bits: &mut Bits) -> Option<OrderCount> {
        match bits.ue()? {
            0 => Some(OrderCount::Explicit { bits: bits.ue().filter(|&n| n <= 12)? + 4 }),
            1 => {
                let always_zero = bits.bit()?;
                bits.se()?; // offset_for_non_ref_pic
                bits.se()?; // offset_for_top_to_bottom_field
                for _ in 0..bits.ue().filter(|&n| n < 256)? {
                    bits.se()?; // offset_for_ref_frame
                }
                Some(OrderCount::Offsets { always_zero })
            }
            2 => Some(OrderCount::Decoding),
            _ => None,
        }
    }
}

/// Profiles whose SPS carries chroma_format_idc, as listed in §7.3.2.1.1.
fn has_chroma_format(profile: u8) -> bool {
    matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

fn skip_scaling_lists(bits: &mut Bits, lists: u32) -> Option<()> {
    for list in 0..lists {
        if !bits.bit()? {
            continue;
        }
        let (mut last, mut next) = (8, 8);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = (last + bits.se()? + 256).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

/// Pixels cut off in each direction.
fn parse_crop(bits: &mut Bits, unit: (u32, u32)) -> Option<(u32, u32)> {
    if !bits.bit()? {
        return Some((0, 0));
    }
    let (left, right) = (bits.ue()?, bits.ue()?);
    let (top, bottom) = (bits.ue()?, bits.ue()?);
    let x = left.checked_add(right)?.checked_mul(unit.0)?;
    let y = top.checked_add(bottom)?.checked_mul(unit.1)?;
    Some((x, y))
}

/// The timing of a VUI (§E.1.1); the inner `None` is a VUI that has none.
fn parse_timing(bits: &mut Bits) -> Option<Option<(u32, u32)>> {
    const EXTENDED_SAR: u32 = 255;
    if bits.bit()? && bits.bits(8)? == EXTENDED_SAR {
        bits.skip(32)?;
    }
    if bits.bit()? {
        bits.bit()?; // overscan_appropriate_flag
    }
    if bits.bit()? {
        bits.skip(4)?; // video_format, video_full_range_flag
        if bits.bit()? {
            bits.skip(24)?; // colour_primaries, transfer_characteristics, matrix_coefficients
        }
    }
    if bits.bit()? {
        bits.ue()?; // chroma_sample_loc_type_top_field
        bits.ue()?; // chroma_sample_loc_type_bottom_field
    }
    if !bits.bit()? {
        return Some(None);
    }
    let (units, scale) = (bits.bits(32)?, bits.bits(32)?);
    Some((units > 0 && scale > 0).then_some((units, scale)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of x264: High, level 4.0, 1920x1080 at 30000/1001, cropped from 1088 lines.
    const X264: [u8; 25] = [
        0x67, 0x64, 0x00, 0x28, 0xac, 0xb2, 0x00, 0xf0, 0x04, 0x4f, 0xcb, 0x80, 0x88, 0x00, 0x00,
        0x1f, 0x48, 0x00, 0x07, 0x53, 0x00, 0x78, 0xc1, 0x92, 0x40,
    ];

    #[test]
    fn size_level_and_timing_are_read() {
        let sps = Sps::parse(&X264).unwrap();
        assert_eq!(sps.profile_level_id, [0x64, 0, 0x28]);
        assert_eq!((sps.width, sps.height), (1920, 1080));
        assert_eq!((sps.chroma_format_idc, sps.bit_depth, sps.frames_only), (1, 8, true));
        assert_eq!(sps.timing, Some((1001, 60_000)));
    }

    #[test]
    fn one_cut_short_before_the_vui_is_none() {
        for length in 0..10 {
            assert_eq!(Sps::parse(&X264[..length]), None, "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Some(sps) = Sps::parse(&bytes) {
                prop_assert!(sps.id < 32 && sps.width > 0 && sps.height > 0);
            }
        }
    }
}
