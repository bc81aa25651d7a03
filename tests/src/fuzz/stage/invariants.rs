//! What must hold after each input.

use pinhole_core::{Event, Transmit, Transport};

use super::{MUTE, SESSIONS_MAX, Stage, VIEWER};

/// Runs handed out after one input: a frame to every viewer, or a restart of all that is asked of
/// servers, is far below it.
const RUNS_MAX: usize = 4_000;
/// Events after one input.
const EVENTS_MAX: usize = 1_000;
/// Times in a row that the deadline may be now.
const TURNS_MAX: usize = 100;
/// Connections that may be open: two a session and 32 that nobody has shown himself on, and one to
/// each server.
const STREAMS_MAX: usize = 2 * SESSIONS_MAX + 32 + 3;

impl Stage {
    /// Drains the endpoint, as a shell does after each input, and checks it. How many datagrams
    /// left.
    pub(in crate::fuzz) fn settle(&mut self, after: &str) -> usize {
        let mut datagrams = self.drain(after);
        for turn in 0.. {
            if self.endpoint.poll_timeout().is_none_or(|(at, _)| at > self.now) {
                break;
            }
            let reason = self.endpoint.poll_timeout();
            assert!(turn < TURNS_MAX, "it spins after {after}: {reason:?} at {:?}", self.now);
            self.endpoint.handle_timeout(self.now);
            datagrams += self.drain(after);
        }
        self.check_limits(after);
        datagrams
    }

    fn drain(&mut self, after: &str) -> usize {
        let mut datagrams = 0;
        for run in 0.. {
            assert!(run < RUNS_MAX, "no end of datagrams after {after}");
            let mut buffer = std::mem::take(&mut self.buffer);
            let sent = self.endpoint.poll_transmit(self.now, &mut buffer);
            if let Some(transmit) = sent {
                datagrams += transmit.len.div_ceil(transmit.segment_size);
                self.check_transmit(&transmit, &buffer, after);
            }
            self.buffer = buffer;
            if sent.is_none() {
                break;
            }
        }
        for event in 0.. {
            assert!(event < EVENTS_MAX, "no end of events after {after}");
            match self.endpoint.poll_event() {
                None => break,
                Some(Event::Connect { stream, .. }) => {
                    assert!(self.streams.insert(stream), "{stream:?} is opened twice");
                }
                Some(Event::Disconnect { stream }) => {
                    assert!(self.streams.remove(&stream), "{stream:?} is closed twice");
                }
                Some(_) => {}
            }
        }
        datagrams
    }

    fn check_transmit(&mut self, transmit: &Transmit, buffer: &[u8], after: &str) {
        let Transmit { local, remote, transport, segment_size, len } = *transmit;
        assert!(0 < segment_size && segment_size <= len && len <= buffer.len(), "{transmit:?}");
        if let Transport::Stream(stream) = transport {
            assert!(self.streams.contains(&stream), "{stream:?} is closed, after {after}");
            return;
        }
        assert!(self.ours.contains(&local), "{local} is not ours, after {after}");
        let nowhere = remote.port() == 0
            || remote.ip().is_unspecified()
            || remote.ip().is_multicast()
            || remote.ip() == std::net::IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
        assert!(!nowhere, "{remote} cannot receive, after {after}");
        assert_ne!(remote, MUTE, "it proved nothing, after {after}");
        assert!(len.div_ceil(segment_size) <= 64, "{transmit:?} is longer than any GSO run");
        for datagram in buffer[..len].chunks(segment_size) {
            if let Some(id) = datagram.get(8..20).filter(|_| datagram[0] < 4) {
                self.ids.insert(remote, id.try_into().expect("12 bytes"));
            }
            if let Some(viewer) = self.viewer.as_mut().filter(|_| remote == VIEWER) {
                viewer.hear(self.now, local, datagram);
            }
        }
    }

    fn check_limits(&self, after: &str) {
        let stats = self.endpoint.stats();
        let living = stats.connecting + stats.connected + stats.interrupted;
        assert!(living <= SESSIONS_MAX, "{living} sessions after {after}");
        let open = self.streams.len();
        assert!(open <= STREAMS_MAX, "{open} connections after {after}");
    }
}
