//! Stands between the program and a STUN or TURN server, or a viewer, and remembers what passes.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Datagrams that are remembered.
const DATAGRAMS_MAX: usize = 20_000;

/// What both directions share.
struct Shared {
    front: UdpSocket,
    back: UdpSocket,
    client: Mutex<Option<SocketAddr>>,
    seen: Mutex<Vec<Vec<u8>>>,
    over: AtomicBool,
}

/// A relay of datagrams for one client. Dropped, it ends.
pub(super) struct Sniffer {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Sniffer {
    /// Carries what comes to its own address to `server`, and the answers back to who spoke last.
    pub(super) fn start(server: SocketAddr) -> Sniffer {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let back = UdpSocket::bind("127.0.0.1:0").unwrap();
        back.connect(server).unwrap();
        for socket in [&front, &back] {
            socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            socket2::SockRef::from(socket).set_recv_buffer_size(1 << 20).unwrap();
        }
        let address = front.local_addr().unwrap();
        let (client, seen, over) = Default::default();
        let shared = Arc::new(Shared { front, back, client, seen, over });
        let (to, from) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            std::thread::spawn(move || to.carry_to_server()),
            std::thread::spawn(move || from.carry_to_client()),
        ];
        Sniffer { address, shared, threads }
    }

    /// All that passed.
    pub(super) fn seen(&self) -> Vec<Vec<u8>> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The values of a STUN attribute in all that passed, inside of indications too.
    pub(super) fn attributes(&self, wanted: u16) -> Vec<Vec<u8>> {
        let mut values = Vec::new();
        for datagram in self.seen() {
            collect(&datagram, wanted, &mut values);
        }
        values.sort();
        values.dedup();
        values
    }
}

impl Drop for Sniffer {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

impl Shared {
    fn carry_to_server(&self) {
        let mut bytes = vec![0; 65_535];
        while !self.over.load(Ordering::Relaxed) {
            let Ok((len, from)) = self.front.recv_from(&mut bytes) else { continue };
            *self.client.lock().unwrap() = Some(from);
            self.remember(&bytes[..len]);
            // A server that is gone is the program's to notice.
            let _ = self.back.send(&bytes[..len]);
        }
    }

    fn carry_to_client(&self) {
        let mut bytes = vec![0; 65_535];
        while !self.over.load(Ordering::Relaxed) {
            let Ok(len) = self.back.recv(&mut bytes) else { continue };
            let Some(client) = *self.client.lock().unwrap() else { continue };
            self.remember(&bytes[..len]);
            let _ = self.front.send_to(&bytes[..len], client);
        }
    }

    fn remember(&self, bytes: &[u8]) {
        let mut seen = self.seen.lock().unwrap();
        if seen.len() < DATAGRAMS_MAX {
            seen.push(bytes.to_vec());
        }
    }
}

/// RFC 8489 §5 and §14, once more and without the code that is tested.
fn collect(message: &[u8], wanted: u16, values: &mut Vec<Vec<u8>>) {
    const DATA: u16 = 0x0013;
    if message.len() < 20 || message[0] > 3 {
        return;
    }
    let mut at = 20;
    while at + 4 <= message.len() {
        let number = u16::from_be_bytes([message[at], message[at + 1]]);
        let len = usize::from(u16::from_be_bytes([message[at + 2], message[at + 3]]));
        let Some(value) = message.get(at + 4..at + 4 + len) else { return };
        if number == wanted {
            values.push(value.to_vec());
        }
        if number == DATA {
            collect(value, wanted, values);
        }
        at += 4 + len.next_multiple_of(4);
    }
}
