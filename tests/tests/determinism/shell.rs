//! A runtime that a trace drives: real sockets, and a clock that stands until the trace moves it.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pinhole_encoder::{AccessUnit, Media, MediaEvent, Wake};
use pinhole_runtime::{NetworkConfig, Running, RuntimeConfig, RuntimeError, Snapshot, Sockets};
use pinhole_tests::runtime_suite::within;

use crate::trace::{Input, Output, Step, Trace, beginning, config};

/// The clock of a runtime.
pub(crate) type Clock = Box<dyn Fn() -> Instant + Send>;
/// Starts a runtime.
pub(crate) type Spawn = fn(RuntimeConfig, Clock) -> Result<Running, RuntimeError>;

/// How long one datagram may take over loopback.
const WAIT: Duration = Duration::from_secs(10);

pub(crate) struct Shell {
    running: Running,
    base: SocketAddr,
    now: Arc<Mutex<Instant>>,
    frames: Frames,
    viewers: [UdpSocket; 2],
    datagrams: u64,
}

/// The sockets of the viewers.
pub(crate) fn viewer_sockets() -> [UdpSocket; 2] {
    std::array::from_fn(|_| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(WAIT)).unwrap();
        socket
    })
}

impl Shell {
    pub(crate) fn start(
        trace: &Trace,
        sockets: Sockets,
        viewers: [UdpSocket; 2],
        spawn: Spawn,
    ) -> Shell {
        let (now, frames) = (Arc::new(Mutex::new(beginning())), Frames::default());
        let clock = Arc::clone(&now);
        let config = RuntimeConfig {
            endpoint: config(trace.seed, trace.base),
            sockets,
            media: Box::new(frames.clone()),
            network: NetworkConfig::default(),
            record: None,
        };
        let running = spawn(config, Box::new(move || *clock.lock().unwrap())).unwrap();
        Shell { running, base: trace.base, now, frames, viewers, datagrams: 0 }
    }

    /// Puts in what the step says, when it says, and reads what must come of it.
    pub(crate) fn take(&mut self, step: &Step, what: &str) {
        let at = beginning() + step.at;
        self.set_clock(at);
        match &step.input {
            Input::Offer(sdp) => {
                let accepted = within(self.running.handle.accept_offer(sdp.clone())).unwrap();
                assert_eq!(Some(accepted.answer), step.answer, "{what}: the answer");
            }
            Input::Candidate(id, line) => {
                within(self.running.handle.add_candidate(*id, line.clone())).unwrap();
            }
            Input::Datagram { from, bytes } => self.send(*from, bytes),
            Input::Frame(data) => self.frames.push(at, data.clone()),
            Input::Timeout => {}
            Input::Close(id) => assert!(within(self.running.handle.close(*id)).unwrap()),
        }
        for expected in &step.outputs {
            let got = self.receive(expected.to, what);
            assert_eq!(got, *expected, "{what}: after {:?}", step.input);
        }
    }

    /// Moves the clock, and waits for a turn that has read it: commands that come while one is on
    /// are still run by it. What was put in before is then over, too.
    fn set_clock(&self, at: Instant) {
        *self.now.lock().unwrap() = at;
        let turns = self.snapshot().runtime.turns;
        until(|| self.snapshot().runtime.turns > turns);
    }

    /// Nothing is left, and it ends.
    pub(crate) fn finish(self) {
        for viewer in &self.viewers {
            viewer.set_nonblocking(true).unwrap();
            let more = viewer.recv(&mut [0; 2_048]);
            assert!(more.is_err(), "{more:?} bytes more than the core gave");
        }
        within(self.running.handle.shut_down()).unwrap();
        self.running.thread.join().unwrap().unwrap();
    }

    fn snapshot(&self) -> Snapshot {
        within(self.running.handle.snapshot()).unwrap()
    }

    fn send(&mut self, from: SocketAddr, bytes: &[u8]) {
        let viewer = self.viewers.iter().find(|viewer| viewer.local_addr().unwrap() == from);
        viewer.unwrap().send_to(bytes, self.base).unwrap();
        self.datagrams += 1;
        until(|| self.snapshot().runtime.receives == self.datagrams);
    }

    fn receive(&self, to: SocketAddr, what: &str) -> Output {
        let viewer = self.viewers.iter().find(|viewer| viewer.local_addr().unwrap() == to);
        let mut bytes = vec![0; 2_048];
        let got = viewer.unwrap().recv_from(&mut bytes);
        let (length, from) = got.unwrap_or_else(|error| panic!("{what}: {to} gets {error}"));
        assert_eq!(from, self.base, "{what}");
        bytes.truncate(length);
        Output { to, bytes }
    }
}

/// Looks again and again.
fn until(done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < WAIT, "the runtime does not go on");
        std::thread::yield_now();
    }
}

/// The stream: what the trace puts in.
#[derive(Clone, Default)]
struct Frames(Arc<Mutex<(VecDeque<AccessUnit>, Option<Wake>)>>);

impl Frames {
    /// Comes back once it was taken.
    fn push(&self, at: Instant, data: Vec<u8>) {
        let wake = {
            let mut inner = self.0.lock().unwrap();
            let keyframe = data.len() > 4 && data[4] == 0x67;
            let unit = AccessUnit { data, keyframe, captured: at, encoded: at, sequence: 0 };
            inner.0.push_back(unit);
            inner.1.clone().unwrap()
        };
        wake();
        until(|| self.0.lock().unwrap().0.is_empty());
    }
}

impl Media for Frames {
    fn set_wake(&mut self, wake: Wake) {
        self.0.lock().unwrap().1 = Some(wake);
    }

    fn poll_access_unit(&mut self) -> Option<AccessUnit> {
        self.0.lock().unwrap().0.pop_front()
    }

    fn poll_event(&mut self) -> Option<MediaEvent> {
        None
    }

    fn request_keyframe(&mut self) {}

    fn set_active(&mut self, _: bool) {}
}
