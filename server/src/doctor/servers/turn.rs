//! One TURN server, spoken with through the core's [`Allocation`]: a small driver around it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pinhole_core::gather::TurnTransport;
use pinhole_core::turn::{
    Allocation, AllocationConfig, AllocationEvent, Credentials, Families, Received,
};
use pinhole_core::{Seed, WallClock};
use tokio::time::timeout_at;
use tokio_rustls::rustls::ClientConfig;

use super::wire::Wire;
use crate::sessions::random;

/// The time in which an allocation is given back.
const CLOSE_TIME: Duration = Duration::from_millis(600);
/// Payloads that are kept until somebody takes them; later ones are dropped.
const RECEIVED_MAX: usize = 64;
/// Room for every control message.
const CONTROL_BYTES_MAX: usize = 2048;

/// How a server is reached, and who we are to it.
#[derive(Clone)]
pub(in crate::doctor) struct Server {
    pub(in crate::doctor) transport: TurnTransport,
    pub(in crate::doctor) host: String,
    pub(in crate::doctor) address: SocketAddr,
    pub(in crate::doctor) credentials: Credentials,
    pub(in crate::doctor) tls: Option<Arc<ClientConfig>>,
}

/// What the server said of our wish for an allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::doctor) enum Granted {
    Relayed(Vec<SocketAddr>),
    Refused(u16),
    Silent,
    Lost,
}

/// An allocation, or the wish for one, and the leg to its server.
pub(in crate::doctor) struct Client {
    server: Server,
    wire: Wire,
    allocation: Allocation,
    /// The first answer to our wish.
    pub(in crate::doctor) granted: Option<Granted>,
    /// Peers that it does not relay to, and the error code.
    pub(in crate::doctor) peers_refused: Vec<(IpAddr, u16)>,
    /// What peers sent, and who.
    pub(in crate::doctor) received: Vec<(SocketAddr, Vec<u8>)>,
    /// From the first request to the first answer.
    pub(in crate::doctor) round_trip: Option<Duration>,
    asked_at: Option<Instant>,
}

impl Client {
    /// Opens the leg and wishes for an allocation.
    ///
    /// # Errors
    /// The leg is not to be had.
    pub(in crate::doctor) async fn open(server: Server) -> io::Result<Client> {
        let Server { transport, host, address, tls, .. } = &server;
        let wire = Wire::open(*transport, host, *address, tls.clone()).await?;
        let now = Instant::now();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let families = if address.is_ipv4() { Families::V4 } else { Families::Both };
        let config = AllocationConfig::new(
            wire.leg(),
            *address,
            families,
            server.credentials.clone(),
            WallClock { unix, at: now },
            &Seed::new(random()),
        );
        let allocation = Allocation::new(now, config);
        Ok(Client {
            server,
            wire,
            allocation,
            granted: None,
            peers_refused: Vec::new(),
            received: Vec::new(),
            round_trip: None,
            asked_at: None,
        })
    }

    /// Goes on until `is_done`, or `until`. `false`: it is not.
    ///
    /// # Errors
    /// The leg broke.
    pub(in crate::doctor) async fn run_until(
        &mut self,
        until: Instant,
        is_done: impl Fn(&Client) -> bool,
    ) -> io::Result<bool> {
        while !is_done(self) {
            if Instant::now() >= until {
                return Ok(false);
            }
            self.turn(until).await?;
        }
        Ok(true)
    }

    async fn turn(&mut self, until: Instant) -> io::Result<()> {
        self.transmit().await?;
        self.hear_events().await?;
        let next = self.allocation.poll_timeout().map_or(until, |at| at.min(until));
        let server = self.allocation.server();
        match timeout_at(next.into(), self.wire.receive(server)).await {
            Ok(message) => self.take(&message?),
            Err(_) => self.allocation.handle_timeout(Instant::now()),
        }
        self.hear_events().await
    }

