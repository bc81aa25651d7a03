//! What a server must know of a stream that it did not encode: the sequence parameter set, ITU-T
//! H.264 §7.3.2.1.1.
//!
//! Read to the end, checked as far as the values are used. Scaling lists, HRD parameters and
//! colours are skipped; the SVC and MVC extensions are left out.

use super::bits::BitReader;
use super::nal::{Nal, NalType};
use super::profile::{Profile, ProfileLevelId};
use super::vui::{FrameRate, Vui};

/// Macroblocks along a side: more than level 6.2 allows (§A.3.1: √(8 × 139,264) = 1055).
const MACROBLOCKS_PER_SIDE_MAX: u32 = 1056;
/// `num_ref_frames_in_pic_order_cnt_cycle` (§7.4.2.1.1).
const POC_CYCLE_MAX: u32 = 255;

/// The facts in a sequence parameter set that a server needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// `seq_parameter_set_id`, 0 to 31.
    pub id: u8,
    /// Profile and level.
    pub profile_level_id: ProfileLevelId,
    /// Samples a line, as shown: cropped.
    pub width: u32,
    /// Lines, as shown: cropped.
    pub height: u32,
    /// `max_num_ref_frames`.
    pub reference_frames: u32,
    /// Whether pictures may be fields, which browsers show badly or not at all.
    pub interlaced: bool,
    /// The frame rate, if the stream says it.
    pub frame_rate: Option<FrameRate>,
    /// Whether pictures may come in another order than they are shown.
    pub reordering: Reordering,
}

/// Whether pictures may be decoded in another order than shown, as with B pictures. WebRTC cannot
/// carry that without stutter: RTP times would go back and forth, and each such picture is a delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reordering {
    /// Never.
    None,
    /// By up to this many frames: the stream says so (`max_num_reorder_frames`, §E.2.1).
    UpTo(u32),
    /// The stream does not say, and its profile allows it.
    Unknown,
}

/// Why a sequence parameter set cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpsError {
    /// A NAL unit of another type.
    #[error("the NAL unit is no sequence parameter set (type 7)")]
    NotAnSps,
    /// It ends in the middle.
    #[error("the sequence parameter set is cut off; give the whole NAL unit")]
    Truncated,
    /// A value that H.264 does not allow.
    #[error("the sequence parameter set has an illegal {0}; it is damaged, or not H.264")]
    Illegal(&'static str),
}

impl Sps {
    /// Reads the SPS in a NAL unit.
    pub fn parse(nal: Nal<'_>) -> Result<Sps, SpsError> {
        let profile_level_id = match nal.kind() {
            NalType::Sps => ProfileLevelId::from_sps(nal).ok_or(SpsError::Truncated)?,
            _ => return Err(SpsError::NotAnSps),
        };
        let mut reader = BitReader::new(nal.payload());
        reader.bits(24).ok_or(SpsError::Truncated)?;
        let id = need(reader.unsigned())?;
        let id = u8::try_from(id).ok().filter(|&id| id <= 31);
        let id = id.ok_or(SpsError::Illegal("seq_parameter_set_id"))?;
        let chroma = Chroma::read(&mut reader, profile_level_id.profile_idc)?;
        let shown_as_decoded = read_picture_order(&mut reader)?;
        let reference_frames = need(reader.unsigned())?;
        need(reader.flag())?; // gaps_in_frame_num_value_allowed_flag
        let Size { width, height, interlaced } = Size::read(&mut reader, chroma)?;
        let vui = match need(reader.flag())? {
            true => Vui::read(&mut reader).ok_or(SpsError::Truncated)?,
            false => Vui::default(),
        };
        let reordering = match vui.reorder_frames {
            Some(0) => Reordering::None,
            Some(frames) => Reordering::UpTo(frames),
            None if shown_as_decoded || reference_frames == 0 => Reordering::None,
            None => reordering_by_profile(profile_level_id),
        };
        let frame_rate = vui.frame_rate;
        Ok(Sps {
            id,
            profile_level_id,
            width,
            height,
            reference_frames,
            interlaced,
            frame_rate,
            reordering,
        })
    }
}

fn need<T>(value: Option<T>) -> Result<T, SpsError> {
    value.ok_or(SpsError::Truncated)
}

/// Baseline has no B slices (§A.2.1), nor has Constrained High (§A.2.4.2); intra profiles need no
/// other picture (§A.2.8 to §A.2.11).
fn reordering_by_profile(id: ProfileLevelId) -> Reordering {
    match id.profile() {
        Profile::ConstrainedBaseline
        | Profile::Baseline
        | Profile::ConstrainedHigh
        | Profile::High10Intra
        | Profile::High422Intra
        | Profile::High444Intra
        | Profile::Cavlc444Intra => Reordering::None,
        Profile::Main
        | Profile::Extended
        | Profile::ProgressiveHigh
        | Profile::High
        | Profile::High10
        | Profile::High422
        | Profile::High444Predictive
        | Profile::Unknown(_) => Reordering::Unknown,
    }
}

