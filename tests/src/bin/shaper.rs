//! A link in user space, steered over standard input: see [`pinhole_tests::shaper`].
//!
//! ```text
//! shaper SERVER_PORT [DELAY_MS] [QUEUE_MS]      says `port N`, where clients send to, and then takes:
//!   rate BITS_PER_SECOND      loss PERCENT      stats      (answers with a line of JSON)
//! ```
//! Ends with its standard input, or after ten minutes.

use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{TryRecvError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pinhole_tests::shaper::{Link, Shaper};

const LIFE_MAX: Duration = Duration::from_secs(600);
const TURN: Duration = Duration::from_micros(500);
/// Fast enough to be none.
const RATE_OPEN: u64 = 1_000_000_000;

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut number = |what: &'static str, usual: Option<u64>| -> Result<u64> {
        let word = words.next();
        match (word, usual) {
            (Some(word), _) => {
                word.parse().with_context(|| format!("{what}: {word:?} is no number"))
            }
            (None, Some(usual)) => Ok(usual),
            (None, None) => bail!("name {what}"),
        }
    };
    let server = u16::try_from(number("the server's UDP port", None)?).context("a port")?;
    let delay = Duration::from_millis(number("the delay in ms", Some(40))?);
    let queue = Duration::from_millis(number("the queue in ms", Some(200))?);
    let link = Link { rate: RATE_OPEN, queue, delay, loss_percent: 0.0 };
    let mut shaper = Shaper::new(SocketAddr::from((Ipv4Addr::LOCALHOST, server)), link, 1)?;
    println!("port {}", shaper.address()?.port());
    std::io::stdout().flush()?;

    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let until = Instant::now() + LIFE_MAX;
    while Instant::now() < until {
        match lines.try_recv() {
            Ok(line) => obey(&mut shaper, &line)?,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
        shaper.turn(Instant::now())?;
        std::thread::sleep(TURN);
    }
    bail!("nobody ended it for {} s", LIFE_MAX.as_secs())
}

fn obey(shaper: &mut Shaper, line: &str) -> Result<()> {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("rate", bits) => shaper.link.rate = bits.parse().context("rate")?,
        ("loss", percent) => shaper.link.loss_percent = percent.parse().context("loss")?,
        ("stats", "") => {
            let carried = shaper.carried;
            let stats = serde_json::json!({
                "bytes": carried.bytes, "dropped": carried.dropped, "lost": carried.lost,
            });
            println!("{stats}");
            std::io::stdout().flush()?;
        }
        _ => bail!("{line:?} is not understood"),
    }
    Ok(())
}
