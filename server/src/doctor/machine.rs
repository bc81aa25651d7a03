//! This machine: the limits of its UDP buffers, its GPUs, and the encoder that `serve` would use.

use std::fs;

use pinhole_encoder::{EncoderChoice, OpenH264, SourceKind, StreamConfig};

/// What the event loops wish for a socket: room for a burst of all viewers.
const RECEIVE_BYTES: u64 = 2 << 20;
const SEND_BYTES: u64 = 1 << 20;
/// GPUs that are named.
const GPUS_MAX: usize = 16;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    /// The most that a socket may buffer of what comes in, bytes; `None`: the system does not tell.
    pub(super) receive_max: Option<u64>,
    /// And of what goes out.
    pub(super) send_max: Option<u64>,
    /// Names of GPUs, or their device files.
    pub(super) gpus: Vec<String>,
    /// The encoder, and why; or why there is none.
    pub(super) encoder: Result<String, String>,
    /// Whether the encoder is as fast as it can be built.
    pub(super) is_fast: bool,
}

impl Machine {
    /// Looks; nothing is changed or started.
    pub(super) fn look(stream: &StreamConfig) -> Machine {
        let limit = |name: &str| {
            let text = fs::read_to_string(format!("/proc/sys/net/core/{name}")).ok()?;
            text.trim().parse().ok()
        };
        Machine {
            receive_max: limit("rmem_max"),
            send_max: limit("wmem_max"),
            gpus: gpus(),
            encoder: encoder(stream),
            is_fast: OpenH264::has_assembly(),
        }
    }

    /// The settings of the system that give sockets the room they wish for, ready for a shell; empty
    /// where they have it.
    pub(super) fn sysctls(&self) -> Vec<String> {
        let wishes = [
            ("rmem_max", self.receive_max, RECEIVE_BYTES),
            ("wmem_max", self.send_max, SEND_BYTES),
        ];
        let short =
            wishes.into_iter().filter(|(_, limit, wish)| limit.is_some_and(|it| it < *wish));
        short.map(|(name, _, wish)| format!("sysctl -w net.core.{name}={wish}")).collect()
    }
}

fn encoder(stream: &StreamConfig) -> Result<String, String> {
    if matches!(stream.source, SourceKind::H264File(_)) {
        return Ok("none: the source is H.264 already".to_string());
    }
    let why = match stream.encoder {
        EncoderChoice::OpenH264 => "asked for by name",
        EncoderChoice::Auto => "no GPU encoder is built in yet",
        EncoderChoice::VulkanVideo | EncoderChoice::VulkanCompute => {
            return Err(
                "no GPU encoder is built in yet: use --encoder auto or openh264".to_string()
            );
        }
    };
    Ok(match OpenH264::has_assembly() {
        true => format!("OpenH264 on the CPU, with assembly ({why})"),
        false => format!(
            "OpenH264 on the CPU, without assembly, three times slower ({why}); install nasm and \
             build again"
        ),
    })
}

fn gpus() -> Vec<String> {
    let folders = |path: &str| {
        let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let model = |path: std::path::PathBuf| {
        let text = fs::read_to_string(path.join("information")).ok()?;
        let model = text.lines().find_map(|line| line.strip_prefix("Model:"))?;
        Some(model.trim().to_string())
    };
    let named = folders("/proc/driver/nvidia/gpus").into_iter().filter_map(model);
    let named: Vec<String> = named.take(GPUS_MAX).collect();
    if !named.is_empty() {
        return named;
    }
    let device = |path: &std::path::PathBuf| {
        let name = path.file_name()?.to_str()?;
        name.starts_with("renderD").then(|| path.display().to_string())
    };
    folders("/dev/dri").iter().filter_map(device).take(GPUS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_below_the_wish_come_with_the_command_that_raises_them() {
        let machine = |receive_max, send_max| Machine {
            receive_max,
            send_max,
            gpus: Vec::new(),
            encoder: Ok(String::new()),
            is_fast: true,
        };
        assert_eq!(
            machine(Some(212_992), Some(212_992)).sysctls(),
            ["sysctl -w net.core.rmem_max=2097152", "sysctl -w net.core.wmem_max=1048576"]
        );
        assert!(machine(Some(4 << 20), None).sysctls().is_empty());
    }
}
