//! All viewers, and the loop that they share.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::Result;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use peers::Args;

use crate::signalling::{Signalling, delete, patch};
use crate::socket::{BATCH, Batch};
use crate::viewer::Viewer;

/// Rings when an answer has come.
const BELL: Token = Token(usize::MAX);
/// Texts of errors that are kept.
const ERRORS_MAX: usize = 3;

/// All viewers.
pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    batch: Batch,
    signalling: Signalling,
    pub(crate) viewers: BTreeMap<usize, Viewer>,
    joined: usize,
    /// The first errors, for people.
    pub(crate) errors: Vec<String>,
    bind: String,
    reports: bool,
    is_offered: bool,
}

impl Crowd {
    pub(crate) fn new(args: &Args, reports: bool) -> Result<Crowd> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), BELL)?;
        Ok(Crowd {
            poll,
            events: Events::with_capacity(256),
            batch: Batch::new(),
            signalling: Signalling::new(args.needed("url")?, waker),
            viewers: BTreeMap::new(),
            joined: 0,
            errors: Vec::new(),
            bind: args.text("bind").unwrap_or("127.0.0.1").to_owned(),
            reports: reports || args.has("reports"),
            is_offered: args.has("offered"),
        })
    }

    /// How many have been let in so far.
    pub(crate) fn joined(&self) -> usize {
        self.joined
    }

    /// Lets one more viewer in.
    pub(crate) fn join(&mut self) -> Result<()> {
        let (viewer, offer) = Viewer::new(&self.bind, self.reports, self.is_offered)?;
        let fd = viewer.socket.as_raw_fd();
        let token = Token(self.joined);
        self.poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE)?;
        self.signalling.post(self.joined, offer);
        self.viewers.insert(self.joined, viewer);
        self.joined += 1;
        Ok(())
    }

    /// Waits until something happens, at most until `until`, and does what is due.
    pub(crate) fn turn(&mut self, until: Instant) -> Result<()> {
        let deadlines = self.viewers.values().map(|viewer| viewer.deadline);
        let next = deadlines.min().map_or(until, |deadline| deadline.min(until));
        let wait = next.saturating_duration_since(Instant::now());
        self.work(wait)
    }

    /// Turns until then.
    pub(crate) fn run(&mut self, until: Instant) -> Result<()> {
        while Instant::now() < until {
            self.turn(until)?;
        }
        Ok(())
    }

    /// Lets packets gather for this long, and counts them: the kernel noted when each came, and so the receiver
    /// leaves the machine to the server.
    pub(crate) fn sleep_and_count(&mut self, time: Duration) -> Result<()> {
        std::thread::sleep(time);
        self.work(Duration::ZERO)
    }

    /// A viewer goes.
    pub(crate) fn leave(&mut self, number: usize) {
        let Some(mut viewer) = self.viewers.remove(&number) else { return };
        viewer.close();
        viewer.location.take().map(delete);
    }

    /// All go; the server has heard of it at the end.
    pub(crate) fn close(mut self) {
        let mut told = Vec::new();
        for viewer in self.viewers.values_mut() {
            viewer.close();
            told.extend(viewer.location.take().map(delete));
        }
        for thread in told {
            let _ = thread.join();
        }
        for error in &self.errors {
            eprintln!("{error}");
        }
    }

    fn work(&mut self, wait: Duration) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => Err(error)?,
            _ => {}
        }
        for event in &self.events {
            let Some(viewer) = self.viewers.get_mut(&event.token().0) else { continue };
            loop {
                let count = self.batch.receive(&viewer.socket);
                for index in 0..count {
                    let (bytes, from, at_ns) = self.batch.datagram(index);
                    viewer.on_datagram(bytes, from, at_ns);
                }
                if count < BATCH {
                    break;
                }
            }
        }
        self.take_answers();
        let now = Instant::now();
        self.viewers.values_mut().for_each(|viewer| viewer.on_time(now));
        Ok(())
    }

    fn take_answers(&mut self) {
        while let Some((number, answer)) = self.signalling.poll() {
            let Some(viewer) = self.viewers.get_mut(&number) else { continue };
            let taken = answer.and_then(|(sdp, location)| {
                viewer.location = location;
                viewer.on_description(&sdp)
            });
            match taken {
                Ok(None) => {}
                Ok(Some(own)) => patch(viewer.location.clone().unwrap_or_default(), own),
                Err(error) => {
                    viewer.has_failed = true;
                    if self.errors.len() < ERRORS_MAX {
                        self.errors.push(format!("{error:#}"));
                    }
                }
            }
        }
    }
}
