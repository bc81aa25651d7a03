//! The floor: the same bytes in datagrams of the same size to as many sockets, without crypto, RTP or anybody
//! who answers.
//!
//! ```text
//! udp-floor --file FILE --fps 60 --viewers N [--seconds 3] [--gso]
//! ```
//!
//! The sockets that receive are drained by a child process, so that their cost is not counted.

use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use peers::{Args, Frames, process};

/// Bytes of a datagram: an RTP packet of the usual size with its header and SRTP's tag.
const DATAGRAM_BYTES: usize = 1210;
/// Datagrams of one call with GSO: what fits 64 kB.
const RUN_DATAGRAMS: usize = 52;
/// The sink outlives the sender by this.
const SINK_TIME: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let args = Args::of_process();
    let (viewers, seconds) = (args.needed("viewers")?, args.or("seconds", 3.0)?);
    let seconds = Duration::from_secs_f64(seconds);
    if args.has("sink") { sink(viewers, seconds) } else { send(&args, viewers, seconds) }
}

fn send(args: &Args, viewers: usize, time: Duration) -> Result<()> {
    let mut sink = Command::new(std::env::current_exe()?)
        .args(["--sink", "--viewers", &viewers.to_string()])
        .args(["--seconds", &time.as_secs_f64().to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = String::new();
    let mut told = BufReader::new(sink.stdout.take().context("its output is a pipe")?);
    told.read_line(&mut said)?;
    let sockets: Vec<SocketAddr> =
        said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;

    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let run = if args.has("gso") {
        segment(&socket)?;
        DATAGRAM_BYTES * RUN_DATAGRAMS
    } else {
        DATAGRAM_BYTES
    };
    let frames = Frames::of(args)?;
    let (begin, before) = (Instant::now(), process::cost(std::process::id()).cpu);
    let mut packets = 0;
    for index in 0.. {
        if begin.elapsed() >= time {
            break;
        }
        std::thread::sleep(frames.due(index).saturating_duration_since(Instant::now()));
        for to in &sockets {
            for bytes in frames.unit(index).chunks(run) {
                // A full queue of loopback costs what a sent datagram costs.
                let _ = socket.send_to(bytes, to);
                packets += bytes.len().div_ceil(DATAGRAM_BYTES);
            }
        }
    }
    let wall = begin.elapsed().as_secs_f64();
    let cpu = (process::cost(std::process::id()).cpu - before).as_secs_f64();
    sink.wait()?;
    println!("cpu_ms_per_viewer_second {:.4}", cpu * 1e3 / (viewers as f64 * wall));
    println!("us_per_packet {:.4}", cpu * 1e6 / packets as f64);
    Ok(())
}

/// Has the kernel cut what is sent into datagrams.
fn segment(socket: &UdpSocket) -> Result<()> {
    let bytes: *const i32 = &(DATAGRAM_BYTES as i32);
    // SAFETY: the option is an int, and so is what is pointed to.
    let done = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, bytes.cast(), 4)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()).context("UDP_SEGMENT") }
}

/// Names its sockets, and drains them until it is time.
fn sink(viewers: usize, time: Duration) -> Result<()> {
    let mut sockets = Vec::with_capacity(viewers);
    let mut names = Vec::with_capacity(viewers);
    for _ in 0..viewers {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        names.push(socket.local_addr()?.to_string());
        sockets.push(socket);
    }
    println!("{}", names.join(" "));
    let (begin, mut bytes) = (Instant::now(), [0; 2048]);
    while begin.elapsed() < time + SINK_TIME {
        std::thread::sleep(Duration::from_millis(2));
        for socket in &sockets {
            while socket.recv(&mut bytes).is_ok() {}
        }
    }
    Ok(())
}
