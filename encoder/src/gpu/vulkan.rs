//! Asking the Vulkan loader: the binding. Each `unsafe` block is one call whose arguments outlive it.

use std::ffi::CStr;

use ash::khr::{video_encode_h264, video_encode_queue, video_maintenance1, video_queue};
use ash::vk::native::{
    StdVideoH264ProfileIdc, StdVideoH264ProfileIdc_STD_VIDEO_H264_PROFILE_IDC_BASELINE as BASELINE,
    StdVideoH264ProfileIdc_STD_VIDEO_H264_PROFILE_IDC_HIGH as HIGH,
    StdVideoH264ProfileIdc_STD_VIDEO_H264_PROFILE_IDC_MAIN as MAIN,
};
use ash::{Entry, Instance, LoadingError, vk};

use super::facts::{Codecs, Gpu, GpuKind, H264Encode, NoVulkan, ProfileCaps, QueueFamily};
use super::level;

/// What encodes H.264 needs the first three (Vulkan 1.3.281, appendix), and gpu-video the last.
const EXTENSIONS: [&CStr; 4] = [
    video_queue::NAME,
    video_encode_queue::NAME,
    video_encode_h264::NAME,
    video_maintenance1::NAME,
];
const PROFILES: [(&str, StdVideoH264ProfileIdc); 3] =
    [("Baseline", BASELINE), ("Main", MAIN), ("High", HIGH)];
const DECODES_H264: vk::VideoCodecOperationFlagsKHR = vk::VideoCodecOperationFlagsKHR::DECODE_H264;
const ENCODES_H264: vk::VideoCodecOperationFlagsKHR = vk::VideoCodecOperationFlagsKHR::ENCODE_H264;
/// VK_KHR_video_decode_* take the low 16 bits, VK_KHR_video_encode_* those above.
const ENCODES: u32 = 0xFFFF_0000;

/// Asks the system's loader.
pub(super) fn ask_loader() -> Result<Vec<Gpu>, NoVulkan> {
    // SAFETY: the loader is the system's, and initialises itself as it is meant to.
    match unsafe { Entry::load() } {
        Ok(entry) => ask(&entry),
        Err(LoadingError::LibraryLoadFailure(_)) => Err(NoVulkan::NoLoader),
        Err(LoadingError::MissingEntryPoint(error)) => Err(NoVulkan::Failed(error.to_string())),
    }
}

/// Asks this loader.
pub(super) fn ask(entry: &Entry) -> Result<Vec<Gpu>, NoVulkan> {
    // SAFETY: nothing is passed.
    let version = unsafe { entry.try_enumerate_instance_version() };
    let version = version.ok().flatten().unwrap_or(vk::API_VERSION_1_0);
    if version < vk::API_VERSION_1_1 {
        return Err(NoVulkan::Failed("the loader is older than Vulkan 1.1".to_owned()));
    }
    let application = vk::ApplicationInfo::default()
        .application_name(c"pinhole")
        .api_version(version.min(vk::API_VERSION_1_3));
    let create = vk::InstanceCreateInfo::default().application_info(&application);
    // SAFETY: `create` and what it points to live until the call returns.
    let instance = match unsafe { entry.create_instance(&create, None) } {
        Ok(instance) => Owned(instance),
        Err(vk::Result::ERROR_INCOMPATIBLE_DRIVER) => return Err(NoVulkan::NoDriver),
        Err(error) => return Err(NoVulkan::Failed(format!("vkCreateInstance: {error}"))),
    };
    // SAFETY: the instance lives.
    let devices = unsafe { instance.0.enumerate_physical_devices() };
    let devices = devices
        .map_err(|error| NoVulkan::Failed(format!("vkEnumeratePhysicalDevices: {error}")))?;
    if devices.is_empty() {
        return Err(NoVulkan::NoDriver);
    }
    let video = video_queue::Instance::new(entry, &instance.0);
    Ok(devices.into_iter().map(|device| gpu(&instance.0, &video, device)).collect())
}

/// An instance that is destroyed.
struct Owned(Instance);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: nothing made from it is left.
        unsafe { self.0.destroy_instance(None) };
    }
}