/// `ChromaArrayType`, by how many luma samples a chroma sample covers (Table 6-1).
#[derive(Clone, Copy)]
struct Chroma {
    across: u32,
    down: u32,
}

impl Chroma {
    const YUV_420: Chroma = Chroma { across: 2, down: 2 };
    const YUV_422: Chroma = Chroma { across: 2, down: 1 };
    const YUV_444_OR_NONE: Chroma = Chroma { across: 1, down: 1 };

    /// Reads what only the High profiles have: chroma format, bit depths, scaling lists.
    fn read(reader: &mut BitReader<'_>, profile_idc: u8) -> Result<Chroma, SpsError> {
        if !matches!(
            profile_idc,
            100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
        ) {
            return Ok(Chroma::YUV_420);
        }
        let format = need(reader.unsigned())?;
        let separate_planes = format == 3 && need(reader.flag())?;
        let chroma = match format {
            1 => Chroma::YUV_420,
            2 => Chroma::YUV_422,
            0 | 3 => Chroma::YUV_444_OR_NONE,
            _ => return Err(SpsError::Illegal("chroma_format_idc")),
        };
        for _ in ["bit_depth_luma_minus8", "bit_depth_chroma_minus8"] {
            need(reader.unsigned())?;
        }
        need(reader.flag())?; // qpprime_y_zero_transform_bypass_flag
        if need(reader.flag())? {
            let lists = if format == 3 { 12 } else { 8 };
            for list in 0..lists {
                if need(reader.flag())? {
                    skip_scaling_list(reader, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        Ok(if separate_planes { Chroma::YUV_444_OR_NONE } else { chroma })
    }
}

/// §7.3.2.1.1.1: a list ends early where the next scale is 0.
fn skip_scaling_list(reader: &mut BitReader<'_>, length: usize) -> Result<(), SpsError> {
    let mut last = 8;
    for _ in 0..length {
        let delta = need(reader.signed())?;
        if !(-128..=127).contains(&delta) {
            return Err(SpsError::Illegal("delta_scale"));
        }
        last = (last + delta + 256) % 256;
        if last == 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads how pictures are numbered. True: the order of decoding is that of showing (§8.2.1.3).
fn read_picture_order(reader: &mut BitReader<'_>) -> Result<bool, SpsError> {
    need(reader.unsigned())?; // log2_max_frame_num_minus4
    match need(reader.unsigned())? {
        0 => {
            need(reader.unsigned())?; // log2_max_pic_order_cnt_lsb_minus4
            Ok(false)
        }
        1 => {
            need(reader.flag())?; // delta_pic_order_always_zero_flag
            need(reader.signed())?; // offset_for_non_ref_pic
            need(reader.signed())?; // offset_for_top_to_bottom_field
            let cycle = need(reader.unsigned())?;
            if cycle > POC_CYCLE_MAX {
                return Err(SpsError::Illegal("num_ref_frames_in_pic_order_cnt_cycle"));
            }
            for _ in 0..cycle {
                need(reader.signed())?; // offset_for_ref_frame
            }
            Ok(false)
        }
        2 => Ok(true),
        _ => Err(SpsError::Illegal("pic_order_cnt_type")),
    }
}

struct Size {
    width: u32,
    height: u32,
    interlaced: bool,
}

impl Size {
    /// Reads the size in macroblocks and takes off the cropping (§7.4.2.1.1, equations 7-19 to
    /// 7-22).
    fn read(reader: &mut BitReader<'_>, chroma: Chroma) -> Result<Size, SpsError> {
        let columns = need(reader.unsigned())?;
        let rows = need(reader.unsigned())?;
        let interlaced = !need(reader.flag())?;
        if interlaced {
            need(reader.flag())?; // mb_adaptive_frame_field_flag
        }
        need(reader.flag())?; // direct_8x8_inference_flag
        if columns >= MACROBLOCKS_PER_SIDE_MAX || rows >= MACROBLOCKS_PER_SIDE_MAX {
            return Err(SpsError::Illegal("picture size"));
        }
        let fields = if interlaced { 2 } else { 1 };
        let (mut width, mut height) = ((columns + 1) * 16, (rows + 1) * 16 * fields);
        if need(reader.flag())? {
            let mut crop = [0u32; 4];
            for side in &mut crop {
                *side = need(reader.unsigned())?;
            }
            let [left, right, top, bottom] = crop;
            width = cropped(width, [left, right], chroma.across)?;
            height = cropped(height, [top, bottom], chroma.down * fields)?;
        }
        Ok(Size { width, height, interlaced })
    }
}

fn cropped(side: u32, crop: [u32; 2], unit: u32) -> Result<u32, SpsError> {
    let [before, after] = crop;
    before
        .checked_add(after)
        .and_then(|units| units.checked_mul(unit))
        .and_then(|samples| side.checked_sub(samples))
        .filter(|&side| side > 0)
        .ok_or(SpsError::Illegal("frame cropping"))
}

#[cfg(test)]
mod tests;
