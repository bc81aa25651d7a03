//! Everybody watches at once: what does it cost the server?

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use peers::{Args, process};

use crate::crowd::Crowd;
use crate::figures::{ms_between, print, print_spread};

/// Between one viewer's offer and the next.
const JOIN_EVERY: Duration = Duration::from_millis(15);
/// Longest time until the last of them sees the stream.
const JOIN_TIME: Duration = Duration::from_secs(12);
/// How long all watch before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);
/// Packets gather for so long before they are looked at.
const NAP: Duration = Duration::from_millis(2);

pub(crate) fn watch(args: &Args) -> Result<()> {
    let (count, seconds) = (args.needed("viewers")?, args.or("seconds", 4.0)?);
    let pid = args.or("pid", 0)?;
    let mut crowd = Crowd::new(args, false)?;
    let reports = args.has("reports");
    let up = let_in(&mut crowd, count)?;
    crowd.run(up + WARM_UP)?;
    crowd.viewers.values_mut().for_each(|viewer| viewer.media.begin_window());
    let (begin, before, busy_before) = (Instant::now(), process::cost(pid), process::machine());
    let own_before = process::cost(std::process::id());
    let until = begin + Duration::from_secs_f64(seconds);
    while Instant::now() < until {
        // Reports are due at times of their own.
        if reports { crowd.turn(until)? } else { crowd.sleep_and_count(NAP)? }
    }
    let (wall, after, busy) =
        (begin.elapsed().as_secs_f64(), process::cost(pid), process::machine());
    let own = process::cost(std::process::id()).cpu - own_before.cpu;

    let (mut packets, mut frames, mut lost) = (0, 0, 0);
    for viewer in crowd.viewers.values() {
        let received = viewer.media.window();
        packets += received.packets;
        frames += received.frames;
        lost += received.lost;
    }
    let viewers = crowd.viewers.values().filter(|viewer| viewer.is_up());
    let first = viewers.clone().map(|viewer| ms_between(viewer.posted_ns, viewer.media.first_ns));
    print_spread("first_packet_ms", first.collect());
    let connected = viewers.count();
    if connected == 0 || packets == 0 {
        bail!("no viewer sees anything: {}", crowd.errors.join("; "));
    }
    let cpu = after.cpu.saturating_sub(before.cpu);
    let viewer_seconds = connected as f64 * wall;
    print("connected", connected as f64);
    print("packets_per_viewer_second", packets as f64 / viewer_seconds);
    print("frames_per_viewer_second", frames as f64 / viewer_seconds);
    print("lost", lost as f64);
    print("cpu_ms_per_viewer_second", cpu.as_secs_f64() * 1e3 / viewer_seconds);
    print("us_per_packet", cpu.as_secs_f64() * 1e6 / packets as f64);
    print("rss_mb", after.rss_kb as f64 / 1024.0);
    print("threads", after.threads as f64);
    print("receiver_cores", own.as_secs_f64() / wall);
    let ticks = (busy.1 - busy_before.1).max(1);
    print("machine_busy", (busy.0 - busy_before.0) as f64 / ticks as f64);
    crowd.close();
    Ok(())
}

/// Lets all in, and returns when all see the stream or have had their time.
pub(crate) fn let_in(crowd: &mut Crowd, count: usize) -> Result<Instant> {
    let begin = Instant::now();
    let limit = begin + JOIN_EVERY * u32::try_from(count)? + JOIN_TIME;
    while Instant::now() < limit {
        let next = begin + JOIN_EVERY * u32::try_from(crowd.joined())?;
        if crowd.joined() < count && Instant::now() >= next {
            crowd.join()?;
        }
        let is_settled = |viewer: &crate::viewer::Viewer| viewer.is_up() || viewer.has_failed;
        if crowd.joined() == count && crowd.viewers.values().all(is_settled) {
            break;
        }
        crowd.turn(next.max(Instant::now() + Duration::from_millis(1)).min(limit))?;
    }
    Ok(Instant::now())
}
