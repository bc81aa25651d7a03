//! Viewers join, wait for their first packet, and go: how long does that take, and what does it cost?

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use peers::stamp::now_ns;
use peers::{Args, process};

use crate::crowd::Crowd;
use crate::figures::{ms_between, print, print_spread};

/// Longest time of one.
const JOIN_NS: u64 = 8_000_000_000;
/// How long the server has to hear of the last goodbye.
const GOODBYE: Duration = Duration::from_millis(200);

pub(crate) fn join(args: &Args) -> Result<()> {
    let joins: usize = args.needed("joins")?;
    let (at_once, gap_ms) = (args.or("at-once", 1_usize)?, args.or("gap-ms", 0.0)?);
    let pid = args.or("pid", 0)?;
    let mut crowd = Crowd::new(args, false)?;
    let (mut ready, mut first) = (Vec::new(), Vec::new());
    let (begin, before) = (Instant::now(), process::cost(pid));
    let mut next = begin;
    let mut random = now_ns() | 1;
    let mut done = 0;
    while done < joins {
        while crowd.joined() < joins && crowd.viewers.len() < at_once && Instant::now() >= next {
            crowd.join()?;
        }
        crowd.turn(next.max(Instant::now() + Duration::from_millis(1)))?;
        for number in settled(&crowd) {
            let viewer = &crowd.viewers[&number];
            if viewer.is_up() {
                ready.push(ms_between(viewer.posted_ns, viewer.ready_ns));
                first.push(ms_between(viewer.posted_ns, viewer.media.first_ns));
            }
            crowd.leave(number);
            done += 1;
            // Uneven, so as not to keep step with the frames.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let share = 0.5 + (random >> 33) as f64 / (1_u64 << 31) as f64;
            next = Instant::now() + Duration::from_secs_f64(gap_ms / 1e3 * share);
        }
    }
    let wall = begin.elapsed().as_secs_f64();
    if ready.is_empty() {
        bail!("nobody could join: {}", crowd.errors.join("; "));
    }
    let cpu = process::cost(pid).cpu.saturating_sub(before.cpu);
    print("connected", ready.len() as f64);
    print("joins_per_second", ready.len() as f64 / wall);
    print("cpu_ms_per_join", cpu.as_secs_f64() * 1e3 / ready.len() as f64);
    print_spread("ready_ms", ready);
    print_spread("first_packet_ms", first);
    std::thread::sleep(GOODBYE);
    crowd.close();
    Ok(())
}

/// Those that see the stream, or never will.
fn settled(crowd: &Crowd) -> Vec<usize> {
    let now = now_ns();
    let viewers = crowd.viewers.iter().filter(|(_, viewer)| {
        viewer.is_up() || viewer.has_failed || now.saturating_sub(viewer.posted_ns) > JOIN_NS
    });
    viewers.map(|(number, _)| *number).collect()
}
