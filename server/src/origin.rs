//! Origins of web pages, RFC 6454: a scheme, a host and a port, compared without regard to case or
//! default ports.

use std::fmt;

use axum::http::uri::Authority;

/// The origin of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    /// `None`: the scheme's own.
    port: Option<u16>,
}

/// An origin that `--allow-origin` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// `*`
    Any,
    /// One origin.
    One(Origin),
}

impl Origin {
    /// Parses `SCHEME://HOST[:PORT]`, as the Origin header has it. `null`, a path or a user is
    /// none.
    pub fn parse(text: &str) -> Option<Origin> {
        let (scheme, authority) = text.split_once("://")?;
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if scheme.is_empty() || !scheme.bytes().all(known) {
            return None;
        }
        Origin::new(&scheme.to_ascii_lowercase(), authority)
    }

    /// The origin of pages that came from here: our scheme and the request's Host.
    pub fn of_host(scheme: &str, host: &str) -> Option<Origin> {
        Origin::new(scheme, host)
    }

    /// The host: a name in lower case, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    fn new(scheme: &str, authority: &str) -> Option<Origin> {
        if authority.contains('@') {
            return None;
        }
        let authority: Authority = authority.parse().ok()?;
        // `Authority` takes a port alone.
        if authority.host().is_empty() {
            return None;
        }
        let default = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        // `Authority::port` takes what is no port for none.
        let port = match &authority.as_str()[authority.host().len()..] {
            "" => None,
            port => Some(port.strip_prefix(':')?.parse().ok()?),
        };
        Some(Origin {
            scheme: scheme.to_string(),
            host: authority.host().to_ascii_lowercase(),
            port: port.filter(|port| Some(*port) != default),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(out, ":{port}"))
    }
}

impl AllowedOrigin {
    /// Parses what `--allow-origin` takes.
    pub fn parse(text: &str) -> Result<AllowedOrigin, String> {
        if text == "*" {
            return Ok(AllowedOrigin::Any);
        }
        Origin::parse(text).map(AllowedOrigin::One).ok_or_else(|| {
            "write a scheme, a host and perhaps a port, without a path, such as \
             https://example.com, or *"
                .to_string()
        })
    }

    /// Whether pages of `origin` (`None`: one that cannot be named, such as `null`) may connect.
    pub fn allows(&self, origin: Option<&Origin>) -> bool {
        match self {
            AllowedOrigin::Any => true,
            AllowedOrigin::One(allowed) => origin == Some(allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_ports_and_case_make_no_difference() {
        for (left, right) in [
            ("https://Example.com", "https://example.com:443"),
            ("http://[::1]:80", "HTTP://[::1]"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(Origin::parse(left).unwrap(), Origin::parse(right).unwrap());
        }
        assert_ne!(Origin::parse("http://a").unwrap(), Origin::parse("https://a").unwrap());
        assert_ne!(Origin::parse("http://a:443").unwrap(), Origin::parse("https://a").unwrap());
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "null",
            "",
            "example.com",
            "http://",
            "http://a/b",
            "http://u@a",
            "http://a:",
            "http://a:99999",
            "://a",
            "http://a b",
            "http://:80",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }
}
