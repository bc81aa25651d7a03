//! What the system shows of GPUs beside Vulkan: device files, and what a container was given.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// GPUs that are looked at.
const GPUS_MAX: usize = 16;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Cards that NVIDIA's kernel module names.
    pub nvidia: Vec<String>,
    /// Device files of GPUs.
    pub devices: Vec<PathBuf>,
    /// Those of them that this process may not open.
    pub closed: Vec<Closed>,
    /// `NVIDIA_DRIVER_CAPABILITIES`, by which a container is given parts of NVIDIA's driver.
    pub capabilities: Option<String>,
}

/// A device file that cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The file.
    pub path: PathBuf,
    /// Whether it is a matter of permission; otherwise nothing is behind the file.
    pub denied: bool,
}

impl Surroundings {
    /// Looks below `root`, which is `/` but in tests.
    pub(super) fn look(root: &Path, variable: impl Fn(&str) -> Option<String>) -> Surroundings {
        let model = |card: PathBuf| {
            let text = fs::read_to_string(card.join("information")).ok()?;
            let model = text.lines().find_map(|line| line.strip_prefix("Model:"))?;
            Some(model.trim().to_owned())
        };
        let cards = entries(&root.join("proc/driver/nvidia/gpus"), |_| true);
        let mut devices = entries(&root.join("dev/dri"), |name| name.starts_with("renderD"));
        let is_card = |name: &str| {
            let number = name.strip_prefix("nvidia").unwrap_or_default();
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        };
        devices.extend(entries(&root.join("dev"), is_card));
        Surroundings {
            nvidia: cards.into_iter().filter_map(model).collect(),
            closed: devices.iter().filter_map(|path| closed(path)).collect(),
            devices,
            capabilities: variable("NVIDIA_DRIVER_CAPABILITIES"),
        }
    }

    /// Whether there is anything of NVIDIA's.
    pub fn has_nvidia(&self) -> bool {
        let is_nvidia = |path: &PathBuf| path.to_string_lossy().contains("/nvidia");
        !self.nvidia.is_empty() || self.devices.iter().any(is_nvidia)
    }

    /// Whether this is a container that was not given the part of NVIDIA's driver that Vulkan is in.
    pub fn lacks_graphics(&self) -> bool {
        let given = self.capabilities.as_deref().map(|text| {
            text.split(',').any(|part| matches!(part.trim(), "all" | "graphics" | "display"))
        });
        given == Some(false)
    }
}

fn closed(path: &Path) -> Option<Closed> {
    let error = File::options().read(true).write(true).open(path).err()?;
    let denied = error.kind() == ErrorKind::PermissionDenied;
    Some(Closed { path: path.to_owned(), denied })
}

/// In order of their names.
fn entries(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let named = entries.filter(|entry| entry.file_name().to_str().is_some_and(&wanted));
    let mut paths: Vec<_> = named.map(|entry| entry.path()).collect();
    paths.sort();
    paths.truncate(GPUS_MAX);
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_files_and_cards_are_found() {
        let root = std::env::temp_dir().join(format!("pinhole-gpus-{}", std::process::id()));
        let card = root.join("proc/driver/nvidia/gpus/0000:01:00.0");
        for folder in [&card, &root.join("dev/dri")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(card.join("information"), "Model: \t\t NVIDIA L4\nIRQ: 7\n").unwrap();
        for file in ["dri/renderD128", "dri/card0", "nvidia0", "nvidiactl", "nvidia-uvm"] {
            fs::write(root.join("dev").join(file), "").unwrap();
        }

        let seen = Surroundings::look(&root, |_| Some("compute,utility".to_owned()));
        fs::remove_dir_all(&root).unwrap();

        assert_eq!(seen.nvidia, ["NVIDIA L4"]);
        assert_eq!(seen.devices, ["dev/dri/renderD128", "dev/nvidia0"].map(|file| root.join(file)));
        assert_eq!(seen.closed, []);
        assert!(seen.has_nvidia() && seen.lacks_graphics());
        assert_eq!(Surroundings::look(&root, |_| None), Surroundings::default());
    }

    #[test]
    fn a_container_lacks_graphics_where_it_was_given_other_parts_only() {
        for (given, lacks) in [
            (None, false),
            (Some("all"), false),
            (Some("compute,utility"), true),
            (Some("compute, graphics"), false),
            (Some(""), true),
        ] {
            let capabilities = given.map(str::to_owned);
            let seen = Surroundings { capabilities, ..Surroundings::default() };
            assert_eq!(seen.lacks_graphics(), lacks, "{given:?}");
        }
    }

    #[test]
    fn a_file_with_nothing_behind_it_is_closed_and_not_denied() {
        let nothing = Path::new("/nonexistent/renderD128");
        assert_eq!(closed(nothing), Some(Closed { path: nothing.to_owned(), denied: false }));
    }
}
