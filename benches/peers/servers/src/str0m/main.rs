//! str0m with as little around it as can be: one thread, one UDP socket.
//!
//! ```text
//! str0m-server --file FILE --fps 60 --http 127.0.0.1:PORT [--stamp]    frames to str0m, a call for each datagram
//! str0m-server … --runs            packetized once for all, RTP to str0m, a call for each viewer and frame (GSO)
//! str0m-server … --runs --estimator    with str0m's estimator, its clock 5 ms ahead while a frame leaves
//! ```

mod client;
mod packets;
mod run;
mod wait;

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use client::{Client, Mode};
use peers::http::{self, Asked};
use peers::{Args, Frames};
use str0m::net::{Protocol, Receive};
use str0m::{Input, Rtc};

/// Datagrams that are received before anything else is looked at.
const BATCH: usize = 64;
/// How long a request waits for the loop.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// Room in the socket.
const SOCKET_BYTES: i32 = 4 << 20;

/// A request on its way to the loop, and where the answer goes.
type Request = (Asked, Sender<(String, u64)>);

fn main() -> Result<()> {
    str0m::crypto::from_feature_flags().install_process_default();
    let args = Args::of_process();
    let mode = match (args.has("runs"), args.has("estimator")) {
        (false, _) => Mode::Frames,
        (true, estimator) => Mode::Runs { estimator },
    };
    let (bell, rings) = UnixDatagram::pair()?;
    rings.set_nonblocking(true)?;
    let requests = listen(&args.needed::<String>("http")?, bell)?;
    Server::new(rings, mode, Frames::of(&args)?)?.run(&requests)
}

/// Serves HTTP on threads of its own.
fn listen(address: &str, bell: UnixDatagram) -> Result<Receiver<Request>> {
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    http::serve_whep(address, move |asked| {
        let (answer, answered) = channel();
        sender.lock().ok()?.send((asked, answer)).ok()?;
        bell.send(&[1]).ok()?;
        answered.recv_timeout(ANSWER_TIME).ok()
    })?;
    Ok(receiver)
}

struct Server {
    rings: UnixDatagram,
    socket: UdpSocket,
    mode: Mode,
    frames: Frames,
    clients: Vec<Client>,
    next_number: u64,
}

impl Server {
    fn new(rings: UnixDatagram, mode: Mode, frames: Frames) -> Result<Server> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        wait::make_room(&socket, SOCKET_BYTES)?;
        Ok(Server { rings, socket, mode, frames, clients: Vec::new(), next_number: 1 })
    }

    fn run(mut self, requests: &Receiver<Request>) -> Result<()> {
        for index in 0.. {
            let due = self.frames.due(index);
            while Instant::now() < due {
                let now = Instant::now();
                self.clients.iter_mut().for_each(|client| client.on_time(now, &self.socket));
                self.clients.retain(|client| !client.is_over());
                let next = self.clients.iter().map(|client| client.deadline).min();
                let wait = next.unwrap_or(due).min(due).saturating_duration_since(now);
                wait::wait(&self.socket, &self.rings, wait)?;
                while self.rings.recv(&mut [0]).is_ok() {}
                self.take_requests(requests)?;
                self.receive();
            }
            self.send(index);
        }
        Ok(())
    }

    fn send(&mut self, index: u64) {
        let (frame, time) = (self.frames.frame(index), self.frames.rtp_time(index));
        let now = Instant::now();
        match self.mode {
            Mode::Frames => {
                let frame: Arc<[u8]> = frame.into();
                for client in &mut self.clients {
                    client.send_frame(now, &frame, time, &self.socket);
                }
            }
            Mode::Runs { estimator } => {
                let packets = packets::of_frame(&frame);
                for client in &mut self.clients {
                    client.send_packets(now, &packets, time, &self.socket, estimator);
                }
            }
        }
    }

    fn receive(&mut self) {
        let mut bytes = [0; 2048];
        let Ok(local) = self.socket.local_addr() else { return };
        for _ in 0..BATCH {
            let Ok((count, from)) = self.socket.recv_from(&mut bytes) else { break };
            let Ok(receive) = Receive::new(Protocol::Udp, from, local, &bytes[..count]) else {
                continue;
            };
            let input = Input::Receive(Instant::now(), receive);
            let known = self.clients.iter_mut().position(|client| client.accepts(from, &input));
            if let Some(index) = known {
                self.clients[index].input(input, &self.socket);
            }
        }
    }

    fn take_requests(&mut self, requests: &Receiver<Request>) -> Result<()> {
        while let Ok((asked, answer)) = requests.try_recv() {
            let text = match asked {
                Asked::Bye(number) => {
                    self.clients.retain(|client| client.number != number);
                    Some((String::new(), number))
                }
                Asked::Offer(offer) => self.accept(&offer)?,
            };
            // It may have given up.
            text.map(|text| answer.send(text));
        }
        Ok(())
    }

    fn accept(&mut self, offer: &str) -> Result<Option<(String, u64)>> {
        let mut rtc: Rtc = self.mode.config().build(Instant::now());
        let Some(answer) = client::answer(&mut rtc, self.socket.local_addr()?, offer)? else {
            return Ok(None);
        };
        let number = self.next_number;
        self.next_number += 1;
        let mut client = Client::new(number, rtc);
        client.drain(&self.socket);
        self.clients.push(client);
        Ok(Some((answer, number)))
    }
}
