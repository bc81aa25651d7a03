//! What comes out of str0m, in little space.

use std::time::Instant;

use str0m::net::Transmit;
use str0m::{Event, Output};

/// What str0m says. Its own type is as large as its largest event, and would be moved about several times
/// with each datagram; events are rare, and may cost an allocation.
pub(super) enum Said {
    Datagram(Transmit),
    Timeout(Instant),
    Event(Box<Event>),
}

impl Said {
    pub(super) fn of(output: Output) -> Said {
        match output {
            Output::Transmit(datagram) => Said::Datagram(datagram),
            Output::Timeout(at) => Said::Timeout(at),
            Output::Event(event) => Said::Event(Box::new(event)),
        }
    }
}
