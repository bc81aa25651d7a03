//! Signalling that no NAT has a say in: a port on the viewer's own host that leads to the program's HTTP.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;

use super::{Host, Lab};

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Connections of a page at once, and a few to spare.
const CONNECTIONS_MAX: usize = 256;
const PIECE_BYTES: usize = 64 * 1024;

/// What happens to SDP on its way from the server to the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Altered {
    /// Nothing.
    #[default]
    Untouched,
    /// The fingerprint of the answer is another one, of the same length.
    Fingerprint,
}

/// A way from the viewer's loopback to the server's. Dropped, it ends.
pub(super) struct Wire {
    /// Where the page is, for a browser on the viewer's host.
    pub(super) entry: SocketAddr,
    over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Wire {
    /// Opens a way to this port of the server's host.
    ///
    /// # Errors
    /// A socket cannot be made.
    pub(super) fn open(lab: &Lab, http_port: u16, altered: Altered) -> Result<Wire> {
        let listener =
            lab.enter(Host::Viewer, || Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?))?;
        let entry = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let over = Arc::new(AtomicBool::new(false));
        let (ended, inner) = (over.clone(), lab.namespace(Host::Server));
        // The one thread that makes sockets on the server's host lives there.
        let accepting = std::thread::spawn(move || {
            if let Err(error) = super::enter_namespace(&inner) {
                eprintln!("the wire does not reach the server: {error:#}");
                return;
            }
            accept(&listener, http_port, altered, &ended);
        });
        Ok(Wire { entry, over, accepting: Some(accepting) })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.accepting.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, http_port: u16, altered: Altered, over: &Arc<AtomicBool>) {
    let mut carrying = Vec::new();
    while !over.load(Ordering::Relaxed) && carrying.len() < CONNECTIONS_MAX {
        match listener.accept() {
            Ok((page, _)) => carrying.extend(carry(page, http_port, altered, over)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(LOOK_EVERY),
            Err(_) => break,
        }
    }
    for thread in carrying {
        let _ = thread.join();
    }
}

/// Two threads, one for each direction; none where the server does not listen.
fn carry(
    page: TcpStream,
    http_port: u16,
    altered: Altered,
    over: &Arc<AtomicBool>,
) -> Vec<JoinHandle<()>> {
    let both = || {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, http_port))?;
        for stream in [&page, &server] {
            stream.set_nonblocking(false)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(LOOK_EVERY))?;
        }
        Ok::<_, std::io::Error>((page.try_clone()?, server.try_clone()?, server))
    };
    let Ok((page_too, server_too, server)) = both() else { return Vec::new() };
    let (up, down) = (over.clone(), over.clone());
    vec![
        std::thread::spawn(move || pump(page, server, Altered::Untouched, &up)),
        std::thread::spawn(move || pump(server_too, page_too, altered, &down)),
    ]
}

fn pump(mut from: TcpStream, mut to: TcpStream, altered: Altered, over: &AtomicBool) {
    let mut piece = vec![0; PIECE_BYTES];
    while !over.load(Ordering::Relaxed) {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => {
                let bytes = &mut piece[..length];
                if altered == Altered::Fingerprint {
                    alter(bytes);
                }
                if to.write_all(bytes).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    // The other direction ends with it.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Turns the first digit of each fingerprint into another one. An answer of the program comes in one piece.
fn alter(bytes: &mut [u8]) {
    const NAME: &[u8] = b"a=fingerprint:sha-256 ";
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(NAME.len()).position(|window| window == NAME) {
        at += found + NAME.len();
        if let Some(digit) = bytes.get_mut(at) {
            *digit = if *digit == b'0' { b'1' } else { b'0' };
        }
    }
}
