//! How the value of each setting is written. A parser refuses with a text that says what to write
//! instead.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use pinhole_core::gather::{Audience, Paths};
use pinhole_encoder::{Content, EncoderChoice, SourceKind};
use pinhole_runtime::Batching;

use super::choices::{BitrateFloor, IceFor, RuntimeKind, TcpPort};

/// Local UDP ports, lowest and highest.
pub type PortRange = RangeInclusive<u16>;

/// Bits a second below which no encoder gives a picture.
const BITRATE_MIN: u64 = 50_000;
/// Bits a second above which a number is a slip of the pen.
const BITRATE_MAX: u64 = 1_000_000_000;
/// Picture sides: the smallest macroblock-aligned one, and the largest of H.264 level 6.2.
const SIDE: RangeInclusive<u32> = 16..=8192;
/// Enough for any token worth having, and fits a request head.
const SECRET_BYTES_MAX: usize = 1024;

/// `ADDRESS:PORT`, where the address is numeric or `localhost`.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| {
        "write ADDRESS:PORT with a numeric address, such as 127.0.0.1:8080, 0.0.0.0:8080 or \
         [::]:8080"
            .to_string()
    })
}

/// A token: printable ASCII without spaces, as an Authorization header can carry it.
pub(super) fn token(text: &str) -> Result<String, String> {
    let text = secret(text)?;
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text)
    } else {
        Err("write a token of printable ASCII characters without spaces".to_string())
    }
}

/// A secret of a bounded, non-zero length.
pub(super) fn secret(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("an empty secret protects nothing; leave the setting out instead".to_string()),
        1..=SECRET_BYTES_MAX => Ok(text.to_string()),
        _ => Err(format!("at most {SECRET_BYTES_MAX} bytes are taken")),
    }
}

/// A number of viewers.
pub(super) fn max_viewers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=100_000) => Ok(count),
        _ => Err("write a number from 1 to 100000".to_string()),
    }
}

/// For how long packets are kept to be sent again.
pub(super) fn retransmit_ms(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(ms @ 0..=2_000) => Ok(ms),
        _ => Err("write milliseconds from 0 to 2000".to_string()),
    }
}

/// Event loops.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=256) => Ok(count),
        _ => Err("write a number from 1 to 256".to_string()),
    }
}

/// Where pictures come from: files are told apart by the end of their name, all else by its start.
pub(super) fn source(text: &str) -> Result<SourceKind, String> {
    let path = PathBuf::from(text);
    if let Some(name) = text.strip_prefix("shm:") {
        return match name {
            "" => Err("name the shared memory, as in shm:game".to_string()),
            name => Ok(SourceKind::SharedMemory(name.to_string())),
        };
    }
    if let Some(display) = text.strip_prefix("x11:") {
        return match display {
            "" => {
                Err("name the display, as in x11::0, or write x11 for that of DISPLAY".to_string())
            }
            // A number alone is meant as a display of this machine.
            display if display.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(SourceKind::X11(Some(format!(":{display}"))))
            }
            display => Ok(SourceKind::X11(Some(display.to_string()))),
        };
    }
    let extension = path.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase);
    match (text, extension.as_deref()) {
        ("test", _) => Ok(SourceKind::Test),
        ("-", _) => Ok(SourceKind::Stdin),
        ("x11", _) => Ok(SourceKind::X11(None)),
        (_, Some("y4m")) => Ok(SourceKind::Y4mFile(path)),
        (_, Some("h264" | "264" | "avc")) => Ok(SourceKind::H264File(path)),
        _ => Err(
            "write test, a file that ends in .y4m or .h264, - for y4m on standard input, shm:NAME \
                  or x11"
                .to_string(),
        ),
    }
}

/// An encoder's name.
pub(super) fn encoder(text: &str) -> Result<EncoderChoice, String> {
    match text {
        "auto" => Ok(EncoderChoice::Auto),
        "openh264" => Ok(EncoderChoice::OpenH264),
        "vulkan-video" => Ok(EncoderChoice::VulkanVideo),
        "vulkan-compute" => Ok(EncoderChoice::VulkanCompute),
        _ => Err("write auto, openh264, vulkan-video or vulkan-compute".to_string()),
    }
}

