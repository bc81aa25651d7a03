//! From the recorder to the writer, without waiting.

use std::sync::mpsc::{RecvTimeoutError, TrySendError};
use std::time::{Duration, Instant};

use pinhole_core::trace::{Entry, Recorder, What};
use pinhole_core::{Endpoint, EndpointConfig};

use super::RecordFile;
use super::writer::{Queue, start};

/// How long the end of a recording may take to reach the disk.
const ENDING_MAX: Duration = Duration::from_millis(250);

/// What listens at an endpoint.
pub(super) struct Tap {
    pub(super) recorder: Recorder,
    /// The last moment that the endpoint was told.
    pub(super) now: Instant,
    /// `None`: the file is full or broken.
    queue: Option<Queue>,
    lost: u64,
}

impl Tap {
    pub(super) fn start(
        now: Instant,
        record: RecordFile,
        config: &EndpointConfig,
    ) -> std::io::Result<Tap> {
        let (recorder, header) = Recorder::new(now, config, record.addresses);
        let queue = Some(start(record, header)?);
        Ok(Tap { recorder, now, queue, lost: 0 })
    }

    /// Whether there is still somebody to tell.
    pub(super) fn is_open(&self) -> bool {
        self.queue.is_some()
    }

    /// Looks at what the endpoint counts rather than tells.
    pub(super) fn look_at(&mut self, endpoint: &Endpoint) {
        self.recorder.on_dropped(self.now, endpoint.dropped_total());
        if self.recorder.wants_sessions(self.now) {
            self.recorder.on_sessions(self.now, &endpoint.sessions());
        }
    }

    /// Hands over what the recorder has.
    pub(super) fn hand_over(&mut self) {
        while let Some(entry) = self.recorder.next_entry() {
            if self.lost > 0 {
                let what = What::Lost { entries: self.lost };
                if self.send(Entry { at_us: entry.at_us, what }) {
                    self.lost = 0;
                }
            }
            if !self.send(entry) {
                self.lost += 1;
            }
        }
    }

    /// False: there is no room.
    fn send(&mut self, entry: Entry) -> bool {
        let Some(queue) = &self.queue else { return true };
        match queue.entries.try_send(entry) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            Err(TrySendError::Disconnected(_)) => {
                self.queue = None;
                true
            }
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.recorder.finish(self.now);
        self.hand_over();
        let Some(Queue { entries, done }) = self.queue.take() else { return };
        drop(entries);
        if done.recv_timeout(ENDING_MAX) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the end of the recording did not reach the disk in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use pinhole_core::gather::GatherConfig;
    use pinhole_core::trace::AddressPolicy;
    use pinhole_core::{Certificate, Limits, Seed, VideoFormat, WallClock};

    use super::*;

    fn config(now: Instant) -> EndpointConfig {
        EndpointConfig {
            seed: Seed::new([7; 32]),
            wall_clock: WallClock { unix: Duration::from_secs(1_800_000_000), at: now },
            certificate: Certificate::generate().unwrap(),
            gather: GatherConfig::lan(vec![([127, 0, 0, 1], 5000).into()]),
            video: VideoFormat { profile_level_id: "42e01f".parse().unwrap() },
            limits: Limits::default(),
            estimator: None,
        }
    }

    #[test]
    fn what_a_full_queue_loses_is_counted_and_told_when_there_is_room() {
        let now = Instant::now();
        let (recorder, _) = Recorder::new(now, &config(now), AddressPolicy::Keep);
        let (entries, slow_disk) = sync_channel(2);
        let (_, done) = sync_channel(1);
        let queue = Some(Queue { entries, done });
        let mut tap = Tap { recorder, now, queue, lost: 0 };
        let leave = |tap: &mut Tap| {
            tap.recorder.on_leave(now);
            tap.hand_over();
        };

        for _ in 0..5 {
            leave(&mut tap);
        }
        let before: Vec<_> = slow_disk.try_iter().map(|entry| entry.what).collect();
        leave(&mut tap);
        let after: Vec<_> = slow_disk.try_iter().map(|entry| entry.what).collect();

        assert_eq!(before, [What::Leave, What::Leave]);
        assert_eq!(after, [What::Lost { entries: 3 }, What::Leave]);
        drop(slow_disk);
        leave(&mut tap);
        assert!(!tap.is_open(), "a writer that has ended is told nothing more");
    }
}
