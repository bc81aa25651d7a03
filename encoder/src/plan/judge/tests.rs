use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::gpu::{
    Closed, Codecs, GpuKind, H264Encode, NoVulkan, ProfileCaps, QueueFamily, Surroundings,
};

fn gpu(name: &str, kind: GpuKind, h264: H264Encode) -> Gpu {
    let queue = QueueFamily {
        count: 1,
        graphics: true,
        compute: true,
        transfer: true,
        encodes: Codecs::default(),
        decodes: Codecs::default(),
    };
    let driver = "driver 1.2".to_owned();
    Gpu { name: name.to_owned(), kind, driver, api: (1, 3, 281), queues: vec![queue], h264 }
}

fn survey(vulkan: Result<Vec<Gpu>, NoVulkan>, surroundings: Surroundings) -> Survey {
    Survey { vulkan, surroundings }
}

/// Machines as they are met, by what is special about them.
fn machines() -> Vec<(&'static str, Survey)> {
    let mut machines = without_cards();
    machines.extend(with_cards());
    machines
}

fn lavapipe() -> Gpu {
    gpu("llvmpipe", GpuKind::Software, H264Encode::NoExtension("VK_KHR_video_queue"))
}

fn with(device: &str) -> Surroundings {
    Surroundings { devices: vec![PathBuf::from(device)], ..Surroundings::default() }
}

fn without_cards() -> Vec<(&'static str, Survey)> {
    let none = Surroundings::default;
    let closed = |device: &str, denied| Surroundings {
        closed: vec![Closed { path: PathBuf::from(device), denied }],
        ..with(device)
    };
    let container =
        |given: &str| Surroundings { capabilities: Some(given.to_owned()), ..with("/dev/nvidia0") };
    let (no_loader, no_driver) = (|| Err(NoVulkan::NoLoader), || Err(NoVulkan::NoDriver));
    vec![
        ("nothing at all", survey(no_loader(), none())),
        ("no loader", survey(no_loader(), with("/dev/dri/renderD128"))),
        ("no loader, no permission", survey(no_loader(), closed("/dev/dri/renderD128", true))),
        ("a loader alone", survey(no_driver(), none())),
        ("no driver", survey(no_driver(), with("/dev/dri/renderD128"))),
        ("no permission", survey(no_driver(), closed("/dev/dri/renderD128", true))),
        ("no permission, NVIDIA", survey(no_driver(), closed("/dev/nvidia0", true))),
        ("a file and no GPU", survey(no_driver(), closed("/dev/dri/renderD128", false))),
        ("compute container", survey(no_driver(), container("compute,utility"))),
        ("NVIDIA without Vulkan", survey(no_driver(), container("all"))),
        ("a driver that hangs", survey(Err(NoVulkan::Silent(Duration::from_secs(5))), none())),
        ("Vulkan fails", survey(Err(NoVulkan::Failed("vkCreateInstance: no".to_owned())), none())),
        ("lavapipe", survey(Ok(vec![lavapipe()]), none())),
        (
            "lavapipe, no permission",
            survey(Ok(vec![lavapipe()]), closed("/dev/dri/renderD128", true)),
        ),
        ("lavapipe in a compute container", survey(Ok(vec![lavapipe()]), container("compute"))),
    ]
}

fn with_cards() -> Vec<(&'static str, Survey)> {
    let none = Surroundings::default;
    let no_extension = || H264Encode::NoExtension("VK_KHR_video_encode_queue");
    let mut h200 = gpu("NVIDIA H200", GpuKind::Discrete, no_extension());
    h200.queues[0].decodes.h264 = true;
    let old = gpu("AMD RX 580", GpuKind::Discrete, no_extension());
    let mut av1 = gpu("New card", GpuKind::Discrete, H264Encode::NoQueue);
    av1.queues[0].encodes.others = true;
    let no_queue = gpu("Odd card", GpuKind::Integrated, H264Encode::NoQueue);
    let refuses = gpu("Shy card", GpuKind::Discrete, H264Encode::Refused("High: no".to_owned()));
    let main = ProfileCaps {
        profile: "Main",
        level: "5.2",
        smallest: (160, 64),
        largest: (4_096, 4_096),
        rate_control: vec!["off", "CBR", "VBR"],
        bitrate_max: 800_000_000,
        quality_levels: 7,
        references: 3,
    };
    let mut l4 = gpu("NVIDIA L4", GpuKind::Discrete, H264Encode::Profiles(vec![main.clone()]));
    let one_queue = l4.clone();
    let apart = QueueFamily { graphics: false, ..l4.queues[0] };
    l4.queues.push(apart);
    let off = ProfileCaps { rate_control: vec!["off"], ..main.clone() };
    let no_rate = Gpu { h264: H264Encode::Profiles(vec![off]), ..l4.clone() };
    let small = ProfileCaps { largest: (1_280, 720), ..main };
    let small =
        Gpu { h264: H264Encode::Profiles(vec![small]), name: "Old card".into(), ..l4.clone() };
    vec![
        ("H200", survey(Ok(vec![h200.clone(), lavapipe()]), with("/dev/nvidia0"))),
        ("two H200", survey(Ok(vec![h200.clone(), h200.clone()]), with("/dev/nvidia0"))),
        ("an old card", survey(Ok(vec![old]), none())),
        ("one that encodes AV1", survey(Ok(vec![av1]), none())),
        ("no queue", survey(Ok(vec![no_queue]), none())),
        ("one that refuses", survey(Ok(vec![refuses]), none())),
        ("one queue for all", survey(Ok(vec![one_queue]), none())),
        ("no rate control", survey(Ok(vec![no_rate]), none())),
        ("pictures too large", survey(Ok(vec![small.clone()]), none())),
        ("two cards, one of use", survey(Ok(vec![small, l4.clone()]), none())),
        ("L4 beside H200", survey(Ok(vec![h200, l4]), with("/dev/nvidia0"))),
    ]
}

