//! The STUN and TURN servers that we gather from ourselves: each URL is one.

use pinhole_core::gather::{ServerConfig, ServerKind, TurnTransport};
use pinhole_core::turn::Credentials;
use pinhole_runtime::NamedServer;

use crate::ice_servers::{IceServer, IceServers};
use crate::ice_url::{IceUrl, Scheme, Transport};

/// The user part of the names that we make for ourselves.
const GATHER_USER: &str = "pinhole";

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatherServers {
    /// As the endpoint takes them. Those whose host is a name have no addresses yet.
    pub servers: Vec<ServerConfig>,
    /// Those whose host is a name, which the runtime resolves.
    pub names: Vec<NamedServer>,
    /// Each server's URL, in their order.
    pub urls: Vec<String>,
    /// What the operator should hear: URLs that only browsers make use of.
    pub warnings: Vec<String>,
}

impl GatherServers {
    /// Whether one of them relays.
    pub fn has_turn(&self) -> bool {
        self.servers.iter().any(|server| matches!(server.kind, ServerKind::Turn { .. }))
    }

    /// Whether one of them is reached over TLS.
    pub fn has_tls(&self) -> bool {
        let tls = |kind: &ServerKind| {
            matches!(kind, ServerKind::Turn { transport: TurnTransport::Tls, .. })
        };
        self.servers.iter().any(|server| tls(&server.kind))
    }

    fn push(&mut self, url: &str, kind: ServerKind) {
        let Ok(IceUrl { host, port, .. }) = IceUrl::parse(url) else { return };
        let address = host.parse().ok().map(|ip| std::net::SocketAddr::new(ip, port));
        if address.is_none() {
            let server = self.servers.len();
            self.names.push(NamedServer { server, host: host.clone(), port });
        }
        let addresses = address.into_iter().collect();
        self.servers.push(ServerConfig { host, addresses, kind });
        self.urls.push(url.to_string());
    }
}

impl IceServers {
    /// The servers to gather from: each URL is one.
    pub fn to_gather(&self) -> GatherServers {
        let mut all = GatherServers::default();
        for server in &self.servers {
            for url in &server.urls {
                match self.kind(server, url) {
                    Ok(kind) => all.push(url, kind),
                    Err(warning) => all.warnings.push(warning),
                }
            }
        }
        all
    }

    fn kind(&self, server: &IceServer, url: &str) -> Result<ServerKind, String> {
        let IceUrl { scheme, transport, .. } = IceUrl::parse(url)?;
        let transport = match (scheme, transport) {
            (Scheme::Stun, _) => return Ok(ServerKind::Stun),
            (Scheme::Stuns, _) => {
                return Err(format!(
                    "{url} is told to browsers, and this server itself does not ask it: over TLS a \
                     STUN server sees no UDP address; add the same server as stun:"
                ));
            }
            (Scheme::Turn, Transport::Udp) => TurnTransport::Udp,
            (Scheme::Turn, Transport::Tcp) => TurnTransport::Tcp,
            (Scheme::Turns, Transport::Tcp) => TurnTransport::Tls,
            (Scheme::Turns, Transport::Udp) => {
                return Err(format!(
                    "{url} is told to browsers, and this server itself does not use it: TURN over \
                     DTLS is not supported; add the same server with ?transport=tcp, or as turn:"
                ));
            }
        };
        let credentials = match (&server.username, &server.credential, &self.secret) {
            (Some(username), Some(password), _) => {
                Credentials::LongTerm { username: username.clone(), password: password.clone() }
            }
            (_, _, Some(secret)) => {
                Credentials::Rest { secret: secret.clone(), user: GATHER_USER.to_string() }
            }
            _ => Credentials::None,
        };
        Ok(ServerKind::Turn { transport, credentials })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_url_is_a_server_to_gather_from_and_an_address_needs_no_resolver() {
        let json = r#"[{"urls":["stun:stun.example.org","stun:[2001:db8::1]:5000"]},
            {"urls":["turn:192.0.2.1","turns:t.example.org:443?transport=tcp"],
             "username":"u","credential":"p"},
            {"urls":"turn:t.example.org?transport=tcp"}]"#;
        let servers = IceServers::parse_json(json).unwrap();
        let gathered = IceServers::new(servers, Some("north".to_string())).unwrap().to_gather();

        let name = |server, host: &str, port| NamedServer { server, host: host.to_string(), port };
        assert_eq!(
            gathered.names,
            [
                name(0, "stun.example.org", 3478),
                name(3, "t.example.org", 443),
                name(4, "t.example.org", 3478)
            ]
        );
        let long_term =
            Credentials::LongTerm { username: "u".to_string(), password: "p".to_string() };
        let rest = Credentials::Rest { secret: "north".to_string(), user: "pinhole".to_string() };
        let turn = |transport, credentials: &Credentials| ServerKind::Turn {
            transport,
            credentials: credentials.clone(),
        };
        let kinds: Vec<_> = gathered.servers.iter().map(|server| server.kind.clone()).collect();
        assert_eq!(
            kinds,
            [
                ServerKind::Stun,
                ServerKind::Stun,
                turn(TurnTransport::Udp, &long_term),
                turn(TurnTransport::Tls, &long_term),
                turn(TurnTransport::Tcp, &rest),
            ]
        );
        let known: Vec<_> = gathered.servers.iter().map(|server| server.addresses.len()).collect();
        assert_eq!(known, [0, 1, 1, 0, 0]);
        assert_eq!(gathered.servers[1].addresses[0], "[2001:db8::1]:5000".parse().unwrap());
        assert!(gathered.warnings.is_empty() && gathered.has_turn() && gathered.has_tls());
    }

    #[test]
    fn urls_that_only_browsers_can_use_are_warned_about() {
        for (url, part) in [("stuns:a", "as stun:"), ("turns:a?transport=udp,u,p", "transport=tcp")]
        {
            let server = IceServer::parse_flag(url).unwrap();
            let gathered = IceServers::new(vec![server], None).unwrap().to_gather();
            assert!(gathered.servers.is_empty() && gathered.urls.is_empty());
            let [warning] = gathered.warnings.as_slice() else { panic!("{gathered:?}") };
            assert!(warning.contains(part) && warning.contains("told to browsers"), "{warning}");
        }
    }
}
