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
        Ok(Timer { fd, set: None, origin: (Instant::now(), monotonic()) })
    }

    /// Sets it to a moment, or to never. A moment that has passed wakes at once.
    pub(crate) fn set(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        if deadline == self.set {
            return Ok(());
        }
        let it_value = deadline.map_or(NEVER, |at| self.timespec(at));
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

    fn timespec(&self, at: Instant) -> Timespec {
        let (origin, reading) = self.origin;
        let since_boot = match at.checked_duration_since(origin) {
            Some(after) => reading + after,
            None => reading.saturating_sub(origin - at),
        };
        Timespec {
            tv_sec: i64::try_from(since_boot.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(since_boot.subsec_nanos()),
        }
    }
}

fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let (secs, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    // The system's clock counts from its start.
    Duration::new(secs.unwrap_or(0), nanos.unwrap_or(0))
}
