//! Which addresses a datagram can be sent to.

use std::net::{IpAddr, SocketAddr};

/// Whether somebody can be at an address: it is neither unspecified nor that of a group or of
/// everybody, and has a port. Others are refused where a viewer tells them, and never answered:
/// only a forger has them.
pub(crate) fn can_receive(address: SocketAddr) -> bool {
    let is_one = match address.ip().to_canonical() {
        IpAddr::V4(v4) => !(v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()),
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_multicast()),
    };
    is_one && address.port() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_at_an_address_of_none_of_a_group_or_of_everybody() {
        for (text, expected) in [
            ("192.0.2.7:6000", true),
            ("127.0.0.1:1", true),
            ("[2001:db8::7]:6000", true),
            ("[::ffff:192.0.2.7]:6000", true),
            ("192.0.2.7:0", false),
            ("0.0.0.0:6000", false),
            ("224.0.0.251:5353", false),
            ("255.255.255.255:9", false),
            ("[::]:6000", false),
            ("[ff02::1]:6000", false),
            ("[::ffff:255.255.255.255]:6000", false),
        ] {
            assert_eq!(can_receive(text.parse().unwrap()), expected, "{text}");
        }
    }
}
