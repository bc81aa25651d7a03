//! Remembers the paths that refuse GSO.
//!
//! Such a path (IPsec, a device without checksum offload on older kernels, an MTU below a segment) refuses
//! every run, after the system has copied it: as dear as sending it. It is remembered of the address, not of
//! the socket, because one viewer's path says nothing of the others', and counted in runs, not in seconds,
//! because only runs cost anything.
use std::collections::VecDeque;
use std::net::IpAddr;

/// Paths at most, as many as viewers by default. The one that was noted first gives way to one more.
const PATHS_MAX: usize = 64;
/// Runs that leave in another way before GSO is tried again, because routes change. A failed call among
/// so many is nothing; a viewer of 60 frames a second makes them in a quarter of a minute.
const RUNS: u32 = 1_000;

/// Where GSO was refused of late.
pub(crate) struct Refusals {
    /// The address, and the runs for which it is remembered.
    paths: VecDeque<(IpAddr, u32)>,
}

impl Refusals {
    pub(crate) fn new() -> Refusals {
        Refusals { paths: VecDeque::with_capacity(PATHS_MAX) }
    }

    /// Notes that the path to this address refused.
    pub(crate) fn note(&mut self, remote: IpAddr) {
        if self.paths.len() >= PATHS_MAX {
            self.paths.pop_front();
        }
        self.paths.push_back((remote, RUNS));
    }

    /// Whether a run to this address should leave in another way, and counts it.
    pub(crate) fn count(&mut self, remote: IpAddr) -> bool {
        let Some(at) = self.paths.iter().position(|(address, _)| *address == remote) else {
            return false;
        };
        match self.paths.get_mut(at) {
            Some((_, runs)) if *runs > 1 => *runs -= 1,
            _ => {
                self.paths.remove(at);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn viewer(number: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, number).into()
    }

    #[test]
    fn a_path_is_remembered_for_its_runs_and_no_other_is() {
        let mut refusals = Refusals::new();
        assert!(!refusals.count(viewer(1)));

        refusals.note(viewer(1));

        for _ in 0..RUNS {
            assert!(refusals.count(viewer(1)));
            assert!(!refusals.count(viewer(2)));
        }
        assert!(!refusals.count(viewer(1)), "it is tried again");
        assert!(refusals.paths.is_empty());
    }

    #[test]
    fn the_first_path_gives_way_where_there_are_too_many() {
        let mut refusals = Refusals::new();
        let room = refusals.paths.capacity();
        let count = u8::try_from(PATHS_MAX).unwrap();

        (0..=count).for_each(|number| refusals.note(viewer(number)));

        assert!(!refusals.count(viewer(0)));
        assert!((1..=count).all(|number| refusals.count(viewer(number))));
        assert_eq!((refusals.paths.len(), refusals.paths.capacity()), (PATHS_MAX, room));
    }
}
