//! Who is measured.

use anyhow::{Context, Result};

use super::phase::Phase;
use crate::install::Tool;

/// A server that is measured.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// From Debian.
    pub(crate) tools: &'static [Tool],
}

/// How it is built and started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The program as users build it, with these words behind those that all get.
    Pinhole {
        runtime: &'static str,
        adapts: bool,
        udp_send: &'static str,
        /// With str0m patched.
        patched: bool,
    },
    /// A program of the workspace in `benches/peers`.
    Rust {
        package: &'static str,
        program: &'static str,
        words: &'static [&'static str],
    },
    /// Bare UDP, which nobody joins.
    Floor {
        gso: bool,
    },
    Pion,
    GStreamer,
    Aiortc,
    /// With these lines in the general part of its configuration.
    Janus {
        general: &'static str,
    },
}

const PYTHON: Tool = Tool::new(&["python3", "-c", "import ensurepip"], "python3-venv");

const PION: &[Tool] = &[
    Tool::new(&["go", "version"], "golang-go"),
    Tool::new(
        &["test", "-d", "/usr/share/gocode/src/github.com/pion/webrtc"],
        "golang-github-pion-webrtc.v3-dev",
    ),
];

const JANUS: &[Tool] = &[
    Tool::new(&["sh", "-c", "command -v janus"], "janus"),
    Tool::new(&["ip", "-V"], "iproute2"),
    PYTHON,
];

const GSTREAMER: &[Tool] = &[
    Tool::new(&["sh", "-c", "ls /usr/lib/*/gstreamer-1.0/libgstnice.so"], "gstreamer1.0-nice"),
    Tool::new(
        &["sh", "-c", "ls /usr/lib/*/gstreamer-1.0/libgstapp.so"],
        "gstreamer1.0-plugins-base",
    ),
    Tool::new(
        &["sh", "-c", "ls /usr/lib/*/gstreamer-1.0/libgstrtp.so"],
        "gstreamer1.0-plugins-good",
    ),
    Tool::new(
        &["sh", "-c", "ls /usr/lib/*/gstreamer-1.0/libgstwebrtc.so"],
        "gstreamer1.0-plugins-bad",
    ),
    Tool::new(&["/usr/bin/python3", "-c", "import gi"], "python3-gi"),
    Tool::new(
        &["sh", "-c", "ls /usr/lib/*/girepository-1.0/GstWebRTC-1.0.typelib"],
        "gir1.2-gst-plugins-bad-1.0",
    ),
    // The receiver that takes its certificates.
    Tool::new(&["test", "-f", "/usr/include/openssl/ssl.h"], "libssl-dev"),
    Tool::new(&["ip", "-V"], "iproute2"),
];

const fn pinhole(name: &'static str, runtime: &'static str, adapts: bool) -> Peer {
    let kind = Kind::Pinhole { runtime, adapts, udp_send: "gso", patched: false };
    Peer { name, kind, tools: &[] }
}

const fn without_gso(name: &'static str, udp_send: &'static str) -> Peer {
    let kind = Kind::Pinhole { runtime: "mio", adapts: false, udp_send, patched: false };
    Peer { name, kind, tools: &[] }
}

const fn patched(name: &'static str, adapts: bool) -> Peer {
    let kind = Kind::Pinhole { runtime: "mio", adapts, udp_send: "gso", patched: true };
    Peer { name, kind, tools: &[] }
}

const fn str0m(name: &'static str, words: &'static [&'static str]) -> Peer {
    let kind = Kind::Rust { package: "servers", program: "str0m-server", words };
    Peer { name, kind, tools: &[] }
}

const fn floor(name: &'static str, gso: bool) -> Peer {
    Peer { name, kind: Kind::Floor { gso }, tools: &[] }
}

/// What all others are compared with.
pub(crate) const BASE: &str = "pinhole-mio";
/// What cannot be beaten.
pub(crate) const FLOOR: &str = "udp-gso";

/// In the order in which they are measured.
pub(crate) const ALL: &[Peer] = &[
    floor(FLOOR, true),
    pinhole(BASE, "mio", false),
    pinhole("pinhole-smol", "smol", false),
    pinhole("pinhole-adapting", "mio", true),
    without_gso("pinhole-sendmmsg", "sendmmsg"),
    without_gso("pinhole-plain", "plain"),
    str0m("str0m", &[]),
    str0m("str0m-runs", &["--runs"]),
    str0m("str0m-estimator", &["--runs", "--estimator"]),
    Peer {
        name: "webrtc-rs",
        kind: Kind::Rust { package: "webrtc-rs-server", program: "webrtc-rs-server", words: &[] },
        tools: &[],
    },
    Peer { name: "pion", kind: Kind::Pion, tools: PION },
    Peer { name: "janus", kind: Kind::Janus { general: "" }, tools: JANUS },
    Peer { name: "janus-loops", kind: Kind::Janus { general: "event_loops = 2" }, tools: JANUS },
    Peer { name: "gstreamer", kind: Kind::GStreamer, tools: GSTREAMER },
    Peer { name: "aiortc", kind: Kind::Aiortc, tools: &[PYTHON] },
    floor("udp", false),
];

/// Measured where they are asked for by name: what Pinhole would cost with the patches of `benches/str0m-patches`.
const PATCHED: &[Peer] =
    &[patched("pinhole-patched", false), patched("pinhole-patched-adapting", true)];

/// The peer of this name.
///
/// # Errors
/// There is none.
pub(crate) fn named(name: &str) -> Result<&'static Peer> {
    let found = ALL.iter().chain(PATCHED).find(|peer| peer.name == name);
    found.with_context(|| {
        let names: Vec<&str> = ALL.iter().chain(PATCHED).map(|peer| peer.name).collect();
        format!("there is no peer {name:?}: {}", names.join(", "))
    })
}

impl Peer {
    /// Whether there is something of it to be measured.
    pub(crate) fn takes_part(&self, phase: Phase) -> bool {
        match self.kind {
            Kind::Floor { .. } => phase == Phase::FanOut,
            // The others are handed media by programs that always have some.
            kind if phase == Phase::Idle => matches!(kind, Kind::Pinhole { udp_send: "gso", .. }),
            // Latency is measured with another program.
            Kind::Pinhole { patched: true, .. } => phase != Phase::Latency,
            // What an estimator costs is seen while it estimates.
            _ if self.estimates() => phase == Phase::FanOut,
            // How datagrams leave is seen where there are many.
            Kind::Pinhole { udp_send, .. } if udp_send != "gso" => phase == Phase::FanOut,
            _ => true,
        }
    }

    /// Whether it estimates paths, for which its viewers must send reports.
    pub(crate) fn estimates(&self) -> bool {
        match self.kind {
            Kind::Pinhole { adapts, .. } => adapts,
            Kind::Rust { words, .. } => words.contains(&"--estimator"),
            _ => false,
        }
    }

    /// Whether it needs an address besides loopback.
    pub(crate) fn is_apart(&self) -> bool {
        matches!(self.kind, Kind::Janus { .. } | Kind::GStreamer)
    }

    /// Whether it needs the Python of the real clients.
    pub(crate) fn needs_python(&self) -> bool {
        matches!(self.kind, Kind::Janus { .. } | Kind::Aiortc)
    }
}
