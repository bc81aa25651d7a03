//! `pinhole encoders`: which encoders there are here, which is used, and why not another; as lines or JSON.

use pinhole_encoder::gpu::{Codecs, Gpu, GpuKind, H264Encode, ProfileCaps, QueueFamily};
use pinhole_encoder::{EncoderChoice, EncoderPlan};
use serde_json::{Value, json};

/// What `pinhole encoders` is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodersSettings {
    /// Which is asked for.
    pub encoder: EncoderChoice,
    /// JSON instead of lines.
    pub json: bool,
}

/// What is printed, and whether what was asked for can be used.
#[must_use]
pub fn run(settings: EncodersSettings) -> (String, bool) {
    let plan = EncoderPlan::here(settings.encoder);
    let text = match settings.json {
        true => format!("{:#}\n", to_json(&plan)),
        false => {
            let mut lines = plan.lines();
            lines.extend(plan.chosen.as_ref().err().cloned());
            lines.join("\n") + "\n"
        }
    };
    (text, plan.chosen.is_ok())
}

fn to_json(plan: &EncoderPlan) -> Value {
    let back_ends = plan.outlooks.iter().map(|outlook| {
        json!({
            "name": outlook.back_end.name(),
            "usable": outlook.usable,
            "why": outlook.why,
        })
    });
    json!({
        "chosen": plan.chosen.as_ref().ok().map(|back_end| back_end.name()),
        "refused": plan.chosen.as_ref().err(),
        "next": plan.next.iter().map(|back_end| back_end.name()).collect::<Vec<_>>(),
        "encodes_on": plan.encodes_on,
        "encoders": back_ends.collect::<Vec<_>>(),
        "gpus": plan.gpus.iter().map(|(gpu, says)| device(gpu, says)).collect::<Vec<_>>(),
    })
}

fn device(gpu: &Gpu, says: &str) -> Value {
    let (major, minor, patch) = gpu.api;
    json!({
        "name": gpu.name,
        "kind": match gpu.kind {
            GpuKind::Discrete => "discrete",
            GpuKind::Integrated => "integrated",
            GpuKind::Virtual => "virtual",
            GpuKind::Software => "software",
            GpuKind::Other => "other",
        },
        "driver": gpu.driver,
        "vulkan": format!("{major}.{minor}.{patch}"),
        "queues": gpu.queues.iter().map(queue).collect::<Vec<_>>(),
        "h264": match &gpu.h264 {
            H264Encode::Profiles(profiles) => profiles.iter().map(profile).collect::<Vec<_>>(),
            H264Encode::NoExtension(_) | H264Encode::NoQueue | H264Encode::Refused(_) => Vec::new(),
        },
        "says": says,
    })
}

fn queue(queue: &QueueFamily) -> Value {
    let codecs = |codecs: Codecs| match (codecs.h264, codecs.others) {
        (true, true) => "h264 and others",
        (true, false) => "h264",
        (false, true) => "others",
        (false, false) => "none",
    };
    json!({
        "count": queue.count,
        "graphics": queue.graphics,
        "compute": queue.compute,
        "transfer": queue.transfer,
        "encodes": codecs(queue.encodes),
        "decodes": codecs(queue.decodes),
    })
}

fn profile(caps: &ProfileCaps) -> Value {
    json!({
        "profile": caps.profile,
        "level": caps.level,
        "smallest": caps.smallest,
        "largest": caps.largest,
        "rate_control": caps.rate_control,
        "bits_per_second_max": caps.bitrate_max,
        "quality_levels": caps.quality_levels,
        "references": caps.references,
    })
}
