//! Private addresses in any text: in attributes that nobody here knows, names, URIs.
//!
//! They are masked in place, by `0.0.0.0` or `::`: a line that is dropped may be one that the
//! session needs, and most that hold an address need it for nothing. A version number that reads
//! like a private address (`a=tool:x 10.0.0.5`) is masked too, because nothing tells them apart.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::privacy::unspecified;

/// Passes over a line. Masking can put digits side by side that read as an address only together;
/// two passes were the most that was ever seen.
const PASSES_MAX: usize = 8;
/// The longest text of an IPv6 address, `…:255.255.255.255` in full.
const ADDRESS_BYTES_MAX: usize = 45;

/// The line with each address that `hides` says masked; `None` where that does not come to an end.
pub(super) fn mask_line(line: &str, hides: impl Fn(IpAddr) -> bool) -> Option<String> {
    let mut line = line.to_owned();
    for _ in 0..PASSES_MAX {
        let masked = one_pass(&line, &hides);
        if masked == line {
            return Some(line);
        }
        line = masked;
    }
    None
}

fn one_pass(line: &str, hides: &impl Fn(IpAddr) -> bool) -> String {
    // A name before an address can read as its first group: `a=cafe:fd00::5`.
    let value = line.starts_with("a=").then(|| line.find(':')).flatten().map_or(0, |at| at + 1);
    let (name, value) = line.split_at(value);
    let line = format!("{name}{}", mask(value, hides));
    mask(&line, hides)
}

fn mask(text: &str, hides: &impl Fn(IpAddr) -> bool) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        let Some(found) = address_at(text.as_bytes(), at, hides) else {
            at += 1;
            continue;
        };
        at = match hides(found.address) {
            true => {
                masked.push_str(text.get(copied..at).unwrap_or_default());
                masked.push_str(&unspecified(found.address.is_ipv6()).to_string());
                copied = found.end;
                found.end
            }
            false => found.resume,
        };
    }
    masked.push_str(text.get(copied..).unwrap_or_default());
    masked
}

/// An address in a text.
struct Found {
    address: IpAddr,
    /// Where it ends, with its zone.
    end: usize,
    /// Where to look on if it may stay.
    resume: usize,
}

/// The address that begins at `at`.
fn address_at(text: &[u8], at: usize, hides: &impl Fn(IpAddr) -> bool) -> Option<Found> {
    let here = *text.get(at)?;
    let before = at.checked_sub(1).and_then(|before| text.get(before)).copied().unwrap_or(b' ');
    let begins_v6 = here.is_ascii_hexdigit() || text.get(at..at + 2) == Some(b"::");
    if begins_v6
        && !before.is_ascii_hexdigit()
        && let Some((v6, end)) = v6_at(text, at, hides)
    {
        // An IPv4 address may be written at its end, and has to be seen.
        let dotted = text.get(at..end)?.contains(&b'.');
        let resume = if dotted { at + 1 } else { end };
        return Some(Found { address: v6.into(), end: zone_end(text, end), resume });
    }
    if here.is_ascii_digit() && !before.is_ascii_digit() {
        let (v4, end) = v4_at(text, at)?;
        // In five numbers with dots each four may be meant.
        let digits = text.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        return Some(Found { address: v4.into(), end, resume: at + digits });
    }
    None
}

/// The longest reading that matters: a private address, or one of 2000::/3, in which others are
/// mere digits. Any other is hardly an address at all: `f:fe80::1` is one with something before it,
/// `::1:8080` one with a port.
fn v6_at(text: &[u8], at: usize, hides: &impl Fn(IpAddr) -> bool) -> Option<(Ipv6Addr, usize)> {
    let rest = text.get(at..)?;
    let belongs = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let longest = rest.iter().take(ADDRESS_BYTES_MAX).take_while(belongs).count();
    // Seven colons, six before an IPv4 address, fewer and one more only with `::`: most that is
    // hexadecimal in an SDP, a fingerprint most of all, is not worth reading in all its lengths.
    let span = rest.get(..longest)?;
    let gap = span.windows(2).position(|two| two == b"::").map_or(usize::MAX, |at| at + 2);
    let mut colons = span.iter().filter(|byte| **byte == b':').count();
    (2..=longest).rev().find_map(|length| {
        let here = colons;
        colons -= usize::from(rest.get(length - 1) == Some(&b':'));
        if here > 8 || length < gap && !(6..=7).contains(&here) {
            return None;
        }
        let cut_inside = rest.get(length).is_some_and(u8::is_ascii_hexdigit)
            && rest.get(length - 1).is_some_and(u8::is_ascii_hexdigit);
        let text = str::from_utf8(rest.get(..length)?).ok().filter(|_| !cut_inside)?;
        let address: Ipv6Addr = text.parse().ok()?;
        let is_global = address.segments()[0] & 0xe000 == 0x2000;
        (is_global || hides(address.into())).then_some((address, at + length))
    })
}

