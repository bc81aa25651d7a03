//! From what was sent to an outside address, and what arrived where, to a [`Proof`].

use std::time::Duration;

use pinhole_core::diagnose::Proof;

use super::client::{Arrival, Outcome, Unreachable};

/// Two probes of a run that arrive closer than this, though they left 20 ms apart, waited for each
/// other.
const TOGETHER: Duration = Duration::from_millis(3);

/// Judges one mapped port. `internal_port`: where probes should arrive. `at_closed_port`: this
/// machine itself refused as many datagrams as were sent, for want of a socket.
pub fn judge(internal_port: u16, outcome: &Outcome, at_closed_port: bool) -> Proof {
    let at_home = |arrival: &&Arrival| arrival.local.port() == internal_port;
    if let Some(arrival) = outcome.arrivals.iter().find(at_home) {
        return Proof::Proved { seen_from: arrival.remote };
    }
    if let Some(arrival) = outcome.arrivals.first() {
        return Proof::AtPort(arrival.local.port());
    }
    if outcome.sent == 0 {
        return Proof::Untried;
    }
    match outcome.unreachable {
        _ if at_closed_port => Proof::AtClosedPort,
        Some(Unreachable::Port) => Proof::Refused,
        Some(Unreachable::Host) => Proof::NoHost,
        None => Proof::Silent,
    }
}

/// How a run of probes came through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passage {
    /// Probes that left.
    pub sent: u16,
    /// Different ones that arrived.
    pub arrived: u16,
    /// Those that came after a later one: UDP may, a tunnel over TCP never does.
    pub out_of_order: u16,
    /// Neighbours that arrived at once, though they left one by one: something held them up.
    pub together: u16,
    /// The longest time between two arrivals, milliseconds.
    pub gap_max_ms: u64,
}

/// Looks at order and spacing.
pub fn passage(outcome: &Outcome) -> Passage {
    let mut seen: Vec<u16> = outcome.arrivals.iter().map(|arrival| arrival.sequence).collect();
    seen.sort_unstable();
    seen.dedup();
    let count = |counts: fn(&Arrival, &Arrival) -> bool| {
        let pairs = outcome.arrivals.windows(2);
        pairs.filter(|pair| matches!(pair, [first, second] if counts(first, second))).count() as u16
    };
    let between = |first: &Arrival, second: &Arrival| second.at.saturating_duration_since(first.at);
    let gaps = outcome.arrivals.windows(2).filter_map(|pair| match pair {
        [first, second] => Some(between(first, second).as_millis() as u64),
        _ => None,
    });
    Passage {
        sent: outcome.sent,
        arrived: seen.len() as u16,
        out_of_order: count(|first, second| second.sequence < first.sequence),
        together: count(|first, second| {
            second.sequence > first.sequence
                && second.at.saturating_duration_since(first.at) < TOGETHER
        }),
        gap_max_ms: gaps.max().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn arrival(port: u16, sequence: u16, ms: u64, begin: Instant) -> Arrival {
        Arrival {
            local: ([0, 0, 0, 0], port).into(),
            remote: ([192, 0, 2, 1], 9).into(),
            token: "0123456789".to_string(),
            sequence,
            at: begin + Duration::from_millis(ms),
        }
    }

    fn outcome(unreachable: Option<Unreachable>, arrivals: Vec<Arrival>) -> Outcome {
        Outcome { sent: 5, unreachable, refused: None, arrivals }
    }

    #[test]
    fn the_place_of_arrival_decides_and_then_who_refused() {
        let begin = Instant::now();
        let at = |port| vec![arrival(port, 0, 0, begin)];
        let both = vec![arrival(8, 0, 0, begin), arrival(7, 1, 1, begin)];
        let proved = Proof::Proved { seen_from: ([192, 0, 2, 1], 9).into() };
        for (unreachable, arrivals, closed, expected) in [
            (None, at(7), false, proved),
            (None, both, false, proved),
            (Some(Unreachable::Port), at(7), true, proved),
            (None, at(8), true, Proof::AtPort(8)),
            (Some(Unreachable::Port), vec![], true, Proof::AtClosedPort),
            (Some(Unreachable::Port), vec![], false, Proof::Refused),
            (Some(Unreachable::Host), vec![], false, Proof::NoHost),
            (None, vec![], true, Proof::AtClosedPort),
            (None, vec![], false, Proof::Silent),
        ] {
            let outcome = outcome(unreachable, arrivals);
            assert_eq!(judge(7, &outcome, closed), expected, "{outcome:?}");
        }
        assert_eq!(judge(7, &Outcome::default(), false), Proof::Untried);
    }

    #[test]
    fn order_loss_and_waiting_for_one_another_are_counted() {
        let begin = Instant::now();
        let times = [(0, 0), (1, 60), (2, 61), (4, 62), (3, 90), (3, 91)];
        let arrivals = times.map(|(sequence, ms)| arrival(7, sequence, ms, begin)).to_vec();

        let passage = passage(&outcome(None, arrivals));

        let expected =
            Passage { sent: 5, arrived: 5, out_of_order: 1, together: 2, gap_max_ms: 60 };
        assert_eq!(passage, expected);
    }
}
