//! Pinhole on smol (stub with the signature that others build on).
use pinhole_runtime::{Running, RuntimeConfig, RuntimeError};

/// Starts the loop on a thread of its own.
pub fn spawn(_config: RuntimeConfig) -> Result<Running, RuntimeError> {
    unimplemented!()
}
