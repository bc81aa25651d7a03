//! How long stamped frames take, from the moment at which a server's stack had them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use peers::{Args, stamp};

use crate::crowd::Crowd;
use crate::figures::{ms_between, print, print_spread};
use crate::watch;

/// The first frames are not counted.
const WARM_UP: Duration = Duration::from_secs(1);
/// A frame of more bytes is one of the large ones.
const SMALL_BYTES_MAX: u64 = 50_000;

/// A frame as it came.
#[derive(Debug, Clone, Copy)]
struct Frame {
    rtp_time: u32,
    stamp_ns: Option<u64>,
    last_ns: u64,
    bytes: u64,
    is_whole: bool,
}

/// The frames of one viewer, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct FrameLog(Vec<Frame>);

impl FrameLog {
    pub(crate) fn on_packet(&mut self, rtp_time: u32, marker: bool, payload: &[u8], at_ns: u64) {
        // A probe for bandwidth.
        if payload.is_empty() {
            return;
        }
        if self.0.last().is_none_or(|frame| frame.rtp_time != rtp_time) {
            let frame =
                Frame { rtp_time, stamp_ns: None, last_ns: at_ns, bytes: 0, is_whole: false };
            self.0.push(frame);
        }
        let Some(frame) = self.0.last_mut() else { return };
        frame.bytes += payload.len() as u64;
        frame.last_ns = at_ns;
        frame.is_whole |= marker;
        frame.stamp_ns = frame.stamp_ns.or_else(|| stamp::find(payload));
    }
}

pub(crate) fn latency(args: &Args) -> Result<()> {
    let (seconds, count) = (args.or("seconds", 10.0)?, args.or("viewers", 1)?);
    let mut crowd = Crowd::new(args, true)?;
    let up = watch::let_in(&mut crowd, count)?;
    let (begin_ns, warm_ns) = (stamp::now_ns(), u64::try_from(WARM_UP.as_nanos())?);
    let until = up + WARM_UP + Duration::from_secs_f64(seconds);
    crowd.run(until)?;
    // By stamp: how many viewers have the frame, when the last of them had all of it, and its bytes.
    let mut frames: BTreeMap<u64, (usize, u64, u64)> = BTreeMap::new();
    for frame in crowd.viewers.values().flat_map(|viewer| &viewer.frames.0) {
        let Some(stamp_ns) = frame.stamp_ns.filter(|_| frame.is_whole) else { continue };
        if stamp_ns < begin_ns + warm_ns {
            continue;
        }
        let (viewers, last_ns, bytes) = frames.entry(stamp_ns).or_default();
        *viewers += 1;
        *last_ns = frame.last_ns.max(*last_ns);
        *bytes = frame.bytes;
    }
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for (stamp_ns, (viewers, last_ns, bytes)) in frames {
        if viewers == count {
            let kind = if bytes > SMALL_BYTES_MAX { &mut large } else { &mut small };
            kind.push(ms_between(stamp_ns, last_ns));
        }
    }
    if small.is_empty() || large.is_empty() {
        bail!("no stamped frame came: {}", crowd.errors.join("; "));
    }
    print("frames", (small.len() + large.len()) as f64);
    print_spread("small_last_ms", small);
    print_spread("large_last_ms", large);
    crowd.close();
    Ok(())
}