    async fn transmit(&mut self) -> io::Result<()> {
        let mut buffer = [0; CONTROL_BYTES_MAX];
        while let Some(length) = self.allocation.poll_transmit(Instant::now(), &mut buffer) {
            self.asked_at.get_or_insert_with(Instant::now);
            self.wire.send(self.allocation.server(), &buffer[..length]).await?;
        }
        Ok(())
    }

    fn take(&mut self, message: &[u8]) {
        if self.round_trip.is_none() {
            self.round_trip = self.asked_at.map(|at| at.elapsed());
        }
        let received = self.allocation.handle_message(Instant::now(), message);
        if let Ok(Received::Data { peer, payload, .. }) = received
            && self.received.len() < RECEIVED_MAX
        {
            self.received.push((peer, payload.to_vec()));
        }
    }

    async fn hear_events(&mut self) -> io::Result<()> {
        while let Some(event) = self.allocation.poll_event() {
            match event {
                AllocationEvent::Allocated { relayed, .. } => {
                    self.granted = Some(Granted::Relayed(relayed.iter().collect()));
                }
                AllocationEvent::Refused { code } => self.granted = Some(Granted::Refused(code)),
                AllocationEvent::Silent => self.granted = Some(Granted::Silent),
                AllocationEvent::Lost(_) => self.granted = Some(Granted::Lost),
                AllocationEvent::PeerRefused { peer, code } => {
                    if !self.peers_refused.contains(&(peer, code)) {
                        self.peers_refused.push((peer, code));
                    }
                }
                // By its certificate it is still the server that it was.
                AllocationEvent::Moved(to) => {
                    let Server { transport, host, tls, .. } = &self.server;
                    if *transport != TurnTransport::Udp {
                        self.wire = Wire::open(*transport, host, to, tls.clone()).await?;
                        self.allocation.reconnect(Instant::now());
                    }
                }
            }
        }
        Ok(())
    }

    /// The realm that the server named.
    pub(in crate::doctor) fn realm(&self) -> Option<String> {
        self.allocation.realm().map(str::to_owned)
    }

    /// Where it relays for us, for a peer of this family.
    pub(in crate::doctor) fn relayed_for(&self, peer: IpAddr) -> Option<SocketAddr> {
        self.allocation.relayed().find(|relayed| relayed.is_ipv4() == peer.is_ipv4())
    }

    /// Where it sees us.
    pub(in crate::doctor) fn mapped(&self) -> Option<SocketAddr> {
        self.allocation.mapped()
    }

    /// Asks for a permission.
    pub(in crate::doctor) fn permit(&mut self, peer: SocketAddr) {
        self.allocation.add_peer(Instant::now(), peer);
    }

    /// Whether this peer is known to be refused.
    pub(in crate::doctor) fn refuses(&self, peer: IpAddr) -> bool {
        self.peers_refused.iter().any(|(refused, _)| *refused == peer)
    }

    /// Sends to a peer; `false`: the server is not to be asked to reach it.
    ///
    /// # Errors
    /// The leg broke.
    pub(in crate::doctor) async fn send(
        &mut self,
        peer: SocketAddr,
        payload: &[u8],
    ) -> io::Result<bool> {
        let envelope = self.allocation.wrap(Instant::now(), peer, payload.len());
        let Some(envelope) = envelope else { return Ok(false) };
        let padding = &[0; 3][..envelope.padding()];
        let bytes = [envelope.prefix(), payload, padding].concat();
        self.wire.send(self.allocation.server(), &bytes).await?;
        Ok(true)
    }

    /// Gives the allocation back: a server may grant us only one.
    pub(in crate::doctor) async fn close(mut self) {
        self.allocation.close(Instant::now());
        let until = Instant::now() + CLOSE_TIME;
        // It ends by itself where this does not come through.
        let _ = self.run_until(until, |client| client.allocation.is_closed()).await;
    }
}