fn gpu(instance: &Instance, video: &video_queue::Instance, device: vk::PhysicalDevice) -> Gpu {
    let mut driver = vk::PhysicalDeviceDriverProperties::default();
    let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
    // SAFETY: what does not know the driver's properties, below Vulkan 1.2, leaves them as they are.
    unsafe { instance.get_physical_device_properties2(device, &mut properties) };
    let basic = properties.properties;
    // SAFETY: the device is the instance's.
    let offered = unsafe { instance.enumerate_device_extension_properties(device) };
    let offered = offered.unwrap_or_default();
    let offers = |name: &CStr| offered.iter().any(|it| it.extension_name_as_c_str() == Ok(name));
    let queues = queues(instance, device, offers(video_queue::NAME));
    let h264 = match EXTENSIONS.into_iter().find(|name| !offers(name)) {
        Some(name) => H264Encode::NoExtension(name.to_str().unwrap_or_default()),
        None if !queues.iter().any(|queue| queue.encodes.h264) => H264Encode::NoQueue,
        None => profiles(video, device),
    };
    let text = |text: Result<&CStr, _>| {
        text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let (named, info) = (text(driver.driver_name_as_c_str()), text(driver.driver_info_as_c_str()));
    let version = basic.api_version;
    Gpu {
        name: text(basic.device_name_as_c_str()),
        kind: match basic.device_type {
            vk::PhysicalDeviceType::DISCRETE_GPU => GpuKind::Discrete,
            vk::PhysicalDeviceType::INTEGRATED_GPU => GpuKind::Integrated,
            vk::PhysicalDeviceType::VIRTUAL_GPU => GpuKind::Virtual,
            vk::PhysicalDeviceType::CPU => GpuKind::Software,
            _ => GpuKind::Other,
        },
        driver: format!("{named} {info}").trim().to_owned(),
        api: (
            vk::api_version_major(version),
            vk::api_version_minor(version),
            vk::api_version_patch(version),
        ),
        queues,
        h264,
    }
}

fn queues(instance: &Instance, device: vk::PhysicalDevice, has_video: bool) -> Vec<QueueFamily> {
    // SAFETY: the device is the instance's.
    let count = unsafe { instance.get_physical_device_queue_family_properties2_len(device) };
    let mut video = vec![vk::QueueFamilyVideoPropertiesKHR::default(); count];
    let mut families: Vec<_> = video
        .iter_mut()
        .map(|video| {
            let family = vk::QueueFamilyProperties2::default();
            if has_video { family.push_next(video) } else { family }
        })
        .collect();
    // SAFETY: as many as it said, each with room for its video properties.
    unsafe { instance.get_physical_device_queue_family_properties2(device, &mut families) };
    let families: Vec<_> = families.into_iter().map(|it| it.queue_family_properties).collect();
    let told = families.into_iter().zip(video);
    told.map(|(family, video)| queue(&family, video.video_codec_operations)).collect()
}

fn queue(
    family: &vk::QueueFamilyProperties,
    video: vk::VideoCodecOperationFlagsKHR,
) -> QueueFamily {
    let has = |flag| family.queue_flags.contains(flag);
    let others =
        |of: u32, h264: vk::VideoCodecOperationFlagsKHR| (video & !h264).as_raw() & of != 0;
    QueueFamily {
        count: family.queue_count,
        graphics: has(vk::QueueFlags::GRAPHICS),
        compute: has(vk::QueueFlags::COMPUTE),
        transfer: has(vk::QueueFlags::TRANSFER),
        encodes: Codecs {
            h264: video.contains(ENCODES_H264),
            others: others(ENCODES, ENCODES_H264),
        },
        decodes: Codecs {
            h264: video.contains(DECODES_H264),
            others: others(!ENCODES, DECODES_H264),
        },
    }
}

fn profiles(video: &video_queue::Instance, device: vk::PhysicalDevice) -> H264Encode {
    let mut refused = String::new();
    let mut profiles = Vec::new();
    for (name, number) in PROFILES {
        match capabilities(video, device, name, number) {
            Ok(caps) => profiles.push(caps),
            Err(error) => refused = format!("{name}: {error}"),
        }
    }
    if profiles.is_empty() { H264Encode::Refused(refused) } else { H264Encode::Profiles(profiles) }
}

fn capabilities(
    video: &video_queue::Instance,
    device: vk::PhysicalDevice,
    profile: &'static str,
    number: StdVideoH264ProfileIdc,
) -> Result<ProfileCaps, vk::Result> {
    let mut h264_profile = vk::VideoEncodeH264ProfileInfoKHR::default().std_profile_idc(number);
    let info = vk::VideoProfileInfoKHR::default()
        .video_codec_operation(ENCODES_H264)
        .chroma_subsampling(vk::VideoChromaSubsamplingFlagsKHR::TYPE_420)
        .luma_bit_depth(vk::VideoComponentBitDepthFlagsKHR::TYPE_8)
        .chroma_bit_depth(vk::VideoComponentBitDepthFlagsKHR::TYPE_8)
        .push_next(&mut h264_profile);
    let mut h264 = vk::VideoEncodeH264CapabilitiesKHR::default();
    let mut encode = vk::VideoEncodeCapabilitiesKHR::default();
    let mut caps = vk::VideoCapabilitiesKHR::default().push_next(&mut encode).push_next(&mut h264);
    let ask = video.fp().get_physical_device_video_capabilities_khr;
    // SAFETY: the device has the extension that the function is of; both chains live until it returns.
    unsafe { ask(device, &raw const info, &raw mut caps) }.result()?;
    let (smallest, largest) = (caps.min_coded_extent, caps.max_coded_extent);
    let modes = [
        ("off", vk::VideoEncodeRateControlModeFlagsKHR::DISABLED),
        ("CBR", vk::VideoEncodeRateControlModeFlagsKHR::CBR),
        ("VBR", vk::VideoEncodeRateControlModeFlagsKHR::VBR),
    ];
    let modes = modes.into_iter().filter(|(_, flag)| encode.rate_control_modes.contains(*flag));
    Ok(ProfileCaps {
        profile,
        level: level::name(h264.max_level_idc),
        smallest: (smallest.width, smallest.height),
        largest: (largest.width, largest.height),
        rate_control: modes.map(|(name, _)| name).collect(),
        bitrate_max: encode.max_bitrate,
        quality_levels: encode.max_quality_levels,
        references: h264.max_p_picture_l0_reference_count,
    })
}
