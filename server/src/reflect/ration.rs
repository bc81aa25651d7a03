//! How much each client gets of a reflector.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// The time after which a client's ration is whole again.
const PERIOD: Duration = Duration::from_secs(60);
/// Probes and echoes for one client in a period: two runs of a doctor with sixteen ports.
const SHARES: u32 = 400;
/// Connections of one client at once.
const CONNECTIONS_MAX: u32 = 8;
/// Clients that are remembered; beyond that strangers get nothing until the oldest are forgotten.
const CLIENTS_MAX: usize = 4096;

/// What every client has had lately. A client is an IPv4 address, or an IPv6 network of 64 bits.
#[derive(Debug, Default)]
pub(super) struct Rations {
    clients: BTreeMap<IpAddr, Ration>,
}

#[derive(Debug)]
struct Ration {
    since: Instant,
    taken: u32,
    connections: u32,
}

impl Rations {
    /// Takes `shares` of a client's ration; `false`: there are not so many left, and none is taken.
    pub(super) fn take(&mut self, now: Instant, client: IpAddr, shares: u32) -> bool {
        let Some(ration) = self.of(now, client) else { return false };
        let fits = ration.taken + shares <= SHARES;
        ration.taken += if fits { shares } else { 0 };
        fits
    }

    /// A connection begins; `false`: it is one too many.
    pub(super) fn connect(&mut self, now: Instant, client: IpAddr) -> bool {
        let Some(ration) = self.of(now, client) else { return false };
        let fits = ration.connections < CONNECTIONS_MAX;
        ration.connections += u32::from(fits);
        fits
    }

    /// A connection that [`Rations::connect`] allowed is over.
    pub(super) fn disconnect(&mut self, client: IpAddr) {
        if let Some(ration) = self.clients.get_mut(&group(client)) {
            ration.connections = ration.connections.saturating_sub(1);
        }
    }

    fn of(&mut self, now: Instant, client: IpAddr) -> Option<&mut Ration> {
        let over = |ration: &Ration| now.saturating_duration_since(ration.since) >= PERIOD;
        let client = group(client);
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(&client) {
            self.clients.retain(|_, ration| ration.connections > 0 || !over(ration));
            if self.clients.len() >= CLIENTS_MAX {
                return None;
            }
        }
        let fresh = Ration { since: now, taken: 0, connections: 0 };
        let ration = self.clients.entry(client).or_insert(fresh);
        if over(ration) {
            (ration.since, ration.taken) = (now, 0);
        }
        Some(ration)
    }
}

fn group(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_ration_ends_and_is_whole_again_after_a_minute() {
        let (mut rations, now) = (Rations::default(), Instant::now());

        assert!(rations.take(now, ip("192.0.2.1"), SHARES));
        assert!(!rations.take(now, ip("192.0.2.1"), 1));
        assert!(rations.take(now, ip("192.0.2.2"), 1), "another client has its own");
        assert!(rations.take(now + PERIOD, ip("192.0.2.1"), SHARES));
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_share_a_ration() {
        let (mut rations, now) = (Rations::default(), Instant::now());

        assert!(rations.take(now, ip("2001:db8::1"), SHARES));
        assert!(!rations.take(now, ip("2001:db8::2"), 1));
        assert!(rations.take(now, ip("2001:db8:0:1::1"), 1));
        assert!(rations.take(now, ip("192.0.2.1"), SHARES));
        assert!(!rations.take(now, ip("::ffff:192.0.2.1"), 1), "IPv4 in IPv6 is IPv4");
    }

    #[test]
    fn connections_of_one_client_are_bounded_and_given_back() {
        let (mut rations, now) = (Rations::default(), Instant::now());
        let client = ip("192.0.2.1");

        let allowed = (0..20).filter(|_| rations.connect(now, client)).count();
        assert_eq!(allowed, CONNECTIONS_MAX as usize);
        rations.disconnect(client);
        assert!(rations.connect(now, client));
    }

    #[test]
    fn clients_beyond_what_is_remembered_get_nothing_until_others_are_forgotten() {
        let (mut rations, now) = (Rations::default(), Instant::now());
        let client = |n: usize| IpAddr::from((n as u32).to_be_bytes());

        for n in 0..CLIENTS_MAX {
            assert!(rations.take(now, client(n), 1));
        }
        assert!(!rations.take(now, client(CLIENTS_MAX), 1));
        assert!(rations.take(now, client(0), 1), "who is known goes on");
        assert!(rations.take(now + PERIOD, client(CLIENTS_MAX), 1));
    }
}