/// `WIDTHxHEIGHT`, both even, as 4:2:0 needs.
pub(super) fn size(text: &str) -> Result<(u32, u32), String> {
    let parsed = text.split_once('x').and_then(|(width, height)| {
        let side = |side: &str| side.parse().ok().filter(|side| SIDE.contains(side));
        Some((side(width)?, side(height)?))
    });
    match parsed {
        Some((width, height)) if width % 2 == 0 && height % 2 == 0 => Ok((width, height)),
        Some(_) => {
            Err("both sides must be even, because colour is sampled at half size".to_string())
        }
        None => Err(format!(
            "write WIDTHxHEIGHT, such as 1280x720, with sides from {} to {}",
            SIDE.start(),
            SIDE.end()
        )),
    }
}

/// Frames a second.
pub(super) fn fps(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(fps @ 1..=240) => Ok(fps),
        _ => Err("write a whole number of frames a second from 1 to 240".to_string()),
    }
}

/// Bits a second, with a `k` or `M` of thousands or millions; `2.5M` is taken too.
pub(super) fn bitrate(text: &str) -> Result<u32, String> {
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1e3),
        None => match text.strip_suffix(['m', 'M']) {
            Some(number) => (number, 1e6),
            None => (text, 1.0),
        },
    };
    let digits = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let bits = number.parse::<f64>().ok().filter(|_| digits).map(|number| (number * unit) as u64);
    match bits {
        Some(bits @ BITRATE_MIN..=BITRATE_MAX) => {
            Ok(u32::try_from(bits).expect("the maximum fits 32 bits"))
        }
        Some(_) => Err("write 50k to 1000M bits a second".to_string()),
        None => Err("write bits a second: 3M, 800k or a plain number".to_string()),
    }
}

/// A bitrate, or `off`.
pub(super) fn bitrate_floor(text: &str) -> Result<BitrateFloor, String> {
    match text {
        "off" => Ok(BitrateFloor::Off),
        text => bitrate(text).map(BitrateFloor::At).map_err(|error| format!("{error}, or off")),
    }
}

/// What the picture shows.
pub(super) fn content(text: &str) -> Result<Content, String> {
    match text {
        "camera" => Ok(Content::Camera),
        "screen" => Ok(Content::Screen),
        _ => Err("write camera or screen".to_string()),
    }
}

/// `PORT` or `LOWEST-HIGHEST`.
pub(super) fn port_range(text: &str) -> Result<PortRange, String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let port = |port: &str| port.parse::<u16>().ok().filter(|port| *port != 0);
    match (port(low), port(high)) {
        (Some(low), Some(high)) if low <= high => Ok(low..=high),
        (Some(low), Some(high)) => Err(format!("the lowest port comes first: {high}-{low}")),
        _ => Err("write a port, 10111, or a range, 10111-10115".to_string()),
    }
}

/// An address of one interface.
pub(super) fn bind_address(text: &str) -> Result<IpAddr, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => {
            Err("leave the setting out to bind all interfaces".to_string())
        }
        Ok(address) => Ok(address),
        Err(_) => Err("write the numeric address of one interface, such as 192.0.2.7".to_string()),
    }
}

/// Who is told which addresses.
pub(super) fn audience(text: &str) -> Result<Audience, String> {
    match text {
        "public" => Ok(Audience::Public),
        "lan" => Ok(Audience::Lan),
        "both" => Ok(Audience::Both),
        _ => Err("write public, lan or both".to_string()),
    }
}

/// Where viewers without UDP connect.
pub(super) fn tcp_port(text: &str) -> Result<TcpPort, String> {
    match (text, text.parse()) {
        ("http", _) => Ok(TcpPort::Http),
        ("off", _) => Ok(TcpPort::Off),
        (_, Ok(port @ 1..)) => Ok(TcpPort::Own(port)),
        _ => Err("write http, a port from 1 to 65535, or off".to_string()),
    }
}

/// Which paths viewers may take.
pub(super) fn paths(text: &str) -> Result<Paths, String> {
    match text {
        "all" => Ok(Paths::All),
        "direct" => Ok(Paths::Direct),
        "relay" => Ok(Paths::Relay),
        _ => Err("write all, direct or relay".to_string()),
    }
}

