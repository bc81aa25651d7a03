//! How long signalling takes: offer in → answer out, and answer → first media packet, on loopback.
//!
//! `cargo xtask bench`, or `cargo bench -p pinhole-benches --bench signalling [-- ROUNDS]`. Runs the real program on
//! both event loops, one viewer after the other, each with a new HTTP connection. The budgets are for the medians; the
//! exit code is 1 if one is missed.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pinhole_core::Limits;
use pinhole_tests::endpoint::endpoint;
use pinhole_tests::server::{RUNTIMES, Server};
use pinhole_tests::viewer::{ViewerConfig, ViewerPool};

const ROUNDS: usize = 100;
/// Offer in → answer out, over HTTP.
const ANSWER_BUDGET: Duration = Duration::from_millis(5);
/// Answer → first media packet.
const FIRST_PACKET_BUDGET: Duration = Duration::from_millis(60);
/// An upper bound for one viewer on a busy machine.
const VIEWER_LIMIT: Duration = Duration::from_secs(10);
/// Between viewers: longer than key frames are merged over, so that each joins a stream at rest.
const PAUSE: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    // Cargo passes --bench.
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    match measure(rounds) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all budgets are met.
fn measure(rounds: usize) -> Result<bool> {
    let pool = ViewerPool::spawn()?;
    in_memory(&pool, rounds)?;
    let mut within = true;
    for runtime in RUNTIMES {
        let server = Server::start(runtime, "--size 1280x720 --fps 30 --bitrate 3M")?;
        let (mut answers, mut packets) = (Vec::new(), Vec::new());
        // The first round warms up and does not count.
        for round in 0..=rounds {
            let (answer, packet) = one_viewer(&server, &pool)?;
            if round > 0 {
                answers.push(answer);
                packets.push(packet);
            }
            std::thread::sleep(PAUSE);
        }
        within &= report(runtime, "offer → answer", answers, ANSWER_BUDGET)?;
        within &= report(runtime, "answer → first packet", packets, FIRST_PACKET_BUDGET)?;
        server.stop()?;
    }
    Ok(within)
}

/// The core's share, without HTTP, threads and sockets.
fn in_memory(pool: &ViewerPool, rounds: usize) -> Result<()> {
    let now = Instant::now();
    let limits = Limits { sessions: rounds, ..Limits::default() };
    let mut endpoint = endpoint(now, "42c01f", limits);
    let mut times = Vec::new();
    for _ in 0..rounds {
        let waiting = pool.offer(&ViewerConfig::default())?;
        let begin = Instant::now();
        endpoint.accept_offer(begin, waiting.offer())?;
        times.push(begin.elapsed());
    }
    report("core", "offer → answer", times, ANSWER_BUDGET).map(drop)
}

/// The two times of one viewer.
fn one_viewer(server: &Server, pool: &ViewerPool) -> Result<(Duration, Duration)> {
    let waiting = pool.offer(&ViewerConfig::default())?;
    let begin = Instant::now();
    let session = server.whep(waiting.offer())?;
    let answer = begin.elapsed();
    let viewer = waiting.answer(&session.answer)?;
    let seen = viewer.wait_until(VIEWER_LIMIT, "packet", |seen| seen.packets > 0)?;
    server.delete(&session.location)?;
    Ok((answer, seen.time_to_first_packet().context("there was a packet")?))
}

fn report(who: &str, what: &str, mut times: Vec<Duration>, budget: Duration) -> Result<bool> {
    times.sort();
    let [p50, p90, p99] = [50, 90, 99].map(|percent| {
        let last = times.len().checked_sub(1)?;
        times.get(last * percent / 100).map(|time| time.as_secs_f64() * 1e3)
    });
    let (Some(p50), Some(p90), Some(p99)) = (p50, p90, p99) else { bail!("nothing was measured") };
    let budget = budget.as_secs_f64() * 1e3;
    let within = p50 < budget;
    let verdict = if within { "met" } else { "MISSED" };
    println!(
        "{who:<5} {what:<22} p50 {p50:>7.3} ms  p90 {p90:>7.3} ms  p99 {p99:>7.3} ms  \
         ({} rounds; budget {budget} ms: {verdict})",
        times.len(),
    );
    Ok(within)
}
