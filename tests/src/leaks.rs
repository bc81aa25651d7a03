//! Looks for private addresses in a text, by trying every piece of it: slow, and with nothing in common with the code
//! that takes them out.

use std::net::IpAddr;

/// The longest piece that is tried.
const PIECE_MAX: usize = 45;

/// Every private address in every line, as it is written there. `outside` are addresses that may be seen all the same.
pub fn private_addresses(text: &str, outside: &[IpAddr]) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.split(['\r', '\n']) {
        let attribute = line.strip_prefix("a=").and_then(|line| line.split_once(':'));
        let value = attribute.map_or("", |(_, value)| value);
        for part in [line, value] {
            for (from, to, address) in pieces(part) {
                let seen = outside.contains(&address.to_canonical());
                if is_private(&full(address)) && !seen && !is_inside_another(part, from, to) {
                    found.push(format!("{} in {line:?}", &part[from..to]));
                }
            }
        }
    }
    found
}

/// All pieces that read as an address and are not cut out of a longer word of digits.
fn pieces(line: &str) -> Vec<(usize, usize, IpAddr)> {
    let bytes = line.as_bytes();
    let mut all = Vec::new();
    for from in 0..bytes.len() {
        for to in from + 2..=bytes.len().min(from + PIECE_MAX) {
            let Some(address) = line.get(from..to).and_then(read) else { continue };
            let digit = |at: Option<&u8>| match address {
                IpAddr::V4(_) => at.is_some_and(u8::is_ascii_digit),
                IpAddr::V6(_) => at.is_some_and(u8::is_ascii_hexdigit),
            };
            let cut_before = digit(from.checked_sub(1).and_then(|at| bytes.get(at)));
            let cut_after = digit(bytes.get(to)) && digit(bytes.get(to - 1));
            if !cut_before && !cut_after {
                all.push((from, to, address));
            }
        }
    }
    all
}

/// An address, with or without zeros before its numbers.
fn read(piece: &str) -> Option<IpAddr> {
    let without_zeros = || {
        let numbers =
            piece.split('.').map(|number| number.parse::<u8>().ok().filter(|_| number.len() <= 3));
        let numbers: Vec<u8> = numbers.collect::<Option<_>>()?;
        Some(IpAddr::from(<[u8; 4]>::try_from(numbers).ok()?))
    };
    let digits = piece.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if digits { without_zeros() } else { piece.parse().ok() }
}

/// `fe80::1` in `2600:1f18:fe80::1` is no address: only those that begin with 2 or 3 are given out, and hold others. An
/// IPv4 one in an IPv6 one is: people read it.
fn is_inside_another(line: &str, from: usize, to: usize) -> bool {
    !line[from..to].contains('.')
        && pieces(line).iter().any(|&(first, last, other)| {
            other.is_ipv6()
                && full(other).starts_with(['2', '3'])
                && (first, last) != (from, to)
                && first <= from
                && to <= last
        })
}

/// All groups of an address in hex digits: IPv4 in the form of IPv6 that maps it.
fn full(address: IpAddr) -> String {
    let v6 = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    v6.octets().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// By the digits of RFC 1918, 6598, 3927, 4193, 4291 and 6052.
fn is_private(digits: &str) -> bool {
    let embedded = ["0".repeat(20) + "ffff", "0".repeat(24), format!("0064ff9b{}", "0".repeat(16))];
    if embedded.iter().any(|prefix| digits.starts_with(prefix)) {
        let number = u32::from_str_radix(&digits[24..], 16).expect("hex digits");
        let within = |network: u32, bits: u32| (number ^ network) >> (32 - bits) == 0;
        let networks = [
            (0x0a00_0000, 8),
            (0xac10_0000, 12),
            (0xc0a8_0000, 16),
            (0x6440_0000, 10),
            (0x7f00_0000, 8),
            (0xa9fe_0000, 16),
        ];
        return networks.into_iter().any(|(network, bits)| within(network, bits))
            || digits == format!("{}1", "0".repeat(31));
    }
    let start = u16::from_str_radix(&digits[..4], 16).expect("hex digits");
    matches!(start, 0xfc00..=0xfdff | 0xfe80..=0xfebf | 0xfec0..=0xfeff)
}

#[cfg(test)]
mod tests {
    use super::private_addresses;

    #[test]
    fn each_private_address_is_seen_and_no_public_one() {
        for text in [
            "10.0.0.5",
            "a=x:172.16.0.1",
            "c=IN IP4 192.168.1.1\r\n",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.0.1",
            "fd00::5",
            "a=cafe:fd00::5",
            "[fe80::1%eth0]",
            "::1",
            "::ffff:10.0.0.5",
            "::ffff:a00:5",
            "fec0::1",
            "64:ff9b::a00:5",
            "010.0.0.05",
            "::1:80",
            "2001:db8::10.0.0.5",
            "1.10.0.0.5",
            "x10.0.0.5y",
        ] {
            assert!(!private_addresses(text, &[]).is_empty(), "{text}");
        }
        for text in [
            "110.0.0.5",
            "10.0.0",
            "10.0.0.256",
            "203.0.113.10",
            "0.0.0.0",
            "::",
            "2600:1f18:fe80::1",
            "172.32.0.1",
            "100.128.0.1",
            "C5:D8:3F:B0:E5:6C:38:58:D5:49",
            "12:34",
            "2001:db8::1",
        ] {
            assert!(private_addresses(text, &[]).is_empty(), "{text}");
        }
        assert!(private_addresses("10.9.0.1", &["10.9.0.1".parse().unwrap()]).is_empty());
    }
}
