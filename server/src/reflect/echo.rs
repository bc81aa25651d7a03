//! The reflector's UDP port: a probe is answered with where it came from, never by more bytes than
//! it had; whatever else comes is dropped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pinhole_core::stun::{PROOF_BYTES_MAX, write_sighting};
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::ration::Rations;

/// After an error of the socket, such as a lack of memory.
const PAUSE: Duration = Duration::from_millis(20);

/// Answers until the task is ended.
pub(super) async fn run(socket: UdpSocket, rations: Arc<Mutex<Rations>>) {
    let mut probe = [0; 2 * PROOF_BYTES_MAX];
    let mut answer = [0; PROOF_BYTES_MAX];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut probe).await else {
            sleep(PAUSE).await;
            continue;
        };
        let Some(length) = write_sighting(&mut answer, &probe[..length], from) else { continue };
        let takes = |mut rations: std::sync::MutexGuard<'_, Rations>| {
            rations.take(Instant::now(), from.ip(), 1)
        };
        if takes(rations.lock().unwrap_or_else(PoisonError::into_inner)) {
            // Whoever does not get it asks again.
            let _ = socket.send_to(&answer[..length], from).await;
        }
    }
}
