//! Pinhole as a program embeds it, with media of its own: for `cargo xtask bench-peers`, which wants to know
//! how long a frame takes from the moment at which it is handed over. The program itself learns nothing of
//! such measurements.
//!
//! ```text
//! pinhole-stamped 127.0.0.1:PORT [mio|smol]     POST /whep with an offer: 201 with the answer
//! ```

mod media;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use media::StampedMedia;
use pinhole_core::gather::GatherConfig;
use pinhole_core::{Certificate, EndpointConfig, Limits, Seed, VideoFormat, WallClock};
use pinhole_runtime::{Handle, NetworkConfig, Running, RuntimeConfig, Sockets, Viewer};

const FRAME_INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// Longest request.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Longest time that a client may take over it.
const REQUEST_TIME: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let listen = words.next().context("usage: pinhole-stamped ADDRESS:PORT [mio|smol]")?;
    let running = start(words.next().as_deref().unwrap_or("mio"))?;
    let listener = TcpListener::bind(listen)?;
    let executor = tokio::runtime::Builder::new_current_thread().build()?;
    // A viewer lives as long as what tells of it.
    let mut viewers = Vec::new();
    for stream in listener.incoming() {
        match stream.map_err(Into::into).and_then(|it| answer(it, &running.handle, &executor)) {
            Ok(viewer) => viewers.extend(viewer),
            Err(error) => eprintln!("{error:#}"),
        }
    }
    Ok(())
}

fn start(runtime: &str) -> Result<Running> {
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
    let media = Box::new(StampedMedia::start(FRAME_INTERVAL));
    let network = NetworkConfig::default();
    let config = RuntimeConfig { endpoint, sockets, media, network, record: None };
    Ok(match runtime {
        "mio" => pinhole_mio::spawn(config)?,
        "smol" => pinhole_smol::spawn(config)?,
        other => bail!("{other:?} is no runtime: mio or smol"),
    })
}

/// Answers one request; a viewer, if it was an offer.
fn answer(
    mut stream: TcpStream,
    handle: &Handle,
    executor: &tokio::runtime::Runtime,
) -> Result<Option<Viewer>> {
    stream.set_read_timeout(Some(REQUEST_TIME))?;
    let (head, body) = read(&mut stream)?;
    if !head.starts_with("POST ") {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        return Ok(None);
    }
    let viewer = executor.block_on(handle.accept_offer(body))?;
    let answer = &viewer.answer;
    write!(
        stream,
        "HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{answer}",
        answer.len()
    )?;
    Ok(Some(viewer))
}

/// The head of a request, and its body.
fn read(stream: &mut TcpStream) -> Result<(String, String)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().filter_map(|line| line.split_once(':'));
            let length = length
                .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .find_map(|(_, value)| value.trim().parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok((head.to_owned(), body.to_owned()));
            }
        }
        let count = stream.read(&mut chunk)?;
        if count == 0 || bytes.len() > REQUEST_BYTES_MAX {
            bail!("a request that is cut or too long");
        }
        bytes.extend_from_slice(&chunk[..count]);
    }
}
