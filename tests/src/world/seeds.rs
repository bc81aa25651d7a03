//! Which seeds a scenario runs with, and how a failed one is repeated.

use std::ops::Range;

/// Runs a scenario once for each seed; with `WORLD_SEED` set, only for that one. A failure says
/// which it was.
///
/// # Panics
/// `WORLD_SEED` is no number, or the scenario panics.
pub fn for_seeds(seeds: Range<u64>, mut scenario: impl FnMut(u64)) {
    let chosen = std::env::var("WORLD_SEED").ok();
    let chosen = chosen.map(|text| text.parse::<u64>().expect("WORLD_SEED is a number"));
    if chosen.is_some() {
        show_log();
    }
    let seeds: Vec<u64> = chosen.map_or_else(|| seeds.collect(), |seed| vec![seed]);
    for seed in seeds {
        let guard = Guard(seed);
        scenario(seed);
        drop(guard);
    }
}

/// With RUST_LOG, what a single world logs goes to standard error.
fn show_log() {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_default_env() {
        let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).without_time();
        // Another test of this process may have been first.
        let _ = lines.with_env_filter(filter).try_init();
    }
}

/// Says which seed it was, if a panic comes by.
struct Guard(u64);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let name = std::thread::current().name().unwrap_or("…").to_owned();
            let seed = self.0;
            eprintln!("again: WORLD_SEED={seed} cargo test -p pinhole-tests --test world {name}");
        }
    }
}
