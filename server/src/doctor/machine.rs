//! This machine: the limits of its UDP buffers, its GPUs, and the encoder that `serve` would use.

use std::fs;

use pinhole_encoder::gpu::survey;
use pinhole_encoder::{EncoderChoice, EncoderPlan, OpenH264, SourceKind, StreamConfig};

/// What the event loops wish for a socket: room for a burst of all viewers.
const RECEIVE_BYTES: u64 = 2 << 20;
const SEND_BYTES: u64 = 1 << 20;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    /// The most that a socket may buffer of what comes in, bytes; `None`: the system does not tell.
    pub(super) receive_max: Option<u64>,
    /// And of what goes out.
    pub(super) send_max: Option<u64>,
    /// GPUs and whether they encode H.264; or, without Vulkan, names or device files.
    pub(super) gpus: Vec<String>,
    /// The encoder, and why; or why there is none.
    pub(super) encoder: Result<String, String>,
    /// Whether the encoder is as fast as it can be built.
    pub(super) is_fast: bool,
}

impl Machine {
    /// Looks; nothing is changed or started. Drivers of GPUs are asked, and waited for up to 5 s.
    pub(super) fn look(stream: &StreamConfig) -> Machine {
        let limit = |name: &str| {
            let text = fs::read_to_string(format!("/proc/sys/net/core/{name}")).ok()?;
            text.trim().parse().ok()
        };
        let plan = EncoderPlan::here(stream.encoder);
        Machine {
            receive_max: limit("rmem_max"),
            send_max: limit("wmem_max"),
            gpus: gpus(&plan),
            encoder: encoder(stream, &plan),
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

/// The encoder and why, or why there is none.
fn encoder(stream: &StreamConfig, plan: &EncoderPlan) -> Result<String, String> {
    if matches!(stream.source, SourceKind::H264File(_)) {
        return Ok("none: the source is H.264 already".to_string());
    }
    let used = plan.used().ok_or_else(|| plan.chosen.clone().err().unwrap_or_default())?;
    let why = match stream.encoder {
        EncoderChoice::Auto => plan.why_no_gpu(),
        _ => "asked for by name",
    };
    Ok(format!("{} {} ({why})", used.back_end.name(), used.why))
}

/// What Vulkan names, or else what the system shows.
fn gpus(plan: &EncoderPlan) -> Vec<String> {
    if !plan.gpus.is_empty() {
        return plan.gpus.iter().map(|(gpu, says)| format!("{} {says}", gpu.name)).collect();
    }
    let around = &survey().surroundings;
    match around.nvidia.is_empty() {
        true => around.devices.iter().map(|device| device.display().to_string()).collect(),
        false => around.nvidia.clone(),
    }
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
