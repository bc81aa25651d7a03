//! The thread that writes.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::Builder;

use pinhole_core::trace::{Admission, Budget, Entry, Header};

use super::RecordFile;

/// Entries that wait for the disk: half a minute of a busy viewer. More are lost.
const QUEUE_ENTRIES: usize = 8_192;

/// Both ends of a writer: where entries go, and what ends when all are written.
pub(super) struct Queue {
    pub(super) entries: SyncSender<Entry>,
    /// Closed once the file is.
    pub(super) done: Receiver<()>,
}

/// Starts the thread. The first line is written by it, too.
pub(super) fn start(record: RecordFile, header: Header) -> std::io::Result<Queue> {
    let (entries, queue) = sync_channel(QUEUE_ENTRIES);
    let (ending, done) = sync_channel(1);
    let RecordFile { file, path, bytes_max, .. } = record;
    Builder::new().name("pinhole-record".to_owned()).spawn(move || {
        let mut writer =
            Writer { file: BufWriter::new(file), path, budget: Budget::new(bytes_max) };
        if let Err(error) = writer.run(&header, &queue) {
            let path = writer.path.display();
            tracing::warn!("the recording {path} ends here, it cannot be written: {error}");
        }
        drop(ending);
    })?;
    Ok(Queue { entries, done })
}

struct Writer {
    file: BufWriter<File>,
    path: PathBuf,
    budget: Budget,
}

impl Writer {
    /// Writes until the other end is gone, or the file is full.
    fn run(&mut self, header: &Header, queue: &Receiver<Entry>) -> std::io::Result<()> {
        self.write(&header.to_line())?;
        loop {
            let entry = match queue.try_recv() {
                Ok(entry) => entry,
                Err(TryRecvError::Empty) => {
                    // A recording is complete up to now whenever there is nothing to do.
                    self.file.flush()?;
                    match queue.recv() {
                        Ok(entry) => entry,
                        Err(_) => return Ok(()),
                    }
                }
                Err(TryRecvError::Disconnected) => return self.file.flush(),
            };
            self.take(&entry)?;
            if self.budget.is_full() {
                let path = self.path.display();
                tracing::warn!("the recording {path} is full; --record-max sets its size");
                return self.file.flush();
            }
        }
    }

    fn take(&mut self, entry: &Entry) -> std::io::Result<()> {
        let line = entry.to_line();
        // Two announcements at most: each class of entries is given up once.
        for _ in 0..3 {
            match self.budget.admit(entry, line.len() as u64) {
                Admission::Take => return self.write(&line),
                Admission::Omit => return Ok(()),
                Admission::Close(last) => return self.write(&last.to_line()),
                Admission::Announce(before) => self.write(&before.to_line())?,
            }
        }
        Ok(())
    }

    fn write(&mut self, line: &str) -> std::io::Result<()> {
        self.budget.on_written(line.len() as u64);
        self.file.write_all(line.as_bytes())
    }
}
