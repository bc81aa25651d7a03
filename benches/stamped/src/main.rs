//! Pinhole as a program embeds it, with media of its own: for `cargo xtask bench-peers`, which wants to know
//! how long a frame takes from the moment at which it is handed over. The program itself learns nothing of
//! such measurements.
//!
//! ```text
//! pinhole-stamped --http 127.0.0.1:PORT --file synthetic:SMALL,LARGE,EVERY --fps 30 --stamp [--runtime mio|smol]
//! ```

mod media;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use media::StampedMedia;
use peers::http::{self, Asked};
use peers::{Args, Frames};
use pinhole_core::gather::GatherConfig;
use pinhole_core::{Certificate, EndpointConfig, Limits, Seed, VideoFormat, WallClock};
use pinhole_runtime::{Handle, NetworkConfig, Running, RuntimeConfig, Sockets, Viewer};
use tokio::runtime::Builder;

fn main() -> Result<()> {
    let args = Args::of_process();
    let running = start(&args.or("runtime", "mio".to_owned())?, Frames::of(&args)?)?;
    // A viewer lives as long as what tells of it.
    let (handle, viewers) = (running.handle, Mutex::new(BTreeMap::new()));
    http::serve_whep(&args.needed::<String>("http")?, move |asked| {
        answer(asked, &handle, &mut viewers.lock().unwrap_or_else(PoisonError::into_inner))
    })?;
    match running.thread.join() {
        Ok(ended) => Ok(ended?),
        Err(_) => bail!("the event loop panicked"),
    }
}

fn start(runtime: &str, frames: Frames) -> Result<Running> {
    let sockets = Sockets::bind(Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), None)?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let endpoint = EndpointConfig {
        seed: Seed::new(seed),
        wall_clock: WallClock {
            unix: SystemTime::now().duration_since(UNIX_EPOCH)?,
            at: Instant::now(),
        },
        certificate: Certificate::generate()?,
        gather: GatherConfig::lan(sockets.bases()),
        video: VideoFormat { profile_level_id: "42c01f".parse()? },
        limits: Limits::default(),
        estimator: None,
    };
    let media = Box::new(StampedMedia::start(frames));
    let network = NetworkConfig::default();
    let config = RuntimeConfig { endpoint, sockets, media, network, record: None };
    Ok(match runtime {
        "mio" => pinhole_mio::spawn(config)?,
        "smol" => pinhole_smol::spawn(config)?,
        other => bail!("{other:?} is no runtime: mio or smol"),
    })
}

/// The SDP answer to an offer, and its viewer's number.
fn answer(
    asked: Asked,
    handle: &Handle,
    viewers: &mut BTreeMap<u64, Viewer>,
) -> Option<(String, u64)> {
    let executor = Builder::new_current_thread().build().ok()?;
    match asked {
        Asked::Offer(sdp) => {
            let viewer = executor.block_on(handle.accept_offer(sdp)).ok()?;
            let number = viewers.last_key_value().map_or(0, |(last, _)| last + 1);
            let answer = viewer.answer.clone();
            viewers.insert(number, viewer);
            Some((answer, number))
        }
        Asked::Bye(number) => {
            let viewer = viewers.remove(&number)?;
            executor.block_on(handle.close(viewer.id)).ok()?;
            None
        }
    }
}
