//! `cargo xtask miri`: the core's readers of what comes from the network, in Miri, which sees undefined
//! behaviour in what they call: the core itself forbids unsafe code, the crates below it do not.
//!
//! The lower layers alone are built, in a copy; with them goes str0m, whose C library Miri cannot run.

use std::time::Duration;

use anyhow::Result;

use crate::copy::copy_lower_layers;
use crate::paths;
use crate::run::{program, run};

/// Std and all crates built for Miri, and its tests, some hundred times slower than they are.
const LIMIT: Duration = Duration::from_secs(60 * 60);
/// Tests of the parsers: what makes messages of bytes, and packets of access units.
const PARSERS: &str = "wire:: h264:: sdp:: portmap:: stun::message stun::attributes stun::question \
                       stun::proof turn::framing turn::message turn::auth::tests base::";
/// Property tests whose cases are thousands of values: Miri makes some hundred a second.
const TOO_LONG: [&str; 4] = [
    "any_bytes_split_as_the_definition_says",
    "any_bytes_are_cut_without_harm",
    "depacketizing_gives_back_the_same_nal_units",
    "whatever_is_set_moved_and_fired_the_earliest_is_told",
];

/// Installs Miri into the nightly toolchain and runs the tests of the parsers in it, or those named.
///
/// # Errors
/// There is no nightly toolchain, a test fails, or Miri objects.
pub(crate) fn miri(tests: &[String]) -> Result<()> {
    let mut install = program("rustup", "component add --toolchain nightly miri rust-src");
    run(&mut install, LIMIT)?;
    let copy = paths::target().join("miri/copy");
    copy_lower_layers(&copy)?;
    let mut miri = program("rustup", "run nightly cargo miri test -p pinhole-core --lib --");
    match tests {
        [] => miri.args(PARSERS.split_whitespace()),
        named => miri.args(named),
    };
    miri.current_dir(copy);
    miri.args(TOO_LONG.iter().flat_map(|name| ["--skip", name]));
    // Cargo, which called us, tells these of its own toolchain.
    miri.env_remove("CARGO")
        .env_remove("RUSTC")
        .env("CARGO_TARGET_DIR", paths::target().join("miri"));
    // Property tests look at the clock and at the file of failures, and take one case each.
    miri.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "1");
    run(&mut miri, LIMIT)
}
