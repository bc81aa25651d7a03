//! UDP inside TCP, as frp carries it: a public port, one TCP stream, and a connected socket for each remote address.
//!
//! The public half stands on the lab's internet, where viewers send to its UDP port. Each datagram goes over the one
//! stream, with its remote address, to the inner half on the server's host, which sends it to the target from a socket
//! of that remote's own: the server sees all viewers at addresses of its own machine, each under another port. A socket
//! ends after 30 s without a datagram from the server, or when the inner half restarts; its viewer then
//! comes from another port. While no inner half is connected, what viewers send is lost.
//!
//! Left out of what frp does: its control protocol, and JSON around the datagrams.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::site::{RELAY_PORTS, TURN_ADDRESS};
use super::{Host, Lab};

/// How often a waiting thread looks whether it is over.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A remote's socket without a datagram from the server.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// frp's udpPacketSize: what is longer is cut.
const DATAGRAM_MAX: usize = 1500;
/// Remotes at once; more are not served.
const REMOTES_MAX: usize = 64;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A tunnel in a lab. Dropped, both halves end.
pub struct Tunnel<'lab> {
    lab: &'lab Lab,
    /// Where viewers send to.
    pub public: SocketAddr,
    stream: SocketAddr,
    over: Arc<AtomicBool>,
    outer: Vec<JoinHandle<()>>,
    inner: Option<Inner>,
}

