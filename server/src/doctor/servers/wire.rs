//! The leg to a STUN or TURN server: datagrams, or a stream of TCP or TLS cut into messages.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use pinhole_core::gather::TurnTransport;
use pinhole_core::turn::{Leg, next_message};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// Bytes of a message that is not whole yet; a stream that has more is none of TURN.
const PENDING_MAX: usize = 64 * 1024;

/// A stream, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The leg to a server.
pub(super) enum Wire {
    Datagrams(UdpSocket),
    Stream { stream: Box<dyn Stream>, pending: Vec<u8> },
}

impl Wire {
    /// Opens it. `host`: the name that the server's certificate must have.
    pub(super) async fn open(
        transport: TurnTransport,
        host: &str,
        server: SocketAddr,
        tls: Option<Arc<ClientConfig>>,
    ) -> io::Result<Wire> {
        if transport == TurnTransport::Udp {
            return Ok(Wire::Datagrams(UdpSocket::bind((way_to(server).await?, 0)).await?));
        }
        let tcp = TcpStream::connect(server).await?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match transport {
            TurnTransport::Tls => {
                let config = tls.ok_or_else(|| io::Error::other("no root certificate to trust"))?;
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                Box::new(TlsConnector::from(config).connect(name, tcp).await?)
            }
            _ => Box::new(tcp),
        };
        Ok(Wire::Stream { stream, pending: Vec::new() })
    }

    pub(super) fn leg(&self) -> Leg {
        match self {
            Wire::Datagrams(_) => Leg::Datagram,
            Wire::Stream { .. } => Leg::Stream,
        }
    }

    pub(super) async fn send(&mut self, server: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        match self {
            Wire::Datagrams(socket) => socket.send_to(bytes, server).await.map(drop),
            Wire::Stream { stream, .. } => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// The next message from the server. Nothing is lost if it is not waited for to the end.
    pub(super) async fn receive(&mut self, server: SocketAddr) -> io::Result<Vec<u8>> {
        match self {
            Wire::Datagrams(socket) => loop {
                let mut buffer = [0; 2048];
                let (length, from) = socket.recv_from(&mut buffer).await?;
                if from == server {
                    return Ok(buffer[..length].to_vec());
                }
            },
            Wire::Stream { stream, pending } => loop {
                if let Some(length) = next_message(pending).map_err(io::Error::other)?
                    && pending.len() >= length
                {
                    return Ok(pending.drain(..length).collect());
                }
                if pending.len() > PENDING_MAX {
                    return Err(io::Error::other("an endless message"));
                }
                if stream.read_buf(pending).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            },
        }
    }
}

/// The address that datagrams to `server` leave from.
///
/// # Errors
/// There is no way there.
pub(in crate::doctor) async fn way_to(server: SocketAddr) -> io::Result<IpAddr> {
    let any = match server {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Nothing is sent: the system looks up the way.
    socket.connect(server).await?;
    Ok(socket.local_addr()?.ip())
}