fn plan(survey: &Survey, has_assembly: bool, choice: EncoderChoice) -> EncoderPlan {
    EncoderPlan::of(survey, has_assembly, choice, Some(Size::new(1920, 1080).unwrap()))
}

#[test]
fn every_machine_has_its_sentence() {
    let mut table = String::new();
    for (name, survey) in machines() {
        let plan = plan(&survey, true, EncoderChoice::Auto);
        let chosen = plan.chosen.as_ref().unwrap();
        let has_engine = *chosen == BackEnd::VulkanVideo;
        assert_eq!(plan.encodes_on.is_some(), has_engine, "{name}");
        assert_eq!(plan.next, if has_engine { vec![BackEnd::OpenH264] } else { vec![] }, "{name}");
        table += &format!("{name}: {}\n    {}\n", chosen.name(), plan.outlooks[0].why);
    }

    assert_eq!(table, include_str!("machines.txt"), "{table}");
}

#[test]
fn the_lines_say_what_is_used_and_what_each_device_does() {
    let (_, survey) = machines().pop().unwrap();
    let auto = plan(&survey, false, EncoderChoice::Auto);

    assert_eq!(auto.lines().join("\n"), include_str!("lines.txt").trim_end());
    assert_eq!(auto.why_no_gpu(), "preferred to the CPU");
    let named = plan(&survey, true, EncoderChoice::OpenH264);
    assert_eq!(named.lines().last().unwrap(), "openh264        used: on the CPU, with assembly");
    assert!(named.lines()[0].starts_with("vulkan-video    could be: "), "{:?}", named.lines());
    assert_eq!(named.next, [], "no GPU takes over where the CPU was asked for");
}

#[test]
fn without_a_size_the_engine_is_taken_to_fit() {
    let machines = machines();
    let (_, survey) = machines.iter().find(|(name, _)| *name == "pictures too large").unwrap();
    let plan = EncoderPlan::of(survey, true, EncoderChoice::Auto, None);
    assert_eq!(
        (plan.chosen, plan.encodes_on.as_deref()),
        (Ok(BackEnd::VulkanVideo), Some("Old card"))
    );
}

#[test]
fn what_cannot_be_used_is_refused_by_name_with_its_reason() {
    let (_, survey) = machines().swap_remove(0);
    let plan = |choice| plan(&survey, true, choice);

    assert_eq!(
        plan(EncoderChoice::VulkanVideo).chosen.unwrap_err(),
        "--encoder vulkan-video cannot be used: there is no Vulkan loader, and no GPU is seen here; use \
         --encoder auto or openh264"
    );
    let plan = plan(EncoderChoice::VulkanCompute);
    let refused = plan.chosen.as_ref().unwrap_err();
    assert!(refused.starts_with("--encoder vulkan-compute cannot be used: it is not built in yet"));
    assert!(plan.lines()[2].starts_with("openh264        could be: "), "{:?}", plan.lines());
}

/// docs/gpus.md tells people what the program says.
#[test]
fn the_page_on_gpus_quotes_what_is_said() {
    let page = include_str!("../../../../docs/gpus.md");
    let (_, page) = page.split_once("## What the program says").unwrap();
    let (table, _) = page.split_once("\n\nAn engine").unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let sentence = cell.trim_matches('`');
        let said = include_str!("machines.txt").lines().any(|line| line.trim() == sentence);
        assert!(said, "nobody says: {sentence}");
    }
}
