//! `pinhole encoders` on machines without an engine: no loader, a loader without a driver, a driver on the CPU.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Where Debian and others put the driver that computes on the CPU.
const LAVAPIPE: [&str; 2] =
    ["/usr/share/vulkan/icd.d/lvp_icd.x86_64.json", "/usr/share/vulkan/icd.d/lvp_icd.json"];
const LIMIT: Duration = Duration::from_secs(10);

/// The lines that it prints.
fn encoders(environment: &[(&str, &str)]) -> Vec<String> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pinhole"));
    program.arg("encoders").envs(environment.iter().copied());
    let began = Instant::now();
    let output = program.output().unwrap();
    assert!(output.status.success() && began.elapsed() < LIMIT, "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    println!("{environment:?}, {:?}:\n{text}", began.elapsed());
    text.lines().map(str::to_owned).collect()
}

fn has_gpu() -> bool {
    let entries = |folder| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_gpu = |name: &str| name.starts_with("nvidia") || name.starts_with("renderD");
    let mut names = entries("/dev").chain(entries("/dev/dri")).map(|entry| entry.file_name());
    names.any(|name| name.to_str().is_some_and(is_gpu))
}

#[test]
fn without_a_loader_it_says_so() {
    let folder = std::env::temp_dir().join(format!("pinhole-no-loader-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // The first that is found, and none that can be loaded.
    std::fs::write(folder.join("libvulkan.so.1"), "no library").unwrap();
    let lines = encoders(&[("LD_LIBRARY_PATH", folder.to_str().unwrap())]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(lines[0].starts_with("vulkan-video    no: "), "{lines:?}");
    assert!(lines[0].contains("no Vulkan loader"), "{lines:?}");
    assert!(lines.last().unwrap().starts_with("openh264        used: "), "{lines:?}");
}

#[test]
fn a_loader_without_a_driver_and_one_with_lavapipe_name_no_engine() {
    let none = "/nonexistent/icd.json";
    let lines = encoders(&[("VK_ICD_FILENAMES", none), ("VK_DRIVER_FILES", none)]);
    assert!(lines[0].starts_with("vulkan-video    no: "), "{lines:?}");
    assert_eq!(lines.len(), 3, "no device: {lines:?}");

    let Some(driver) = LAVAPIPE.into_iter().find(|path| Path::new(path).exists()) else {
        println!("skipped, mesa-vulkan-drivers is not there");
        return;
    };
    let lines = encoders(&[("VK_ICD_FILENAMES", driver), ("VK_DRIVER_FILES", driver)]);
    if !has_gpu() {
        assert_eq!(lines[0], "vulkan-video    no: no GPU is seen here");
    }
    assert!(lines[1].starts_with("  llvmpipe"), "{lines:?}");
    assert!(lines[1].ends_with("is a program on the CPU, which encodes nothing"), "{lines:?}");
}