/// Four numbers with dots; leading zeros are read as people mean them.
fn v4_at(text: &[u8], at: usize) -> Option<(Ipv4Addr, usize)> {
    let mut octets = [0u8; 4];
    let mut end = at;
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            (text.get(end) == Some(&b'.')).then_some(())?;
            end += 1;
        }
        let digits = text.get(end..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = text.get(end..end + digits).filter(|_| (1..=3).contains(&digits))?;
        *octet = str::from_utf8(number).ok()?.parse().ok()?;
        end += digits;
    }
    Some((octets.into(), end))
}

/// Behind `%eth0`, RFC 4007 §11.
fn zone_end(text: &[u8], end: usize) -> usize {
    if text.get(end) != Some(&b'%') {
        return end;
    }
    let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let zone = text.get(end + 1..).unwrap_or_default().iter().take_while(belongs).count();
    end + 1 + zone
}

#[cfg(test)]
mod tests {
    use super::super::privacy::is_private;
    use super::*;

    #[test]
    fn private_addresses_are_masked_wherever_they_stand() {
        let table = [
            ("s=stream of 10.0.0.5", "s=stream of 0.0.0.0"),
            ("u=http://10.0.0.5:8080/a", "u=http://0.0.0.0:8080/a"),
            ("u=http://[fd00::5]:8080/a", "u=http://[::]:8080/a"),
            ("e=me@192.168.1.5", "e=me@0.0.0.0"),
            ("i=from fe80::1%eth0 on", "i=from :: on"),
            ("a=x-google-flag:10.0.0.5", "a=x-google-flag:0.0.0.0"),
            ("a=x:fd00::5", "a=x:::"),
            ("a=cafe:fd00::5", "a=cafe:::"),
            ("a=ssrc:1 cname:user@172.20.0.2", "a=ssrc:1 cname:user@0.0.0.0"),
            ("a=x:::ffff:10.0.0.5", "a=x:::"),
            ("a=x:::ffff:a00:5", "a=x:::"),
            ("a=ssrc:1 cname:::1", "a=ssrc:1 cname:::"),
            ("a=x:2001:db8::10.0.0.5", "a=x:2001:db8::0.0.0.0"),
            ("a=x:10.0.0.5.nip.io", "a=x:0.0.0.0.nip.io"),
            ("a=x:v10.0.0.5x", "a=x:v0.0.0.0x"),
            ("a=x:010.000.000.005", "a=x:0.0.0.0"),
            ("s=f:fe80::1%eth0", "s=f:::"),
            ("a=3abc:fd00::5", "a=3abc:::"),
            ("a=x ::1:8080", "a=x :::8080"),
            ("a=x:1.10.0.0.5", "a=x:1.0.0.0.0"),
            ("a=x:10.0.0.5,10.0.0.6", "a=x:0.0.0.0,0.0.0.0"),
            ("a=x:fd00::5,", "a=x:::,"),
            ("a=x:fe80::1::1", "a=x:::::"),
            ("a=x:ünïcode 10.0.0.5 ü", "a=x:ünïcode 0.0.0.0 ü"),
            ("k=uri:http://127.0.0.1/", "k=uri:http://0.0.0.0/"),
        ];
        for (line, expected) in table {
            assert_eq!(mask_line(line, is_private).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_a_private_address_stays() {
        for line in [
            "a=x:110.0.0.5 210.0.0.5",
            "a=x:10.0.0 10.0.0.256 10.0.0.1234",
            "a=x:192.169.1.1 8.8.8.8 0.0.0.0 ::",
            "a=x:2600:1f18:fe80::1 2001:db8::1",
            "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid",
            "a=fingerprint:sha-256 FD:00:3F:B0:E5:6C:38:58:D5:49:87:01:EC:79:24:ED:39:40:34:06",
            "a=rtcp-fb:120 nack",
            "t=0 0",
            "a=msid-semantic: WMS *",
            "a=ice-pwd:zeP5wqWWR/saTFmrgQH1IBx/",
            "a=x:12:34:56",
            "a=x:::::::",
        ] {
            assert_eq!(mask_line(line, is_private).unwrap(), line);
        }
    }
}
