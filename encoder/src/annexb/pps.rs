//! Picture parameter sets (H.264 §7.3.2.2).

use super::bits::Bits;

/// What is read of a picture parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pps {
    /// CABAC rather than CAVLC.
    pub(crate) cabac: bool,
    pub(crate) slice_groups: u32,
    /// Weighted prediction, of P or of B slices.
    pub(crate) weighted: bool,
    pub(crate) redundant_pictures: bool,
    pub(crate) transform_8x8: bool,
}

impl Pps {
    /// Longest PPS that is read, in bytes; scaling lists are not, which come last.
    const BYTES_MAX: usize = 64;

    /// Reads a NAL unit of type 8. `None` if it is cut short, not legal, or has slice groups in a map.
    pub(crate) fn parse(nal: &[u8]) -> Option<Pps> {
        let mut bits = Bits::of_nal(nal, Self::BYTES_MAX);
        bits.ue().filter(|&id| id < 256)?;
        bits.ue().filter(|&id| id < 32)?; // seq_parameter_set_id
        let cabac = bits.bit()?;
        bits.bit()?; // bottom_field_pic_order_in_frame_present_flag
        let slice_groups = bits.ue().filter(|&n| n < 8)? + 1;
        if slice_groups > 1 {
            // Their map follows, which nothing here needs.
            let (weighted, redundant_pictures, transform_8x8) = (false, false, false);
            return Some(Pps { cabac, slice_groups, weighted, redundant_pictures, transform_8x8 });
        }
        bits.ue().filter(|&n| n < 32)?; // num_ref_idx_l0_default_active_minus1
        bits.ue().filter(|&n| n < 32)?;
        let weighted = bits.bits(3)? != 0; // weighted_pred_flag, weighted_bipred_idc
        bits.se()?; // pic_init_qp_minus26
        bits.se()?; // pic_init_qs_minus26
        bits.se()?; // chroma_qp_index_offset
        bits.skip(2)?; // deblocking_filter_control_present_flag, constrained_intra_pred_flag
        let redundant_pictures = bits.bit()?;
        let transform_8x8 = bits.has_more() && bits.bit()?;
        Some(Pps { cabac, slice_groups, weighted, redundant_pictures, transform_8x8 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sets_of_real_encoders_are_read() {
        let plain = Pps {
            cabac: false,
            slice_groups: 1,
            weighted: false,
            redundant_pictures: false,
            transform_8x8: false,
        };
        // By x264, Baseline, Main and High, and by OpenH264.
        let cases: [(&[u8], Pps); 4] = [
            (&[0x68, 0xcb, 0x83, 0xcb, 0x20], plain),
            (&[0x68, 0xeb, 0x83, 0xcb, 0x20], Pps { cabac: true, ..plain }),
            (
                &[0x68, 0xeb, 0xc3, 0xcb, 0x22, 0xc0],
                Pps { cabac: true, weighted: true, transform_8x8: true, ..plain },
            ),
            (&[0x68, 0xce, 0x3c, 0x80], plain),
        ];
        for (nal, pps) in cases {
            assert_eq!(Pps::parse(nal), Some(pps), "{nal:x?}");
        }
        assert_eq!(Pps::parse(&[0x68, 0xcb]), None, "cut short");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Some(pps) = Pps::parse(&bytes) {
                prop_assert!((1..=8).contains(&pps.slice_groups));
            }
        }
    }
}
