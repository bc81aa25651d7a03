//! Deadlines to the microsecond, on a `timerfd`.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

/// Wakes the loop at one moment.
pub(crate) struct Timer {
    fd: OwnedFd,
    set: Option<Instant>,
    /// One moment on both clocks: an `Instant` does not tell its reading of the system's.
    origin: (Instant, Duration),
}

/// What disarms a `timerfd`.
const NEVER: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

impl Timer {
    /// Makes a timer that is not set.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Timer> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE)?;
        let (now, reading) = (Instant::now(), clock_gettime(ClockId::Monotonic));
        // The system's clock counts from its start: it is never negative.
        let secs = u64::try_from(reading.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(reading.tv_nsec).unwrap_or(0);
        Ok(Timer { fd, set: None, origin: (now, Duration::new(secs, nanos)) })
    }

    /// Sets it to a moment, or to never. A moment that has passed wakes at once.
    pub(crate) fn set(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        if deadline == self.set {
            return Ok(());
        }
        let (origin, reading) = self.origin;
        let it_value = deadline.map_or(NEVER, |at| {
            let since_boot = reading + at.saturating_duration_since(origin);
            Timespec {
                tv_sec: i64::try_from(since_boot.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(since_boot.subsec_nanos()),
            }
        });
        let expiry = Itimerspec { it_interval: NEVER, it_value };
        // Never read: setting it anew forgets what fired, and each firing is a new edge.
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &expiry)?;
        self.set = deadline;
        Ok(())
    }

    /// Says that it fired.
    pub(crate) fn hear(&mut self) {
        self.set = None;
    }
}
