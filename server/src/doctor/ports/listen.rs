//! The very sockets that mapped ports should lead to, and those beside them, where a map that is off
//! by a few would lead.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use pinhole_core::stun::read_proof;
use pinhole_runtime::{Handle, Probe};
use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use crate::reflect::client::Arrival;

/// Ports on either side of a mapped one that are listened at, where they are free.
const NEIGHBOURS: u16 = 8;
/// Arrivals that wait to be taken; later ones are dropped.
const ARRIVALS_MAX: usize = 1024;
/// After an error of a socket.
const PAUSE: Duration = Duration::from_millis(20);

/// Sockets that hand over the probes that come. Dropped, they are closed.
pub(super) struct Listener {
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    arrived: mpsc::Sender<Arrival>,
    /// Mapped ports that another program holds.
    pub(super) taken: Vec<u16>,
    /// A server at work, which holds the mapped ports and hands over what comes to them.
    server: Option<Handle>,
    _tasks: JoinSet<()>,
}

impl Listener {
    /// Binds these ports and their neighbours, on `address` or on all of both families.
    pub(super) fn bind(address: Option<IpAddr>, ports: &[u16]) -> Listener {
        let (arrived, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let mut tasks = JoinSet::new();
        let mut taken = Vec::new();
        let beside = |port: u16| port.saturating_sub(NEIGHBOURS)..=port.saturating_add(NEIGHBOURS);
        let mut all: Vec<u16> = ports.iter().flat_map(|port| beside(*port)).collect();
        all.sort_unstable();
        all.dedup();
        for port in all.into_iter().filter(|port| *port != 0) {
            let sockets = bind(address, port);
            if sockets.is_empty() && ports.contains(&port) {
                taken.push(port);
            }
            for socket in sockets {
                tasks.spawn(listen(socket, arrived.clone()));
            }
        }
        Listener { arrivals, arrived, taken, server: None, _tasks: tasks }
    }

    /// Binds the neighbours of these ports, which a server at work holds itself.
    pub(super) fn beside(server: Handle, address: Option<IpAddr>, ports: &[u16]) -> Listener {
        let mut listener = Listener::bind(address, ports);
        listener.taken.clear();
        let (arrived, probes) = (listener.arrived.clone(), server.clone());
        listener._tasks.spawn(async move {
            while let Some(Probe { local, remote, token, sequence }) = probes.probe().await {
                let at = Instant::now();
                // Beyond the bound nobody needs more of them.
                let _ = arrived.try_send(Arrival { local, remote, token, sequence, at });
            }
        });
        Listener { server: Some(server), ..listener }
    }

    /// Makes ready for probes with these tokens.
    pub(super) async fn expect(&self, tokens: Vec<String>) {
        if let Some(server) = &self.server {
            // A server that is busy, or gone, proves nothing now; that is all.
            let _ = server.expect_probes(tokens).await;
        }
    }
}

fn bind(address: Option<IpAddr>, port: u16) -> Vec<UdpSocket> {
    let everywhere = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let addresses = address.map_or(everywhere.to_vec(), |address| vec![address]);
    addresses.into_iter().filter_map(|address| bind_one((address, port).into()).ok()).collect()
}

fn bind_one(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

async fn listen(socket: UdpSocket, arrived: mpsc::Sender<Arrival>) {
    let Ok(local) = socket.local_addr() else { return };
    let mut buffer = [0; 2048];
    loop {
        let Ok((length, remote)) = socket.recv_from(&mut buffer).await else {
            sleep(PAUSE).await;
            continue;
        };
        let Some((token, sequence)) = read_proof(&buffer[..length]) else { continue };
        let (token, at) = (token.to_string(), Instant::now());
        // Beyond the bound nobody needs more of them.
        let _ = arrived.try_send(Arrival { local, remote, token, sequence, at });
    }
}
