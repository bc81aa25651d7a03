//! What is to be said of a machine's GPUs: sentences, each with what to do.

use std::path::Path;

use crate::frame::Size;
use crate::gpu::{Gpu, GpuKind, H264Encode, NoVulkan, ProfileCaps, Survey};

pub(super) const NOT_BUILT_IN: &str = "it is not built in yet";

pub(super) fn openh264(has_assembly: bool) -> &'static str {
    match has_assembly {
        true => "on the CPU, with assembly",
        false => {
            "on the CPU, without assembly, three times slower than with it; install nasm and build again"
        }
    }
}

/// The first GPU whose encode engine can be used, and what is to be said of it; or why there is none.
pub(super) fn vulkan_video(
    survey: &Survey,
    size: Option<Size>,
) -> Result<(String, String), String> {
    let gpus = survey.vulkan.as_deref().unwrap_or_default();
    let mut engines = gpus.iter().filter_map(|gpu| match &gpu.h264 {
        H264Encode::Profiles(profiles) => {
            let profile = usable(gpu, profiles, size);
            Some(profile.map(|profile| (gpu.name.clone(), engine(gpu, profile))))
        }
        _ => None,
    });
    let first = engines.next().unwrap_or_else(|| Err(no_engine(survey)));
    first.or_else(|why| engines.find_map(Result::ok).ok_or(why))
}

fn engine(gpu: &Gpu, profile: &ProfileCaps) -> String {
    format!("{} encodes H.264, {} up to level {}", gpu.name, profile.profile, profile.level)
}

/// What a GPU encodes in. It takes the queues that gpu-video wants, a rate control, and the size.
fn usable<'a>(
    gpu: &Gpu,
    profiles: &'a [ProfileCaps],
    size: Option<Size>,
) -> Result<&'a ProfileCaps, String> {
    let name = &gpu.name;
    let apart = |does: fn(&crate::gpu::QueueFamily) -> bool| {
        gpu.queues.iter().any(|queue| does(queue) && !queue.graphics)
    };
    if !(apart(|queue| queue.transfer) && apart(|queue| queue.compute)) {
        return Err(format!(
            "{name} encodes H.264, and has no queues for copying and for computing apart from drawing, \
             which the back end needs"
        ));
    }
    // The back end takes the first.
    let Some(profile) = profiles.first() else {
        return Err(format!("{name} encodes H.264 in no profile"));
    };
    if !profile.rate_control.iter().any(|mode| matches!(*mode, "CBR" | "VBR")) {
        return Err(format!("{name} encodes H.264, and keeps to no bitrate"));
    }
    let (smallest, largest) = (profile.smallest, profile.largest);
    if let Some(size) = size
        && !((smallest.0..=largest.0).contains(&size.width())
            && (smallest.1..=largest.1).contains(&size.height()))
    {
        return Err(format!(
            "{name} encodes H.264 of {}x{} to {}x{}, and the pictures are {size}; choose another --size",
            smallest.0, smallest.1, largest.0, largest.1
        ));
    }
    Ok(profile)
}

/// Why no GPU has an engine.
fn no_engine(survey: &Survey) -> String {
    match &survey.vulkan {
        Err(NoVulkan::Silent(patience)) => format!(
            "the Vulkan drivers did not answer within {} s; `vulkaninfo` shows whether they ever do, \
             and `dmesg` whether a GPU hangs",
            patience.as_secs_f64()
        ),
        Err(NoVulkan::Failed(why)) => format!("Vulkan does not start: {why}"),
        Err(NoVulkan::NoLoader) if sees_none(survey) => {
            "there is no Vulkan loader, and no GPU is seen here".to_owned()
        }
        Err(NoVulkan::NoLoader) => format!(
            "there is a GPU and no Vulkan loader; install libvulkan1, and the Vulkan driver of the GPU{}",
            unreachable(survey).map(|why| format!("; and {why}")).unwrap_or_default()
        ),
        Err(NoVulkan::NoDriver) => no_hardware(survey),
        Ok(gpus) => {
            let hardware: Vec<&Gpu> =
                gpus.iter().filter(|gpu| gpu.kind != GpuKind::Software).collect();
            match hardware.as_slice() {
                [] => no_hardware(survey),
                [one] => format!("{} {}", one.name, encoding(one)),
                [first, others @ ..] => {
                    let other = if others.len() == 1 { "other GPU" } else { "others" };
                    format!(
                        "none of {} GPUs encodes H.264: {} {}, the {other} neither",
                        hardware.len(),
                        first.name,
                        encoding(first)
                    )
                }
            }
        }
    }
}

