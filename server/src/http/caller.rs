//! Who asks: the address behind the connection, and whether that is somebody at this machine.
//!
//! Headers that a proxy adds are never believed for an address, because anybody can send them. Their
//! presence is: what came through a proxy on this machine comes from elsewhere.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::request::Parts;

use crate::origin::Origin;
use crate::verdicts::Audience;

/// The address at the other end of the connection, an extension of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Headers of proxies.
const FORWARDED: [HeaderName; 4] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
];

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    peer: Option<IpAddr>,
    /// Whether it is a program or a page of this machine, and no proxy for others: it came over
    /// loopback, calls us by a loopback name, and so does the page it speaks for.
    is_local: bool,
}

impl Caller {
    /// How much it is told.
    pub(crate) fn audience(self) -> Audience {
        if self.is_local { Audience::Operator } else { Audience::Anybody }
    }

    /// Where it is; `None` where a proxy stands between.
    pub(crate) fn address(self) -> Option<IpAddr> {
        self.peer.filter(|peer| !peer.is_loopback() || self.is_local)
    }

    fn of(peer: Option<IpAddr>, headers: &HeaderMap) -> Caller {
        let peer = peer.map(|peer| peer.to_canonical());
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
        let host = text(header::HOST).and_then(|host| Origin::of_host("http", host));
        let origin = text(header::ORIGIN).map(Origin::parse);
        let is_local = peer.is_some_and(|peer| peer.is_loopback())
            && host.is_some_and(|host| is_loopback(host.host()))
            && origin.is_none_or(|origin| origin.is_some_and(|page| is_loopback(page.host())))
            && !FORWARDED.iter().any(|name| headers.contains_key(name));
        Caller { peer, is_local }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Infallible> {
        let peer = parts.extensions.get::<Peer>().map(|Peer(address)| *address);
        Ok(Caller::of(peer, &parts.headers))
    }
}

/// Whether a host of a URL is a loopback address, or the name of one.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn caller(peer: &str, headers: &[(&'static str, &'static str)]) -> Caller {
        let of = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        Caller::of(Some(peer.parse().unwrap()), &headers.iter().map(of).collect())
    }

    #[test]
    fn who_sits_at_this_machine_is_an_operator() {
        for (peer, headers) in [
            ("127.0.0.1", &[("host", "127.0.0.1:8080")][..]),
            ("::1", &[("host", "[::1]:8080")]),
            ("::ffff:127.0.0.1", &[("host", "localhost:8080")]),
            ("127.0.0.1", &[("host", "localhost"), ("origin", "http://localhost")]),
        ] {
            let caller = caller(peer, headers);
            assert_eq!(caller.audience(), Audience::Operator, "{peer} {headers:?}");
            assert!(caller.address().unwrap().is_loopback());
        }
    }

    #[test]
    fn who_comes_from_elsewhere_or_by_a_proxy_on_this_machine_is_not() {
        for headers in [
            &[][..],
            &[("host", "play.example.org")],
            &[("host", "127.0.0.1:8080"), ("origin", "https://play.example.org")],
            &[("host", "127.0.0.1:8080"), ("origin", "null")],
            &[("host", "127.0.0.1:8080"), ("x-forwarded-for", "127.0.0.1")],
            &[("host", "127.0.0.1:8080"), ("forwarded", "for=127.0.0.1")],
        ] {
            let caller = caller("127.0.0.1", headers);
            assert_eq!(caller.audience(), Audience::Anybody, "{headers:?}");
            assert_eq!(caller.address(), None, "it is not at the proxy's address: {headers:?}");
        }
        let caller = caller("198.51.100.9", &[("host", "127.0.0.1:8080")]);
        assert_eq!(caller.audience(), Audience::Anybody);
        assert_eq!(caller.address(), Some("198.51.100.9".parse().unwrap()));
    }
}
