//! A Vulkan loader inside the process: the functions that a survey calls, and machines that answer them. The
//! machine is the thread's, so that tests do not meet.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::mem::transmute;

use ash::vk::{self, Handle, PFN_vkVoidFunction, Result as VkResult};
use ash::{Entry, StaticFn};

use super::facts::{Codecs, Gpu, GpuKind, H264Encode, NoVulkan, QueueFamily};
use super::vulkan::ask;

/// What stands behind the loader.
#[derive(Clone, Copy)]
struct Machine {
    /// What vkCreateInstance says.
    instance: VkResult,
    devices: u32,
    kind: vk::PhysicalDeviceType,
    extensions: &'static [&'static CStr],
    /// Of the queue family beside the first, which draws, computes and copies.
    second_queue: Option<vk::VideoCodecOperationFlagsKHR>,
    /// What it says to a question for a profile.
    capabilities: VkResult,
}

const DECODES: &[&CStr] = &[c"VK_KHR_video_queue", c"VK_KHR_video_decode_queue"];
const ENCODES: &[&CStr] = &[
    c"VK_KHR_video_queue",
    c"VK_KHR_video_encode_queue",
    c"VK_KHR_video_encode_h264",
    c"VK_KHR_video_maintenance1",
];
const NOTHING: Machine = Machine {
    instance: VkResult::SUCCESS,
    devices: 0,
    kind: vk::PhysicalDeviceType::DISCRETE_GPU,
    extensions: &[],
    second_queue: None,
    capabilities: VkResult::SUCCESS,
};

thread_local! {
    static MACHINE: Cell<Machine> = const { Cell::new(NOTHING) };
}

fn found(machine: Machine) -> Result<Vec<Gpu>, NoVulkan> {
    MACHINE.set(machine);
    // SAFETY: the table answers all that a survey asks.
    ask(&unsafe { Entry::from_static_fn(StaticFn { get_instance_proc_addr }) })
}

fn only(machine: Machine) -> Gpu {
    let mut gpus = found(machine).unwrap();
    assert_eq!(gpus.len(), 1);
    gpus.remove(0)
}

#[test]
fn a_loader_without_a_driver_is_told_from_one_that_fails() {
    assert_eq!(found(NOTHING), Err(NoVulkan::NoDriver));
    let instance = VkResult::ERROR_INCOMPATIBLE_DRIVER;
    assert_eq!(found(Machine { instance, ..NOTHING }), Err(NoVulkan::NoDriver));
    let instance = VkResult::ERROR_INITIALIZATION_FAILED;
    let Err(NoVulkan::Failed(why)) = found(Machine { instance, ..NOTHING }) else { panic!() };
    assert!(why.starts_with("vkCreateInstance: "), "{why}");
}

#[test]
fn a_driver_on_the_cpu_has_no_extension() {
    let gpu = only(Machine { devices: 1, kind: vk::PhysicalDeviceType::CPU, ..NOTHING });

    assert_eq!((gpu.name.as_str(), gpu.driver.as_str()), ("fake GPU", "fake driver 1.2.3"));
    assert_eq!((gpu.kind, gpu.api), (GpuKind::Software, (1, 3, 281)));
    assert_eq!(gpu.h264, H264Encode::NoExtension("VK_KHR_video_queue"));
    let none = Codecs::default();
    let queue = QueueFamily {
        count: 16,
        graphics: true,
        compute: true,
        transfer: true,
        encodes: none,
        decodes: none,
    };
    assert_eq!(gpu.queues, [queue]);
}

#[test]
fn a_card_that_only_decodes_is_known_by_its_queues() {
    let second_queue = Some(vk::VideoCodecOperationFlagsKHR::DECODE_H264);
    let gpu = only(Machine { devices: 1, extensions: DECODES, second_queue, ..NOTHING });

    assert_eq!(gpu.h264, H264Encode::NoExtension("VK_KHR_video_encode_queue"));
    assert_eq!(gpu.queues[1].decodes, Codecs { h264: true, others: false });
    assert!(!gpu.queues[1].encodes.any() && !gpu.queues[1].graphics);

    // Extensions alone are no engine.
    let gpu = only(Machine { devices: 1, extensions: ENCODES, second_queue, ..NOTHING });
    assert_eq!(gpu.h264, H264Encode::NoQueue);
}

