//! H.264 levels, as Vulkan numbers them.

use ash::vk::native::StdVideoH264LevelIdc;

/// In the order of `StdVideoH264LevelIdc` (vulkan_video_codec_h264std.h), from 0.
const LEVELS: [&str; 19] = [
    "1.0", "1.1", "1.2", "1.3", "2.0", "2.1", "2.2", "3.0", "3.1", "3.2", "4.0", "4.1", "4.2",
    "5.0", "5.1", "5.2", "6.0", "6.1", "6.2",
];

/// The level of this number; one that is not known yet is called so.
pub(super) fn name(level: StdVideoH264LevelIdc) -> &'static str {
    usize::try_from(level).ok().and_then(|at| LEVELS.get(at)).copied().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use ash::vk::native::*;

    use super::*;

    #[test]
    fn levels_have_the_names_of_the_header() {
        assert_eq!(name(StdVideoH264LevelIdc_STD_VIDEO_H264_LEVEL_IDC_1_0), "1.0");
        assert_eq!(name(StdVideoH264LevelIdc_STD_VIDEO_H264_LEVEL_IDC_4_2), "4.2");
        assert_eq!(name(StdVideoH264LevelIdc_STD_VIDEO_H264_LEVEL_IDC_6_2), "6.2");
        assert_eq!(name(StdVideoH264LevelIdc_STD_VIDEO_H264_LEVEL_IDC_INVALID), "unknown");
    }
}
