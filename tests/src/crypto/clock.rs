//! What the clock of the machine says when it is looked at for the first time, which is the same in every process.
//!
//! `dimpl` and str0m count NTP and UNIX time from such a look, each from its own, so that the bytes of reports, and
//! round trips rounded to 1/65536 s, were another process's others. While it is [`held`], the clock tells a thread the
//! moment at which it began to be held, and a date that never changes.

use std::cell::Cell;
use std::ffi::c_int;

use libc::{CLOCK_MONOTONIC, CLOCK_REALTIME, clockid_t, timespec};

/// The date while it is held, in seconds since 1970.
const DATE: timespec = timespec { tv_sec: 1_800_000_000, tv_nsec: 0 };

thread_local! {
    /// What a monotonic clock says, while it is held.
    static HELD: Cell<Option<timespec>> = const { Cell::new(None) };
}

/// Holds this thread's clock during a call.
pub(super) fn held<T>(call: impl FnOnce() -> T) -> T {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for the write.
    unsafe { clock_gettime(CLOCK_MONOTONIC, &raw mut now) };
    HELD.set(Some(now));
    let result = call();
    HELD.set(None);
    result
}

/// Takes the place of libc's, which the standard library calls for every `now()`.
///
/// # Safety
/// As clock_gettime(3): `at` is null or can be written to.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: clockid_t, at: *mut timespec) -> c_int {
    let says = match (clock, HELD.try_with(Cell::get)) {
        (CLOCK_MONOTONIC, Ok(Some(now))) => now,
        (CLOCK_REALTIME, Ok(Some(_))) => DATE,
        // SAFETY: the kernel checks `at` itself.
        _ => return unsafe { libc::syscall(libc::SYS_clock_gettime, clock, at) } as c_int,
    };
    // SAFETY: the standard library's pointer, or `held`'s own.
    unsafe { at.write(says) };
    0
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_clock_that_is_held_stands_still_at_one_date() {
        let before = Instant::now();
        let look = || (Instant::now(), SystemTime::now());
        let (first, second) = held(|| (look(), look()));

        assert_eq!(first, second);
        assert_eq!(first.1, UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        assert!(before <= first.0 && first.0 <= Instant::now());
        assert!(SystemTime::now() > UNIX_EPOCH && SystemTime::now() != first.1);
    }
}
