//! Every STUN and TURN server of the settings, asked side by side: its address, the round trip, the
//! credentials, an allocation and an echo through it.

mod echo;
mod stun;
mod turn;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pinhole_core::diagnose::{Answer, ServerFacts};
use pinhole_core::gather::{ServerConfig, ServerKind, TurnTransport};
use pinhole_core::turn::Credentials;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

use crate::ice_url::IceUrl;

pub(super) use turn::{Client, Granted, Server};
pub(super) use wire::way_to;

/// For a name to be resolved.
const RESOLVE_TIME: Duration = Duration::from_secs(3);
/// For a TCP connection and the TLS handshake.
const OPEN_TIME: Duration = Duration::from_secs(4);
/// For the first word on an allocation.
const GRANT_TIME: Duration = Duration::from_secs(4);

/// What is known of one server after it was asked.
#[derive(Debug, Clone)]
pub(super) struct ServerCheck {
    pub(super) facts: ServerFacts,
    /// The address that was asked.
    pub(super) address: Option<SocketAddr>,
    pub(super) round_trip: Option<Duration>,
    /// Where it sees us.
    pub(super) seen_as: Option<SocketAddr>,
    pub(super) echo_round_trip: Option<Duration>,
    /// What people should know besides.
    pub(super) notes: Vec<String>,
}

/// What checks of servers share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// Servers that answered a Binding request over UDP.
    pub(super) answered: mpsc::Sender<SocketAddr>,
    /// Whether any did.
    pub(super) udp_leaves: Arc<AtomicBool>,
}

impl ServerCheck {
    /// Before it is asked.
    pub(super) fn pending(url: &str, config: &ServerConfig) -> ServerCheck {
        let (relay, credentials) = match &config.kind {
            ServerKind::Stun => (None, &Credentials::None),
            ServerKind::Turn { transport, credentials } => (Some(*transport), credentials),
        };
        let facts = ServerFacts {
            url: url.to_string(),
            relay,
            answer: Answer::Pending,
            minted: matches!(credentials, Credentials::Rest { .. }),
            expires_unix: credentials.expires_unix(),
            realm: None,
            former_realm: None,
            opens_tcp: None,
            peers_refused: Vec::new(),
            echo: None,
        };
        ServerCheck {
            facts,
            address: None,
            round_trip: None,
            seen_as: None,
            echo_round_trip: None,
            notes: Vec::new(),
        }
    }
}

/// Asks one server.
pub(super) async fn check(
    mut check: ServerCheck,
    config: ServerConfig,
    shared: Shared,
) -> ServerCheck {
    let Some(address) = resolve(&check.facts.url, &config).await else {
        check.facts.answer = Answer::Unresolved;
        return check;
    };
    check.address = Some(address);
    let over_udp = matches!(check.facts.relay, None | Some(TurnTransport::Udp));
    let opening = async {
        match over_udp {
            true => {
                Some(matches!(timeout(OPEN_TIME, TcpStream::connect(address)).await, Ok(Ok(_))))
            }
            false => None,
        }
    };
    let asking = async {
        let reply = stun::ask(address).await;
        if matches!(reply, stun::Reply::Mapped(..) | stun::Reply::Refused(..)) {
            shared.udp_leaves.store(true, Ordering::Relaxed);
        }
        if let stun::Reply::Mapped(..) = reply {
            // Nobody waits for it any more where this fails.
            let _ = shared.answered.send(address).await;
        }
        reply
    };
    let asked = async {
        match config.kind.clone() {
            ServerKind::Stun => on_stun(check, &asking.await),
            ServerKind::Turn { transport, credentials } => {
                let host = config.host.clone();
                let tls = shared.tls.clone();
                let server = Server { transport, host, address, credentials, tls };
                let (reply, check) = tokio::join!(asking, on_turn(check, server, &shared));
                with_reply(check, &reply, transport)
            }
        }
    };
    let (opens_tcp, mut check) = tokio::join!(opening, asked);
    check.facts.opens_tcp = opens_tcp;
    check
}

