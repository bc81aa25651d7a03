//! What is wrong with a mapped port.

use super::{Cause, PortFacts, Proof, Surroundings, Verdict};

/// Whether something sent from outside arrived at one of them.
pub(super) fn any_proved(surroundings: &Surroundings) -> bool {
    surroundings.ports.iter().any(|port| matches!(port.proof, Proof::Proved { .. }))
}

/// What is wrong with the ports, as far as somebody tried them: the first fault.
pub(super) fn judge(surroundings: &Surroundings) -> Option<Cause> {
    let ports = &surroundings.ports;
    if any_proved(surroundings) {
        return None;
    }
    let verdict_of = |port: &PortFacts| match port.proof {
        Proof::Untried | Proof::Proved { .. } => None,
        Proof::AtPort(_) if shift(ports).is_some() => Some(Verdict::MapShifted),
        Proof::AtPort(_) | Proof::AtClosedPort => Some(Verdict::ForwardToAnotherPort),
        Proof::Refused | Proof::NoHost => Some(Verdict::ForwardToAnotherHost),
        Proof::Silent => Some(Verdict::ForwardMissing),
    };
    let mut faults = ports
        .iter()
        .enumerate()
        .filter_map(|(place, port)| verdict_of(port).map(|verdict| Cause::port(verdict, place)));
    faults.next()
}

/// By how much all ports that arrived somewhere are off, if it is the same for all of them: several
/// ports of one rule, or one that arrived next door.
pub(super) fn shift(ports: &[PortFacts]) -> Option<i32> {
    let mut shifts = ports.iter().filter_map(|port| match port.proof {
        Proof::AtPort(at) => Some(i32::from(at) - i32::from(port.internal.port())),
        _ => None,
    });
    let first = shifts.next()?;
    let (mut count, mut same) = (1, true);
    for shift in shifts {
        count += 1;
        same &= shift == first;
    }
    (same && (count > 1 || first.abs() == 1)).then_some(first)
}
