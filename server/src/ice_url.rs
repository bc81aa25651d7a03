//! URLs of STUN and TURN servers: RFC 7064 (`stun:`, which takes no query) and RFC 7065 (`turn:`).

use std::net::Ipv6Addr;

/// What a URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IceUrl {
    pub(crate) scheme: Scheme,
    /// A name or an address, an IPv6 one without its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) transport: Transport,
}

/// What stands before the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Stun,
    Stuns,
    Turn,
    Turns,
}

/// What carries it; TLS and DTLS come from the scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

impl IceUrl {
    /// Reads a URL; the text of an error says how to write one.
    pub(crate) fn parse(url: &str) -> Result<IceUrl, String> {
        let wrong = |what: &str| {
            format!(
                "{url:?}: {what}; write stun:HOST[:PORT] or turn:HOST[:PORT][?transport=udp|tcp]"
            )
        };
        let (scheme, rest) = url.split_once(':').ok_or_else(|| wrong("no scheme"))?;
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let scheme = match scheme {
            "stun" => Scheme::Stun,
            "stuns" => Scheme::Stuns,
            "turn" => Scheme::Turn,
            "turns" => Scheme::Turns,
            _ => return Err(wrong("unknown scheme")),
        };
        let transport = match (scheme, query) {
            (Scheme::Stun | Scheme::Turn, None) => Transport::Udp,
            (Scheme::Stuns | Scheme::Turns, None) => Transport::Tcp,
            (Scheme::Stun | Scheme::Stuns, Some(_)) => {
                return Err(wrong("a stun: URL takes no query"));
            }
            (_, Some("transport=udp")) => Transport::Udp,
            (_, Some("transport=tcp")) => Transport::Tcp,
            _ => return Err(wrong("unknown query")),
        };
        let (host, port) = host_and_port(authority).map_err(wrong)?;
        // RFC 7064 §3.2, RFC 7065 §3.2.
        let usual = match scheme {
            Scheme::Stun | Scheme::Turn => 3478,
            Scheme::Stuns | Scheme::Turns => 5349,
        };
        let port = match port.map(str::parse) {
            None => usual,
            Some(Ok(port @ 1..)) => port,
            Some(_) => return Err(wrong("not a port")),
        };
        Ok(IceUrl { scheme, host: host.to_string(), port, transport })
    }
}

fn host_and_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some((host, rest)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match (host.parse::<Ipv6Addr>(), rest.strip_prefix(':')) {
            (Err(_), _) => Err("not an IPv6 address"),
            (Ok(_), port @ Some(_)) => Ok((host, port)),
            (Ok(_), None) if rest.is_empty() => Ok((host, None)),
            (Ok(_), None) => Err("not a port"),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !host.bytes().all(in_host) {
        return Err("not a host");
    }
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_who_where_and_how() {
        use Scheme::{Stun, Stuns, Turn, Turns};
        use Transport::{Tcp, Udp};
        for (url, scheme, host, port, transport) in [
            ("stun:a", Stun, "a", 3478, Udp),
            ("stun:a:3479", Stun, "a", 3479, Udp),
            ("stuns:a", Stuns, "a", 5349, Tcp),
            ("turn:a?transport=udp", Turn, "a", 3478, Udp),
            ("turn:a?transport=tcp", Turn, "a", 3478, Tcp),
            ("turns:a:443?transport=tcp", Turns, "a", 443, Tcp),
            ("turns:a", Turns, "a", 5349, Tcp),
            ("turn:[2001:db8::1]:3478", Turn, "2001:db8::1", 3478, Udp),
            ("turn:[2001:db8::1]", Turn, "2001:db8::1", 3478, Udp),
            ("stun:192.0.2.1", Stun, "192.0.2.1", 3478, Udp),
        ] {
            let host = host.to_string();
            assert_eq!(IceUrl::parse(url), Ok(IceUrl { scheme, host, port, transport }), "{url}");
        }
    }

    #[test]
    fn urls_that_a_browser_would_throw_at_are_refused() {
        for url in [
            "",
            "a",
            "http://a",
            "stun:",
            "stun:a?transport=udp",
            "turn:a?transport=sctp",
            "turn:a:0",
            "turn:a:99999",
            "turn:[a]",
            "stun://a",
            "stun:a b",
            "turn:[::1]x",
            "stun:[::1]:",
            "stun:2001:db8::1",
        ] {
            assert!(IceUrl::parse(url).is_err(), "{url}");
        }
    }
}