fn sees_none(survey: &Survey) -> bool {
    survey.surroundings.devices.is_empty() && survey.surroundings.nvidia.is_empty()
}

/// Why Vulkan names no device but programs on the CPU.
fn no_hardware(survey: &Survey) -> String {
    if let Some(why) = unreachable(survey) {
        return why;
    }
    if survey.surroundings.has_nvidia() {
        return "an NVIDIA GPU is here and its Vulkan driver is not; install that part of the driver \
                (on Debian nvidia-vulkan-icd), or in a container set NVIDIA_DRIVER_CAPABILITIES=all"
            .to_owned();
    }
    match survey.surroundings.devices.first() {
        Some(device) => format!(
            "no Vulkan driver knows the GPU of {}; install it (on Debian mesa-vulkan-drivers for AMD \
             and Intel)",
            device.display()
        ),
        None => "no GPU is seen here".to_owned(),
    }
}

/// Why a GPU that is here cannot be reached.
fn unreachable(survey: &Survey) -> Option<String> {
    let around = &survey.surroundings;
    if let Some(closed) = around.closed.iter().find(|closed| closed.denied) {
        return Some(format!(
            "{} may not be opened; run as a user of the group that owns it (on Debian {}), or give a \
             container the device",
            closed.path.display(),
            group(&closed.path)
        ));
    }
    if around.has_nvidia() && around.lacks_graphics() {
        return Some(format!(
            "this container was given NVIDIA_DRIVER_CAPABILITIES={} and so no Vulkan driver of NVIDIA's; \
             set it to all",
            around.capabilities.as_deref().unwrap_or_default()
        ));
    }
    let broken = around.closed.first().filter(|_| around.closed.len() == around.devices.len());
    broken.map(|closed| {
        format!(
            "nothing answers behind {}; give the container the device, or load the kernel module of \
             the GPU",
            closed.path.display()
        )
    })
}

fn group(device: &Path) -> &'static str {
    let is_nvidia = device.to_string_lossy().contains("/nvidia");
    if is_nvidia { "video" } else { "render" }
}

/// `NVIDIA L4 (NVIDIA 570.86, Vulkan 1.4.303)`.
pub(super) fn device(gpu: &Gpu) -> String {
    let (major, minor, patch) = gpu.api;
    let driver = if gpu.driver.is_empty() { "" } else { ", " };
    format!("{} ({}{driver}Vulkan {major}.{minor}.{patch})", gpu.name, gpu.driver)
}

/// What one device does, with all that it says of it.
pub(super) fn gpu(gpu: &Gpu) -> String {
    match &gpu.h264 {
        H264Encode::Profiles(profiles) => {
            let profiles: Vec<String> = profiles.iter().map(profile).collect();
            format!("encodes H.264: {}", profiles.join("; "))
        }
        _ => encoding(gpu),
    }
}

fn encoding(gpu: &Gpu) -> String {
    let decodes = gpu.queues.iter().any(|queue| queue.decodes.any());
    let encodes = gpu.queues.iter().any(|queue| queue.encodes.any());
    match &gpu.h264 {
        H264Encode::Profiles(_) => "encodes H.264".to_owned(),
        H264Encode::Refused(why) => {
            format!("has a queue that encodes H.264, and refuses to ({why})")
        }
        _ if gpu.kind == GpuKind::Software => {
            "is a program on the CPU, which encodes nothing".to_owned()
        }
        _ if encodes => "encodes other video than H.264".to_owned(),
        _ if decodes => {
            "decodes video and has no engine that encodes it (A100, H100 and H200 have none)"
                .to_owned()
        }
        H264Encode::NoQueue => {
            "has a driver that knows of H.264 and no queue that encodes it".to_owned()
        }
        H264Encode::NoExtension(name) => {
            format!("has a driver without {name}; a newer one may have it")
        }
    }
}

fn profile(caps: &ProfileCaps) -> String {
    let ProfileCaps { profile, level, smallest, largest, rate_control, .. } = caps;
    format!(
        "{profile} up to level {level}, {}x{} to {}x{}, rate control {}, {} Mbit/s, {} quality levels, \
         {} references",
        smallest.0,
        smallest.1,
        largest.0,
        largest.1,
        rate_control.join(" "),
        caps.bitrate_max / 1_000_000,
        caps.quality_levels,
        caps.references
    )
}