#[test]
fn a_card_that_encodes_says_what_it_can() {
    let second_queue = Some(vk::VideoCodecOperationFlagsKHR::ENCODE_H264);
    let machine = Machine { devices: 2, extensions: ENCODES, second_queue, ..NOTHING };
    let gpus = found(machine).unwrap();

    assert_eq!(gpus.len(), 2);
    let H264Encode::Profiles(profiles) = &gpus[1].h264 else { panic!("{:?}", gpus[1].h264) };
    let names: Vec<_> = profiles.iter().map(|it| (it.profile, it.level)).collect();
    assert_eq!(names, [("Main", "5.1"), ("High", "5.1")], "it refuses Baseline");
    let main = &profiles[0];
    assert_eq!((main.smallest, main.largest), ((144, 128), (4_096, 2_176)));
    assert_eq!((main.rate_control.as_slice(), main.quality_levels), (&["off", "CBR"][..], 4));
    assert_eq!((main.bitrate_max, main.references), (120_000_000, 3));

    let capabilities = VkResult::ERROR_INITIALIZATION_FAILED;
    let gpu = only(Machine { devices: 1, capabilities, ..machine });
    assert!(matches!(gpu.h264, H264Encode::Refused(_)), "{:?}", gpu.h264);

    let gpu = only(Machine { devices: 1, extensions: &ENCODES[..3], ..machine });
    assert_eq!(gpu.h264, H264Encode::NoExtension("VK_KHR_video_maintenance1"));
}

/// # Safety
/// As vkGetInstanceProcAddr: `name` ends with a zero.
unsafe extern "system" fn get_instance_proc_addr(
    _: vk::Instance,
    name: *const c_char,
) -> PFN_vkVoidFunction {
    // SAFETY: ash asks by names that end with a zero.
    let name = unsafe { CStr::from_ptr(name) };
    let function: *const c_void = match name.to_bytes() {
        b"vkEnumerateInstanceVersion" => version as *const c_void,
        b"vkCreateInstance" => create as *const c_void,
        b"vkDestroyInstance" => destroy as *const c_void,
        b"vkEnumeratePhysicalDevices" => devices as *const c_void,
        b"vkGetPhysicalDeviceProperties2" => properties as *const c_void,
        b"vkEnumerateDeviceExtensionProperties" => extensions as *const c_void,
        b"vkGetPhysicalDeviceQueueFamilyProperties2" => queues as *const c_void,
        b"vkGetPhysicalDeviceVideoCapabilitiesKHR" => capabilities as *const c_void,
        _ => return None,
    };
    // SAFETY: a pointer to a function, for whoever knows its type by its name.
    Some(unsafe { transmute::<*const c_void, unsafe extern "system" fn()>(function) })
}

extern "system" fn version(out: &mut u32) -> VkResult {
    *out = vk::make_api_version(0, 1, 3, 281);
    VkResult::SUCCESS
}

extern "system" fn create(_: *const c_void, _: *const c_void, out: &mut vk::Instance) -> VkResult {
    *out = vk::Instance::from_raw(1);
    MACHINE.get().instance
}

extern "system" fn destroy(_: vk::Instance, _: *const c_void) {}

/// Gives what there is in the two calls that Vulkan wants.
///
/// # Safety
/// `out` is null or has room for `count`.
unsafe fn give<T: Copy>(all: &[T], count: &mut u32, out: *mut T) -> VkResult {
    if !out.is_null() {
        for (at, it) in all.iter().enumerate().take(*count as usize) {
            // SAFETY: within the room.
            unsafe { out.add(at).write(*it) };
        }
    }
    *count = all.len() as u32;
    VkResult::SUCCESS
}

unsafe extern "system" fn devices(
    _: vk::Instance,
    count: &mut u32,
    out: *mut vk::PhysicalDevice,
) -> VkResult {
    let all: Vec<_> = (1..=MACHINE.get().devices).map(u64::from).collect();
    let all: Vec<_> = all.into_iter().map(vk::PhysicalDevice::from_raw).collect();
    // SAFETY: the caller's room.
    unsafe { give(&all, count, out) }
}

fn put(text: &CStr, out: &mut [c_char]) {
    for (to, from) in out.iter_mut().zip(text.to_bytes_with_nul()) {
        *to = *from as c_char;
    }
}

