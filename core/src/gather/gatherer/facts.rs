//! What is known of each server, for a diagnosis.

use super::{GatherEvent, Gatherer};
use crate::gather::{Answer, ServerConfig, ServerFacts, ServerKind, ServerReport, TurnTransport};
use crate::turn::Credentials;

/// What a server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// How our sockets look from there.
    Mirror,
    /// To relay for us.
    Relay,
}

impl Gatherer {
    /// Keeps what a server says, and tells it.
    pub(super) fn tell_of(&mut self, server: usize, role: Role, report: ServerReport) {
        self.said.insert((server, role), report.clone());
        self.events.push_back(GatherEvent::Server { server, report });
    }

    /// What is known of each server, in the order of the configuration.
    pub(crate) fn server_facts(&self) -> Vec<ServerFacts> {
        let servers = self.config.servers.iter().enumerate();
        servers.map(|(server, config)| self.facts_of(server, config)).collect()
    }

    fn facts_of(&self, server: usize, config: &ServerConfig) -> ServerFacts {
        let (role, relay, credentials) = match &config.kind {
            ServerKind::Stun => (Role::Mirror, None, &Credentials::None),
            ServerKind::Turn { transport, credentials } => {
                (Role::Relay, Some(*transport), credentials)
            }
        };
        let machine = self.relays.get(&server);
        let realm = machine.and_then(|relay| relay.realm());
        let former = machine.and_then(|relay| relay.granted_realm());
        ServerFacts {
            url: url(config),
            relay,
            answer: self.answer(server, role, config),
            minted: matches!(credentials, Credentials::Rest { .. }),
            expires_unix: credentials.expires_unix(),
            realm: realm.map(str::to_owned),
            former_realm: former.filter(|former| Some(*former) != realm).map(str::to_owned),
            opens_tcp: None,
            peers_refused: machine.map(|relay| relay.peers_refused().to_vec()).unwrap_or_default(),
            echo: None,
        }
    }

    fn answer(&self, server: usize, role: Role, config: &ServerConfig) -> Answer {
        if config.addresses.is_empty() {
            return Answer::Unresolved;
        }
        match self.said.get(&(server, role)) {
            None => Answer::Pending,
            Some(ServerReport::Mapped { address, .. }) => Answer::Mapped(*address),
            Some(ServerReport::Relayed { addresses }) => Answer::Relayed(addresses.clone()),
            Some(ServerReport::Lost) => Answer::Lost,
            Some(ServerReport::Refused(code)) => Answer::Refused(*code),
            Some(ServerReport::Silent) => match config.kind {
                ServerKind::Turn { transport: TurnTransport::Tcp, .. } => {
                    Answer::Unreachable("no TCP connection".to_owned())
                }
                ServerKind::Turn { transport: TurnTransport::Tls, .. } => {
                    Answer::Unreachable("no TLS connection that is believed".to_owned())
                }
                _ => Answer::Silent,
            },
        }
    }
}

/// RFC 7064 and RFC 7065.
fn url(config: &ServerConfig) -> String {
    let port = config.addresses.first().map(|address| format!(":{}", address.port()));
    let host = match config.host.contains(':') {
        true => format!("[{}]", config.host),
        false => config.host.clone(),
    };
    let (scheme, transport) = match config.kind {
        ServerKind::Stun => ("stun", ""),
        ServerKind::Turn { transport: TurnTransport::Udp, .. } => ("turn", "?transport=udp"),
        ServerKind::Turn { transport: TurnTransport::Tcp, .. } => ("turn", "?transport=tcp"),
        ServerKind::Turn { transport: TurnTransport::Tls, .. } => ("turns", "?transport=tcp"),
    };
    format!("{scheme}:{host}{}{transport}", port.unwrap_or_default())
}
