//! The servers of the lab, as flags of the program and as a viewer's own.

/// Whether the program gathers from its `--ice-server`s. Rows that need it are tried where it does; the others always.
pub const SERVER_GATHERS: bool = true;

/// Whether the program sends checks of its own, so that a viewer whose filter it must open hears from it.
pub const SERVER_CHECKS: bool = true;

/// Whether the program follows a viewer whose address changes under way.
pub const SERVER_FOLLOWS: bool = true;

/// What `fwd` and `one2one` forward.
pub const MAP: &str = "--map 5000-5009/udp=192.0.2.10:30000-30009";

/// What a viewer sees of a server behind `fwd` that it lets in: the mapped address, or any port of its router where the
/// server's own check was first.
pub const FORWARDED: &str = "srflx 192.0.2.10:30000 or prflx 192.0.2.10";

/// STUN.
pub const STUN: &str = "stun:192.0.2.1";
/// TURN over UDP.
pub const TURN_UDP: &str = "turn:192.0.2.1:3478?transport=udp,lab,lab";
/// TURN over TCP.
pub const TURN_TCP: &str = "turn:192.0.2.1:3478?transport=tcp,lab,lab";
/// TURN over TLS, on the port that every firewall lets out.
pub const TURN_TLS: &str = "turns:192.0.2.1:443,lab,lab";

/// Everything that the program can use at once. `{cert}` is the certificate of the lab.
pub const SERVER_ALL: &str = "--ice-server stun:192.0.2.1 \
    --ice-server turn:192.0.2.1:3478?transport=udp,lab,lab \
    --ice-server turn:192.0.2.1:3478?transport=tcp,lab,lab \
    --ice-server turns:192.0.2.1:443,lab,lab --turn-ca {cert}";

/// What a viewer behind this NAT is configured with: aiortc takes one TURN server, so the one that gets through.
pub fn viewer_all(nat_b: &str) -> [&'static str; 2] {
    match nat_b {
        "noudp" => [STUN, TURN_TCP],
        "only443" => [STUN, TURN_TLS],
        _ => [STUN, TURN_UDP],
    }
}