/// The half on the server's host.
struct Inner {
    stream: TcpStream,
    over: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

/// The stream to the inner half, while there is one.
type Stream = Arc<Mutex<Option<TcpStream>>>;

impl<'lab> Tunnel<'lab> {
    /// Opens the public half.
    ///
    /// # Errors
    /// No port is free.
    pub fn open(lab: &'lab Lab) -> Result<Tunnel<'lab>> {
        let address: Ipv4Addr = TURN_ADDRESS.parse()?;
        let (socket, listener) = lab.enter(Host::Internet, || {
            Ok((socket_beside_relays(address)?, TcpListener::bind((address, 0))?))
        })?;
        let (public, stream) = (socket.local_addr()?, listener.local_addr()?);
        let over = Arc::new(AtomicBool::new(false));
        let to_inner: Stream = Arc::default();
        socket.set_read_timeout(Some(LOOK_EVERY))?;
        listener.set_nonblocking(true)?;
        let (udp, ended, writer) = (socket.try_clone()?, over.clone(), to_inner.clone());
        let inwards = std::thread::spawn(move || carry_inwards(&udp, &writer, &ended));
        let ended = over.clone();
        let outwards = std::thread::spawn(move || accept(&listener, &socket, &to_inner, &ended));
        Ok(Tunnel { lab, public, stream, over, outer: vec![inwards, outwards], inner: None })
    }

    /// Starts the inner half, or restarts it: it sends to `target` on the server's host.
    ///
    /// # Errors
    /// The stream cannot be opened.
    pub fn connect(&mut self, target: SocketAddr) -> Result<()> {
        self.disconnect();
        let address = self.stream;
        let connect = || Ok(TcpStream::connect_timeout(&address, CONNECT_LIMIT)?);
        let stream = self.lab.enter(Host::Server, connect).context("the tunnel's stream")?;
        stream.set_nodelay(true)?;
        let over = Arc::new(AtomicBool::new(false));
        let (reading, ended) = (stream.try_clone()?, over.clone());
        // The sockets for remotes are made on that thread, so it stays on the server's host.
        let namespace = self.lab.namespace(Host::Server);
        let reader = std::thread::spawn(move || {
            if super::enter_namespace(&namespace).is_ok() {
                serve_remotes(reading, target, &ended);
            }
        });
        self.inner = Some(Inner { stream, over, reader });
        Ok(())
    }

    /// Ends the inner half with all its sockets.
    pub fn disconnect(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        inner.over.store(true, Ordering::Relaxed);
        // It may be closed already.
        let _ = inner.stream.shutdown(Shutdown::Both);
        let _ = inner.reader.join();
    }
}

impl Drop for Tunnel<'_> {
    fn drop(&mut self) {
        self.disconnect();
        self.over.store(true, Ordering::Relaxed);
        for thread in self.outer.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Any free port that is none of the TURN relay's.
fn socket_beside_relays(address: Ipv4Addr) -> Result<UdpSocket> {
    for _ in 0..100 {
        let socket = UdpSocket::bind((address, 0))?;
        if !RELAY_PORTS.contains(&socket.local_addr()?.port()) {
            return Ok(socket);
        }
    }
    bail!("no free port outside of {RELAY_PORTS:?}")
}

/// The public half, towards the server.
fn carry_inwards(socket: &UdpSocket, inner: &Stream, over: &AtomicBool) {
    let mut buffer = [0; DATAGRAM_MAX];
    while !over.load(Ordering::Relaxed) {
        let Ok((length, remote)) = socket.recv_from(&mut buffer) else { continue };
        write_message(inner, remote, &buffer[..length]);
    }
}

/// The public half, towards the viewers: one inner half after the other.
fn accept(listener: &TcpListener, socket: &UdpSocket, inner: &Stream, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(LOOK_EVERY / 10);
            continue;
        };
        let prepared = stream
            .set_nonblocking(false)
            .and_then(|()| stream.set_nodelay(true))
            .and_then(|()| stream.set_read_timeout(Some(LOOK_EVERY)))
            .and_then(|()| stream.try_clone());
        let Ok(mut reading) = prepared else { continue };
        *inner.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        while let Some((remote, datagram)) = read_message(&mut reading, over) {
            // A viewer that is gone is no matter.
            let _ = socket.send_to(&datagram, remote);
        }
        *inner.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The inner half: a socket and a thread for each remote.
fn serve_remotes(mut reading: TcpStream, target: SocketAddr, over: &Arc<AtomicBool>) {
    let Ok(writer) = reading.try_clone() else { return };
    if reading.set_read_timeout(Some(LOOK_EVERY)).is_err() {
        return;
    }
    let writer: Stream = Arc::new(Mutex::new(Some(writer)));
    let mut remotes: HashMap<SocketAddr, (UdpSocket, JoinHandle<()>)> = HashMap::new();
    while let Some((remote, datagram)) = read_message(&mut reading, over) {
        remotes.retain(|_, (_, replies)| !replies.is_finished());
        let is_new = !remotes.contains_key(&remote) && remotes.len() < REMOTES_MAX;
        if is_new && let Ok(socket) = connected_socket(target) {
            let (replies, writer, over) = (socket.try_clone(), writer.clone(), over.clone());
            let Ok(replies) = replies else { continue };
            let thread =
                std::thread::spawn(move || carry_replies(&replies, remote, &writer, &over));
            remotes.insert(remote, (socket, thread));
        }
        if let Some((socket, _)) = remotes.get(&remote) {
            // Nobody may listen there yet.
            let _ = socket.send(&datagram);
        }
    }
    over.store(true, Ordering::Relaxed);
    for (_, (_, thread)) in remotes {
        let _ = thread.join();
    }
}

fn connected_socket(target: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(target)?;
    socket.set_read_timeout(Some(LOOK_EVERY))?;
    Ok(socket)
}

/// What the server sends to one remote, until it is silent for too long.
fn carry_replies(socket: &UdpSocket, remote: SocketAddr, writer: &Stream, over: &AtomicBool) {
    let mut buffer = [0; DATAGRAM_MAX];
    let mut last = Instant::now();
    while !over.load(Ordering::Relaxed) && last.elapsed() < IDLE_MAX {
        if let Ok(length) = socket.recv(&mut buffer) {
            last = Instant::now();
            write_message(writer, remote, &buffer[..length]);
        }
    }
}

/// A message: address of the remote (4 bytes), its port (2), the length (2), the datagram. Lost where nobody is connected.
fn write_message(stream: &Stream, remote: SocketAddr, datagram: &[u8]) {
    let SocketAddr::V4(remote) = remote else { return };
    let length = u16::try_from(datagram.len()).expect("datagrams are cut at 1500 bytes");
    let mut message = Vec::with_capacity(8 + datagram.len());
    message.extend(remote.ip().octets());
    message.extend(remote.port().to_be_bytes());
    message.extend(length.to_be_bytes());
    message.extend(datagram);
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(Err(_)) = stream.as_mut().map(|stream| stream.write_all(&message)) {
        *stream = None;
    }
}

/// The next message; `None` at the end of the stream or when it is over.
fn read_message(stream: &mut TcpStream, over: &AtomicBool) -> Option<(SocketAddr, Vec<u8>)> {
    let mut head = [0; 8];
    read_whole(stream, &mut head, over)?;
    let [a, b, c, d, port @ .., high, low] = head;
    let mut datagram = vec![0; usize::from(u16::from_be_bytes([high, low]))];
    read_whole(stream, &mut datagram, over)?;
    Some((SocketAddr::from(([a, b, c, d], u16::from_be_bytes(port))), datagram))
}

fn read_whole(stream: &mut TcpStream, mut buffer: &mut [u8], over: &AtomicBool) -> Option<()> {
    while !buffer.is_empty() {
        match stream.read(buffer) {
            Ok(0) => return None,
            Ok(length) => buffer = &mut buffer[length..],
            Err(error) if over.load(Ordering::Relaxed) || !is_early(&error) => return None,
            Err(_) => {}
        }
    }
    Some(())
}

/// The time-out that lets a thread look whether it is over.
fn is_early(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
