//! What a process has cost, and how busy the machine is.

use std::fs;
use std::time::Duration;

/// What a process has cost so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// On any core, in its own code and in the kernel's; of all threads, those that ended too.
    pub cpu: Duration,
    /// Resident memory.
    pub rss_kb: u64,
    /// Threads now.
    pub threads: u64,
}

/// Of this process id; nothing, once it is gone.
pub fn cost(pid: u32) -> Cost {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Cost {
        cpu: cpu(pid),
        rss_kb: field("VmRSS:").unwrap_or(0),
        threads: field("Threads:").unwrap_or(0),
    }
}

/// By the clock of the process: the ticks in /proc are 10 ms long, too coarse for one viewer.
fn cpu(pid: u32) -> Duration {
    let (mut clock, mut time) = (0, libc::timespec { tv_sec: 0, tv_nsec: 0 });
    let pid = i32::try_from(pid).unwrap_or(-1);
    // SAFETY: both pointers are to locals of the types that the calls write.
    let read = unsafe {
        libc::clock_getcpuclockid(pid, &mut clock) == 0
            && libc::clock_gettime(clock, &mut time) == 0
    };
    if !read {
        return Duration::ZERO;
    }
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Ticks of all cores, busy and in all.
pub fn machine() -> (u64, u64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> =
        line.split_whitespace().skip(1).take(8).filter_map(|tick| tick.parse().ok()).collect();
    let all = ticks.iter().sum();
    // The fourth and fifth are idle, and waiting for a disk.
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    (all - idle, all)
}
