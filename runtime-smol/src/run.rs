//! The loop.
use std::time::Instant;

use async_io::block_on;
use pinhole_runtime::{
    LoopConfig, Running, RuntimeConfig, RuntimeError, Turn, start_loops, start_thread,
};

use crate::readiness::Readiness;

/// Starts the loop on a thread of its own, one for each bound UDP port. Fails where the endpoint's
/// configuration is refused, or the system has no descriptors or threads left.
pub fn spawn(config: RuntimeConfig) -> Result<Running, RuntimeError> {
    start_loops(Instant::now(), config, |config| start(config, Instant::now))
}

/// The same under a clock of one's own, which is read once a turn and must not go back: for tests
/// that repeat a run. Deadlines are waited for in the system's time, so whoever moves the clock
/// gives the loop something to do as well, any command. One loop runs, whatever is bound.
pub fn spawn_with_clock(
    config: RuntimeConfig,
    clock: impl Fn() -> Instant + Send + 'static,
) -> Result<Running, RuntimeError> {
    start(config.into(), clock)
}

fn start(
    config: LoopConfig,
    clock: impl Fn() -> Instant + Send + 'static,
) -> Result<Running, RuntimeError> {
    let readiness = Readiness::new().map_err(RuntimeError::io("cannot wait for events"))?;
    let (turn, handle) = Turn::new(clock(), config, readiness.doorbell())?;
    start_thread("pinhole-smol", turn, handle, |turn| block_on(run(turn, readiness, clock)))
}

async fn run(
    mut turn: Turn,
    mut readiness: Readiness,
    clock: impl Fn() -> Instant,
) -> Result<(), RuntimeError> {
    while !turn.is_over() {
        let next = turn.next();
        let (sockets, streams) = turn.sources();
        readiness
            .wait(sockets, streams, next)
            .await
            .map_err(RuntimeError::io("the sockets cannot be waited for"))?;
        turn.begin(clock());
        turn.receive()?;
        turn.run_commands();
        turn.take_frames();
        turn.fire_timeout();
        turn.transmit()?;
        turn.deliver_events();
    }
    Ok(())
}
