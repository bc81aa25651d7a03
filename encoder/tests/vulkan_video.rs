//! The Vulkan Video back end where no GPU encodes: it says so, at once, and the CPU encodes instead. Each case
//! is a process of its own, because a loader reads its environment once.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{config, settings};
use pinhole_encoder::{EncoderChoice, SourceKind, Stream, StreamConfig, VulkanVideo};

/// Where Debian and others put the driver that computes on the CPU.
const LAVAPIPE: [&str; 2] =
    ["/usr/share/vulkan/icd.d/lvp_icd.x86_64.json", "/usr/share/vulkan/icd.d/lvp_icd.json"];
const CHILD: &str = "PINHOLE_TEST_CHILD";
/// Of a start that fails; a driver loads in some tenths of a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a child prints of its start: nothing but sentences.
fn start_with(drivers: &str) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "what_a_child_does", "--nocapture"]).env(CHILD, "1");
    child.env("VK_ICD_FILENAMES", drivers).env("VK_DRIVER_FILES", drivers);
    let began = Instant::now();
    let output = child.output().unwrap();
    println!("{drivers}: {:?}", began.elapsed());
    assert!(began.elapsed() < PATIENCE);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let lines = text.lines().filter_map(|line| line.strip_prefix("says: "));
    lines.map(str::to_owned).inspect(|line| println!("  {line}")).collect()
}

#[test]
fn what_a_child_does() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let refused = VulkanVideo::new(&settings(640, 360, 30, 1_000_000), None).err().unwrap();
    println!("\nsays: {refused}");
    let size = (640, 360);
    let auto = StreamConfig { size, ..config(SourceKind::Test) };
    let named = StreamConfig { encoder: EncoderChoice::VulkanVideo, ..auto.clone() };
    println!("says: {}", Stream::start(&named).err().unwrap());
    println!("says: {}", Stream::start(&auto).unwrap().format().encoder);
}

#[test]
fn a_loader_without_a_driver_is_told_and_the_cpu_encodes() {
    let says = start_with("/nonexistent/icd.json");
    assert!(says[0].starts_with("Vulkan does not start: "), "{says:?}");
    assert!(says[1].starts_with("--encoder vulkan-video cannot be used: "), "{says:?}");
    assert!(says[1].ends_with("; use --encoder auto or openh264"), "{says:?}");
    assert!(says[2].starts_with("OpenH264 "), "{says:?}");
}

#[test]
fn a_driver_on_the_cpu_has_no_engine_and_the_cpu_encodes() {
    let Some(lavapipe) = LAVAPIPE.into_iter().find(|path| Path::new(path).exists()) else {
        println!("skipped, mesa-vulkan-drivers is not there");
        return;
    };
    let says = start_with(lavapipe);
    assert_eq!(says[0], "Vulkan names no GPU whose H.264 encode engine can be used");
    assert!(says[1].starts_with("--encoder vulkan-video cannot be used: "), "{says:?}");
    assert!(says[2].starts_with("OpenH264 "), "{says:?}");
}