/// The first IPv4 address that there is a way to, or else the first IPv6 one.
async fn resolve(url: &str, config: &ServerConfig) -> Option<SocketAddr> {
    if let Some(address) = config.addresses.first() {
        return Some(*address);
    }
    let IceUrl { host, port, .. } = IceUrl::parse(url).ok()?;
    let found = timeout(RESOLVE_TIME, lookup_host((host, port))).await.ok()?.ok()?;
    let mut found: Vec<SocketAddr> = found.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    for address in &found {
        if way_to(*address).await.is_ok() {
            return Some(*address);
        }
    }
    found.first().copied()
}

fn on_stun(mut check: ServerCheck, reply: &stun::Reply) -> ServerCheck {
    check.facts.answer = match *reply {
        stun::Reply::Mapped(seen_as, round_trip) => {
            (check.seen_as, check.round_trip) = (Some(seen_as), Some(round_trip));
            Answer::Mapped(seen_as)
        }
        stun::Reply::Refused(code, round_trip) => {
            check.round_trip = Some(round_trip);
            Answer::Refused(code)
        }
        stun::Reply::Silent => Answer::Silent,
        stun::Reply::Closed => {
            check.notes.push("nothing listens there (ICMP port unreachable)".to_string());
            Answer::Silent
        }
        stun::Reply::NoWay => Answer::Unreachable("this machine has no route to it".to_string()),
    };
    check
}

/// What the Binding request tells besides.
fn with_reply(
    mut check: ServerCheck,
    reply: &stun::Reply,
    transport: TurnTransport,
) -> ServerCheck {
    match reply {
        stun::Reply::Mapped(seen_as, round_trip) if transport == TurnTransport::Udp => {
            check.seen_as.get_or_insert(*seen_as);
            check.round_trip = Some(*round_trip);
        }
        stun::Reply::Closed if transport == TurnTransport::Udp => {
            check.notes.push("nothing listens there (ICMP port unreachable)".to_string());
        }
        _ => {}
    }
    check
}

async fn on_turn(mut check: ServerCheck, server: Server, shared: &Shared) -> ServerCheck {
    let refused = |what: &std::io::Error| Answer::Unreachable(in_words(what));
    let mut client = match timeout(OPEN_TIME, Client::open(server.clone())).await {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => {
            check.facts.answer = refused(&error);
            return check;
        }
        Err(_) => {
            let seconds = OPEN_TIME.as_secs();
            check.facts.answer = Answer::Unreachable(format!("no connection within {seconds} s"));
            return check;
        }
    };
    let until = Instant::now() + GRANT_TIME;
    let run = client.run_until(until, |client| client.granted.is_some()).await;
    check.round_trip = client.round_trip;
    check.facts.realm = client.realm();
    check.seen_as = client.mapped();
    check.facts.answer = match (client.granted.clone(), run) {
        (Some(Granted::Relayed(addresses)), _) => Answer::Relayed(addresses),
        (Some(Granted::Refused(code)), _) => Answer::Refused(code),
        (Some(Granted::Lost), _) => Answer::Lost,
        (_, Err(error)) => refused(&error),
        (Some(Granted::Silent) | None, Ok(_)) => Answer::Silent,
    };
    if server.transport == TurnTransport::Udp && check.round_trip.is_some() {
        shared.udp_leaves.store(true, Ordering::Relaxed);
    }
    if matches!(check.facts.answer, Answer::Relayed(_)) {
        let udp_leaves = shared.udp_leaves.load(Ordering::Relaxed);
        let echo = echo::echo(&mut client, &server, udp_leaves).await;
        check.facts.echo = echo.came_back;
        check.echo_round_trip = echo.round_trip;
        check.notes.extend(echo.note);
        check.facts.peers_refused = client.peers_refused.clone();
        client.close().await;
    }
    check
}

fn in_words(error: &std::io::Error) -> String {
    use std::io::ErrorKind::{
        ConnectionRefused, HostUnreachable, NetworkUnreachable, UnexpectedEof,
    };

    match error.kind() {
        ConnectionRefused => "it refuses the connection".to_string(),
        HostUnreachable | NetworkUnreachable => "this machine has no route to it".to_string(),
        UnexpectedEof => "it closes the connection".to_string(),
        _ => error.to_string(),
    }
}
