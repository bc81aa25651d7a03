//! How much processor time one datagram of a hostile viewer that was let in costs, by kind: the
//! median, the 99th percentile and the worst. Budget: 1 ms.
//!
//! The clock is the thread's own, so that others on the same core do not count. It costs about half
//! a microsecond per look, of which there are some for each datagram. What it does count is what the
//! machine does to a thread: interrupts, a cache that others emptied. So each siege is played several
//! times, to the same bytes, and of each datagram the least counts.

use std::cell::Cell;
use std::time::Duration;

use pinhole_tests::hostile::{ATTACKS, Hostile};
use rustix::time::{ClockId, clock_gettime};

const ACTS: u64 = 20_000;
const SIEGES: usize = 3;

thread_local! {
    static SINCE: Cell<Option<Duration>> = const { Cell::new(None) };
    static WORKED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

fn main() {
    println!("{:<24} {:>9} {:>9} {:>9} µs", "", "median", "p99", "worst");
    for estimator in [None, Some(8_000_000)] {
        println!("bandwidth estimator: {}", if estimator.is_some() { "on" } else { "off" });
        for (name, act) in ATTACKS.iter().filter(|(name, _)| wanted(name)) {
            let mut times = vec![Duration::MAX; ACTS as usize];
            for _ in 0..SIEGES {
                let mut viewer = Hostile::watching(estimator, watch);
                WORKED.set(Duration::ZERO);
                let mut least = times.iter_mut();
                viewer.besiege(*act, ACTS, |_, _| {
                    let it = least.next().expect("as many as acts");
                    *it = (*it).min(WORKED.take());
                });
            }
            times.sort();
            let at = |share: usize| times[(times.len() - 1) * share / 1_000].as_secs_f64() * 1e6;
            println!("{name:<24} {:9.1} {:9.1} {:9.1}", at(500), at(990), at(1_000));
        }
    }
}

/// Those whose name the arguments hold; all without arguments.
fn wanted(name: &str) -> bool {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).peekable();
    words.peek().is_none() || words.any(|word| name.contains(&word))
}

/// Adds up the time that the endpoint works.
fn watch(works: bool) {
    let now = processor_time();
    match works {
        true => SINCE.set(Some(now)),
        false => {
            let since = SINCE.take().unwrap_or(now);
            WORKED.set(WORKED.get() + (now - since));
        }
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
}