unsafe extern "system" fn properties(
    _: vk::PhysicalDevice,
    out: &mut vk::PhysicalDeviceProperties2<'_>,
) {
    out.properties.device_type = MACHINE.get().kind;
    out.properties.api_version = vk::make_api_version(0, 1, 3, 281);
    put(c"fake GPU", &mut out.properties.device_name);
    // SAFETY: a survey asks for the driver's properties, and for nothing else.
    let driver = unsafe { &mut *out.p_next.cast::<vk::PhysicalDeviceDriverProperties<'_>>() };
    put(c"fake driver", &mut driver.driver_name);
    put(c"1.2.3", &mut driver.driver_info);
}

unsafe extern "system" fn extensions(
    _: vk::PhysicalDevice,
    _: *const c_char,
    count: &mut u32,
    out: *mut vk::ExtensionProperties,
) -> VkResult {
    let named = MACHINE.get().extensions.iter().map(|name| {
        let mut extension = vk::ExtensionProperties::default();
        put(name, &mut extension.extension_name);
        extension
    });
    // SAFETY: the caller's room.
    unsafe { give(&named.collect::<Vec<_>>(), count, out) }
}

unsafe extern "system" fn queues(
    _: vk::PhysicalDevice,
    count: &mut u32,
    out: *mut vk::QueueFamilyProperties2<'_>,
) {
    let machine = MACHINE.get();
    *count = 1 + u32::from(machine.second_queue.is_some());
    if out.is_null() {
        return;
    }
    // SAFETY: the caller has room for as many as it was told.
    let families = unsafe { std::slice::from_raw_parts_mut(out, *count as usize) };
    families[0].queue_family_properties.queue_count = 16;
    families[0].queue_family_properties.queue_flags =
        vk::QueueFlags::GRAPHICS | vk::QueueFlags::COMPUTE | vk::QueueFlags::TRANSFER;
    if let (Some(codecs), Some(family)) = (machine.second_queue, families.get_mut(1)) {
        family.queue_family_properties.queue_count = 1;
        // SAFETY: where there is VK_KHR_video_queue, a survey asks for this, and for nothing else.
        let video = unsafe { &mut *family.p_next.cast::<vk::QueueFamilyVideoPropertiesKHR<'_>>() };
        video.video_codec_operations = codecs;
    }
}

unsafe extern "system" fn capabilities(
    _: vk::PhysicalDevice,
    profile: &vk::VideoProfileInfoKHR<'_>,
    out: &mut vk::VideoCapabilitiesKHR<'_>,
) -> VkResult {
    // SAFETY: the profile of H.264 follows that of video.
    let h264 = unsafe { &*profile.p_next.cast::<vk::VideoEncodeH264ProfileInfoKHR<'_>>() };
    if h264.std_profile_idc == 66 {
        return VkResult::ERROR_VIDEO_PROFILE_CODEC_NOT_SUPPORTED_KHR;
    }
    (out.min_coded_extent, out.max_coded_extent) =
        (vk::Extent2D { width: 144, height: 128 }, vk::Extent2D { width: 4_096, height: 2_176 });
    let mut next = out.p_next.cast::<vk::BaseOutStructure<'_>>();
    while !next.is_null() {
        // SAFETY: each of the chain begins with its type and the next.
        let (kind, after) = unsafe { ((*next).s_type, (*next).p_next) };
        if kind == vk::StructureType::VIDEO_ENCODE_CAPABILITIES_KHR {
            // SAFETY: it says so itself.
            let encode = unsafe { &mut *next.cast::<vk::VideoEncodeCapabilitiesKHR<'_>>() };
            encode.max_bitrate = 120_000_000;
            encode.max_quality_levels = 4;
            encode.rate_control_modes = vk::VideoEncodeRateControlModeFlagsKHR::DISABLED
                | vk::VideoEncodeRateControlModeFlagsKHR::CBR;
        } else if kind == vk::StructureType::VIDEO_ENCODE_H264_CAPABILITIES_KHR {
            // SAFETY: it says so itself.
            let h264 = unsafe { &mut *next.cast::<vk::VideoEncodeH264CapabilitiesKHR<'_>>() };
            h264.max_level_idc = 14;
            h264.max_p_picture_l0_reference_count = 3;
        }
        next = after;
    }
    MACHINE.get().capabilities
}
