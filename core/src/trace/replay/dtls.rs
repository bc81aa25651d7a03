//! A viewer's half of a DTLS handshake, with keys of its own: what it would send waits, record by
//! record, until the recording says that such a record came.

use std::collections::VecDeque;
use std::time::Instant;

use str0m::crypto::dtls::{DtlsInstance, DtlsOutput, DtlsVersion};

use super::report::Reporter;
use crate::session::Certificate;
use crate::trace::packet::DtlsRecord;
use crate::trace::sight::dtls_records;

/// Room for one datagram of the handshake.
const DATAGRAM_BYTES_MAX: usize = 16_384;
const MTU: usize = 1_200;
/// Records that may wait; the oldest goes. A handshake has a dozen, and as many again each time.
const PENDING_MAX: usize = 256;
/// Outputs of one poll: more than a flight, and its news.
const OUTPUTS_MAX: usize = 256;
const HEADER_BYTES: usize = 13;
const ALERT: u8 = 21;

/// What tells one record of a handshake from another, in clear.
type Kind = (u8, u16, Option<u8>);

/// The stand-in for one viewer's DTLS.
pub(super) struct Guest {
    instance: Box<dyn DtlsInstance>,
    is_client: bool,
    pending: VecDeque<(Kind, Vec<u8>)>,
    wake: Option<Instant>,
    reporter: Option<Reporter>,
    closes: bool,
}

impl Guest {
    /// Begins a handshake. `None`: the crypto library failed.
    pub(super) fn new(now: Instant, certificate: &Certificate, is_client: bool) -> Option<Guest> {
        let provider = str0m::crypto::from_feature_flags().dtls_provider;
        let version = DtlsVersion::Dtls12;
        let mut instance = provider.new_dtls(&certificate.0, now, version, Some(MTU)).ok()?;
        instance.set_active(is_client);
        let pending = VecDeque::new();
        let mut guest =
            Guest { instance, is_client, pending, wake: None, reporter: None, closes: false };
        guest.handle_timeout(now);
        Some(guest)
    }

    /// When it wants to be woken.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.wake
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.wake = None;
        // A handshake that fails here has failed; what the endpoint makes of it is the question.
        let _ = self.instance.handle_timeout(now);
        self.drain();
    }

    /// Takes a datagram of the endpoint's.
    pub(super) fn receive(&mut self, datagram: &[u8]) {
        let _ = self.instance.handle_packet(datagram);
        self.drain();
    }

    /// The datagram whose records are of these kinds, as far as they wait.
    pub(super) fn take(&mut self, wanted: &[DtlsRecord]) -> Vec<u8> {
        if wanted.iter().any(|record| record.content == ALERT && record.epoch > 0) && !self.closes {
            self.closes = true;
            let _ = self.instance.close();
            self.drain();
        }
        let mut datagram = Vec::new();
        for record in wanted {
            let kind = kind(record);
            // A message may be cut into more pieces here than it was there.
            while let Some(at) = self.pending.iter().position(|(waits, _)| *waits == kind)
                && let Some((_, bytes)) = self.pending.remove(at)
            {
                datagram.extend(bytes);
            }
        }
        datagram
    }

    /// What writes its reports, once there are keys.
    pub(super) fn reporter(&mut self) -> Option<&mut Reporter> {
        self.reporter.as_mut()
    }

    fn drain(&mut self) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        for _ in 0..OUTPUTS_MAX {
            match self.instance.poll_output(&mut buffer) {
                DtlsOutput::Packet(packet) => keep(&mut self.pending, packet),
                DtlsOutput::Timeout(at) => {
                    self.wake = Some(at);
                    return;
                }
                DtlsOutput::KeyingMaterial(keys, _) => {
                    self.reporter = Reporter::new(&keys, self.is_client);
                }
                DtlsOutput::BufferTooSmall { .. } => return,
                _ => {}
            }
        }
    }
}

/// Keeps the records of a datagram, each by itself.
fn keep(pending: &mut VecDeque<(Kind, Vec<u8>)>, mut packet: &[u8]) {
    for record in dtls_records(packet) {
        let len = (HEADER_BYTES + usize::from(record.len)).min(packet.len());
        let (bytes, rest) = packet.split_at(len);
        if pending.len() >= PENDING_MAX {
            pending.pop_front();
        }
        pending.push_back((kind(&record), bytes.to_vec()));
        packet = rest;
    }
}

fn kind(record: &DtlsRecord) -> Kind {
    (record.content, record.epoch, record.handshake)
}
