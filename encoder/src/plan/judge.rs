//! From what was found to what is used: the rules.

use super::words;
use crate::config::EncoderChoice;
use crate::frame::Size;
use crate::gpu::{Gpu, Survey};

/// What can make H.264 of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackEnd {
    /// The encode engine of a GPU, through Vulkan Video.
    VulkanVideo,
    /// The shaders of a GPU, through Vulkan compute.
    VulkanCompute,
    /// The CPU.
    OpenH264,
}

impl BackEnd {
    /// All of them, the one that is preferred first.
    pub const ALL: [BackEnd; 3] = [BackEnd::VulkanVideo, BackEnd::VulkanCompute, BackEnd::OpenH264];

    /// As `--encoder` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            BackEnd::VulkanVideo => "vulkan-video",
            BackEnd::VulkanCompute => "vulkan-compute",
            BackEnd::OpenH264 => "openh264",
        }
    }

    pub(super) fn unusable(self, why: &str) -> String {
        format!("--encoder {} cannot be used: {why}; use --encoder auto or openh264", self.name())
    }
}

/// What is to be said of one back end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// Which.
    pub back_end: BackEnd,
    /// Whether it can be used.
    pub usable: bool,
    /// Why, or why not: a sentence without a full stop.
    pub why: String,
}

/// What is used of what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderPlan {
    /// The devices, and a sentence on each: whether it encodes H.264.
    pub gpus: Vec<(Gpu, String)>,
    /// Of every back end, in the order in which they are preferred.
    pub outlooks: Vec<Outlook>,
    /// What is used; or what to say where that was asked for by name and cannot be.
    pub chosen: Result<BackEnd, String>,
    /// What takes over where that hangs or fails, one after the other.
    pub next: Vec<BackEnd>,
    /// The device on which [`BackEnd::VulkanVideo`] encodes, if one can.
    pub encodes_on: Option<String>,
}

impl EncoderPlan {
    /// What follows for `choice`. `has_assembly`: the encoder on the CPU was built with `nasm`. `size`: of
    /// the pictures, where it is known.
    #[must_use]
    pub fn of(
        survey: &Survey,
        has_assembly: bool,
        choice: EncoderChoice,
        size: Option<Size>,
    ) -> EncoderPlan {
        let gpus = survey.vulkan.as_deref().unwrap_or_default();
        let engine = words::vulkan_video(survey, size);
        let outlooks: Vec<Outlook> = BackEnd::ALL
            .into_iter()
            .map(|back_end| {
                let (usable, why) = match back_end {
                    BackEnd::VulkanVideo => match &engine {
                        Ok((_, why)) => (true, why.clone()),
                        Err(why) => (false, why.clone()),
                    },
                    BackEnd::VulkanCompute => (false, words::NOT_BUILT_IN.to_owned()),
                    BackEnd::OpenH264 => (true, words::openh264(has_assembly).to_owned()),
                };
                Outlook { back_end, usable, why }
            })
            .collect();
        let named = match choice {
            EncoderChoice::Auto => None,
            EncoderChoice::OpenH264 => Some(BackEnd::OpenH264),
            EncoderChoice::VulkanVideo => Some(BackEnd::VulkanVideo),
            EncoderChoice::VulkanCompute => Some(BackEnd::VulkanCompute),
        };
        let mut wanted = outlooks.iter().filter(|it| named.is_none_or(|name| it.back_end == name));
        let first = wanted.clone().next();
        let chosen = match wanted.find(|it| it.usable) {
            Some(outlook) => Ok(outlook.back_end),
            None => Err(first.map_or_else(String::new, |it| it.back_end.unusable(&it.why))),
        };
        let mut next = Vec::new();
        if let Ok(chosen) = chosen {
            let others = outlooks.iter().filter(|it| it.usable).map(|it| it.back_end);
            // Whoever asks for the CPU wants no GPU.
            next.extend(others.skip_while(|it| *it != chosen).skip(1));
        }
        EncoderPlan {
            gpus: gpus.iter().map(|gpu| (gpu.clone(), words::gpu(gpu))).collect(),
            outlooks,
            chosen,
            next,
            encodes_on: engine.ok().map(|(name, _)| name),
        }
    }

    /// What is used, and how it is there: a sentence without a full stop.
    #[must_use]
    pub fn used(&self) -> Option<&Outlook> {
        let chosen = self.chosen.as_ref().ok()?;
        self.outlooks.iter().find(|outlook| outlook.back_end == *chosen)
    }

    /// Why it is no GPU that encodes, or else that it is one.
    #[must_use]
    pub fn why_no_gpu(&self) -> &str {
        if self.chosen == Ok(BackEnd::VulkanVideo) {
            return "preferred to the CPU";
        }
        self.outlooks.first().map_or("", |outlook| outlook.why.as_str())
    }

    /// A line for each device: what it is and what it does.
    pub fn devices(&self) -> impl Iterator<Item = String> {
        self.gpus.iter().map(|(gpu, says)| format!("{}: {says}", words::device(gpu)))
    }

    /// All of it for people: a line for each back end, and below it the devices.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let chosen = self.chosen.as_ref().ok();
        let mut lines = Vec::new();
        for Outlook { back_end, usable, why } in &self.outlooks {
            let mark = match (usable, chosen == Some(back_end)) {
                (_, true) => "used",
                (true, false) => "could be",
                (false, _) => "no",
            };
            lines.push(format!("{:<14}  {mark}: {why}", back_end.name()));
            if *back_end == BackEnd::VulkanVideo {
                lines.extend(self.devices().map(|line| format!("  {line}")));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests;