/// `HOST:PORT`, the host a name, an IPv4 address or an IPv6 one in brackets.
pub(super) fn reflector(text: &str) -> Result<String, String> {
    let parts = text.rsplit_once(':');
    let bare = |host: &str| match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    match parts {
        Some((host, port)) if bare(host) && matches!(port.parse(), Ok(1_u16..)) => {
            Ok(text.to_string())
        }
        _ => Err("write HOST:PORT, such as reflect.example.org:4780".to_string()),
    }
}

/// Who uses the STUN and TURN servers.
pub(super) fn ice_for(text: &str) -> Result<IceFor, String> {
    match text {
        "both" => Ok(IceFor::Both),
        "browsers" => Ok(IceFor::Browsers),
        "server" => Ok(IceFor::Server),
        _ => Err("write both, browsers or server".to_string()),
    }
}

/// How datagrams leave, at best.
pub(super) fn udp_send(text: &str) -> Result<Batching, String> {
    match text {
        "gso" => Ok(Batching::Gso),
        "sendmmsg" => Ok(Batching::Sendmmsg),
        "plain" => Ok(Batching::Plain),
        _ => Err("write gso, sendmmsg or plain".to_string()),
    }
}

/// An event loop's name.
pub(super) fn runtime(text: &str) -> Result<RuntimeKind, String> {
    match text {
        "mio" => Ok(RuntimeKind::Mio),
        "smol" => Ok(RuntimeKind::Smol),
        _ => Err("write mio or smol".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitrates_are_written_as_people_write_them() {
        for (text, bits) in
            [("3M", 3_000_000), ("800k", 800_000), ("2.5M", 2_500_000), ("1200000", 1_200_000)]
        {
            assert_eq!(bitrate(text), Ok(bits), "{text}");
        }
        for text in ["", "M", "fast", "3G", "-3M", "1", "5000M", "inf", "NaN", "1e9", "3 M"] {
            assert!(bitrate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_even_and_within_what_h264_holds() {
        assert_eq!(size("1280x720"), Ok((1280, 720)));
        for text in ["1280", "1281x720", "0x0", "8194x16", "1280X720", "axb", "1280x720x1"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn port_ranges_are_ordered_and_without_zero() {
        assert_eq!(port_range("10111-10115"), Ok(10111..=10115));
        assert_eq!(port_range("10111"), Ok(10111..=10111));
        for text in ["", "0", "0-5", "5-4", "70000", "1-2-3", "a"] {
            assert!(port_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reflectors_are_a_host_and_a_port() {
        for text in ["a.example:4780", "192.0.2.1:1", "[2001:db8::1]:65535"] {
            assert_eq!(reflector(text), Ok(text.to_string()));
        }
        for text in ["", "a", ":1", "a:0", "a:65536", "2001:db8::1:4780", "[a]:1", "a b:1"] {
            assert!(reflector(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sources_are_told_apart_by_their_names() {
        assert_eq!(source("test"), Ok(SourceKind::Test));
        assert_eq!(source("-"), Ok(SourceKind::Stdin));
        assert_eq!(source("a/b.y4m"), Ok(SourceKind::Y4mFile("a/b.y4m".into())));
        assert_eq!(source("b.H264"), Ok(SourceKind::H264File("b.H264".into())));
        assert_eq!(source("shm:a.y4m"), Ok(SourceKind::SharedMemory("a.y4m".to_string())));
        assert_eq!(source("x11"), Ok(SourceKind::X11(None)));
        let display = |name: &str| Ok(SourceKind::X11(Some(name.to_string())));
        assert_eq!(source("x11::1.0"), display(":1.0"));
        assert_eq!(source("x11:99"), display(":99"));
        for text in ["film.mp4", "shm:", "x11:", "shm", "x12"] {
            assert!(source(text).is_err(), "{text}");
        }
    }

    #[test]
    fn listen_addresses_are_numeric_or_localhost() {
        assert_eq!(listen("localhost:1"), Ok("127.0.0.1:1".parse().unwrap()));
        assert_eq!(listen("[::]:8080"), Ok("[::]:8080".parse().unwrap()));
        for text in ["8080", ":8080", "example.com:80", "127.0.0.1"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_are_neither_empty_nor_endless_and_tokens_fit_a_header() {
        assert!(secret("").is_err());
        assert!(secret(&"x".repeat(1025)).is_err());
        assert!(token("a b").is_err());
        assert!(token("ü").is_err());
        assert_eq!(token("s3cret-._~"), Ok("s3cret-._~".to_string()));
    }
}
