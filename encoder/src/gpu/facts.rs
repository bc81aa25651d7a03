//! What is known of GPUs.

use std::time::Duration;

use super::surroundings::Surroundings;

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The devices that the Vulkan loader names, in its order; or why there are none.
    pub vulkan: Result<Vec<Gpu>, NoVulkan>,
    /// What else of GPUs can be seen.
    pub surroundings: Surroundings,
}

/// Why Vulkan names no device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoVulkan {
    /// `libvulkan.so.1` cannot be loaded.
    NoLoader,
    /// The loader knows no driver that works (`VK_ERROR_INCOMPATIBLE_DRIVER`), or none has a device.
    NoDriver,
    /// No answer for so long.
    Silent(Duration),
    /// Something else, in the loader's words.
    Failed(String),
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// As its driver calls it.
    pub name: String,
    /// What it is.
    pub kind: GpuKind,
    /// The driver and its version, as it says.
    pub driver: String,
    /// The version of Vulkan that it knows: major, minor, patch.
    pub api: (u32, u32, u32),
    /// Its queue families.
    pub queues: Vec<QueueFamily>,
    /// Whether it encodes H.264.
    pub h264: H264Encode,
}

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuKind {
    /// A card of its own.
    Discrete,
    /// Part of the processor.
    Integrated,
    /// A share of a card.
    Virtual,
    /// A program on the CPU.
    Software,
    /// None of these.
    Other,
}

/// One queue family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFamily {
    /// Queues in it.
    pub count: u32,
    /// It draws.
    pub graphics: bool,
    /// It computes.
    pub compute: bool,
    /// It copies.
    pub transfer: bool,
    /// Which pictures it encodes.
    pub encodes: Codecs,
    /// Which pictures it decodes.
    pub decodes: Codecs,
}

/// Kinds of video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Codecs {
    /// H.264.
    pub h264: bool,
    /// Any other.
    pub others: bool,
}

impl Codecs {
    /// Whether there is any.
    pub fn any(self) -> bool {
        self.h264 || self.others
    }
}

/// Whether a device encodes H.264.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum H264Encode {
    /// In these profiles.
    Profiles(Vec<ProfileCaps>),
    /// The driver does not offer the extension of this name.
    NoExtension(&'static str),
    /// It has the extensions, and no queue for it.
    NoQueue,
    /// It has a queue, and refuses every profile: what it says to the last.
    Refused(String),
}

/// What a device can do in one profile of H.264.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileCaps {
    /// `Baseline`, `Main` or `High`.
    pub profile: &'static str,
    /// The highest level, such as `5.2`.
    pub level: &'static str,
    /// The smallest picture, width and height in pixels.
    pub smallest: (u32, u32),
    /// The largest picture.
    pub largest: (u32, u32),
    /// Rate control: of `off`, `CBR`, `VBR`.
    pub rate_control: Vec<&'static str>,
    /// Bits per second at most.
    pub bitrate_max: u64,
    /// Quality levels to choose from.
    pub quality_levels: u32,
    /// Pictures that a P picture may refer to.
    pub references: u32,
}
