//! Where things lie.

use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the root")
}

/// Where cargo builds, and where the tools of the tests are installed.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if Path::new(&dir).is_absolute() => dir.into(),
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The program as users build it.
pub(crate) fn program() -> PathBuf {
    target().join("release/pinhole")
}

/// A link in user space, for clients. That of the tests' build, which stands already.
pub(crate) fn shaper() -> PathBuf {
    target().join("debug/shaper")
}

/// Python with aiortc.
pub(crate) fn python() -> PathBuf {
    target().join("venv/bin/python")
}

/// The real clients.
pub(crate) fn clients() -> PathBuf {
    root().join("tests/clients")
}
