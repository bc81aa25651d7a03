//! Where everybody is in the lab: the addresses that natlab.sh gives.

/// STUN and TURN; 443 for TLS.
pub const TURN_ADDRESS: &str = "192.0.2.1";

/// What is sent there is lost in silence.
pub const DEAD_SERVER: &str = "198.18.0.1";

/// The ports that coturn relays from.
pub(super) const RELAY_PORTS: std::ops::RangeInclusive<u16> = 60001..=60999;

/// The program's own IPv4 address behind this NAT.
pub fn server_address(nat_a: &str) -> &'static str {
    if is_routed(nat_a) { "198.51.100.2" } else { "10.10.0.2" }
}

/// The viewer's own IPv4 address behind this NAT; `same` is the server's LAN.
pub fn viewer_address(nat_a: &str, nat_b: &str) -> &'static str {
    match (base(nat_b) == "same", is_routed(nat_a), is_routed(nat_b)) {
        (true, true, _) => "198.51.100.3",
        (true, false, _) => "10.10.0.3",
        (false, _, true) => "203.0.113.2",
        (false, _, false) => "10.20.0.2",
    }
}

/// The address that the internet sees of the server: the NAT's, or its own.
pub fn wan_address(nat_a: &str) -> &'static str {
    if is_routed(nat_a) { server_address(nat_a) } else { "192.0.2.10" }
}

fn is_routed(nat: &str) -> bool {
    matches!(base(nat), "none" | "fw")
}

/// The type without `:hair`, `:v6` and the like.
fn base(nat: &str) -> &str {
    nat.split(':').next().unwrap_or(nat)
}
