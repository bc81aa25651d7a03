//! Everybody watches a picture that stands still: what do sessions cost by themselves?

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use peers::{Args, process};

use crate::crowd::Crowd;
use crate::figures::print;
use crate::watch;

/// How long all watch before anything is counted: reports and checks of the beginning are over.
const WARM_UP: Duration = Duration::from_secs(3);

pub(crate) fn idle(args: &Args) -> Result<()> {
    let (count, seconds) = (args.needed("viewers")?, args.or("seconds", 10.0)?);
    let pid = args.or("pid", 0)?;
    let mut crowd = Crowd::new(args, true)?;
    let up = watch::let_in(&mut crowd, count)?;
    crowd.run(up + WARM_UP)?;
    let (begin, before) = (Instant::now(), process::cost(pid));
    crowd.run(begin + Duration::from_secs_f64(seconds))?;
    let (wall, after) = (begin.elapsed().as_secs_f64(), process::cost(pid));
    let connected = crowd.viewers.values().filter(|viewer| viewer.is_up()).count();
    if connected < count {
        bail!("{connected} of {count} viewers are there: {}", crowd.errors.join("; "));
    }
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
    print("connected", connected as f64);
    print("cpu_percent", cpu * 1e2 / wall);
    print("cpu_us_per_viewer_second", cpu * 1e6 / wall / connected as f64);
    print("rss_mb", after.rss_kb as f64 / 1024.0);
    crowd.close();
    Ok(())
}
