//! The loop.
use std::time::Instant;

use pinhole_runtime::{Running, RuntimeConfig, RuntimeError, Turn, start_thread};

use crate::readiness::Readiness;

/// Starts the loop on a thread of its own. Fails where the endpoint's configuration is refused, or
/// the system has no descriptors or threads left.
pub fn spawn(config: RuntimeConfig) -> Result<Running, RuntimeError> {
    let readiness = Readiness::new().map_err(RuntimeError::io("cannot wait for events"))?;
    let (turn, handle) = Turn::new(config, readiness.doorbell())?;
    start_thread("pinhole-mio", turn, handle, |turn| run(turn, readiness))
}

fn run(mut turn: Turn, mut readiness: Readiness) -> Result<(), RuntimeError> {
    while !turn.is_over() {
        let next = turn.next();
        let (sockets, streams) = turn.sources();
        readiness
            .wait(sockets, streams, next)
            .map_err(RuntimeError::io("the sockets cannot be waited for"))?;
        turn.begin(Instant::now());
        turn.receive()?;
        turn.run_commands();
        turn.take_frames();
        turn.fire_timeout();
        turn.transmit()?;
        turn.deliver_events();
    }
    Ok(())
}
