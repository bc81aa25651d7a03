//! Two viewers and a stream, played to the bare core: what makes a trace.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use fastrand::Rng;
use pinhole_tests::access_unit::access_unit;
use pinhole_tests::crypto::Source;
use pinhole_tests::world::net::{INTERNET, NodeId};
use pinhole_tests::world::viewer::{Habits, Viewer};

use crate::trace::{Core, Input, Output, Step, Trace, beginning};

const LATENCY: Duration = Duration::from_millis(3);
const FRAME_EVERY: Duration = Duration::from_millis(50);
const LENGTH: Duration = Duration::from_secs(8);
/// When the second viewer comes, and when the first is sent away.
const SECOND_COMES: Duration = Duration::from_millis(700);
const FIRST_GOES: Duration = Duration::from_secs(6);
/// Steps that a trace may have.
const STEPS_MAX: usize = 20_000;

enum Due {
    ToServer { from: SocketAddr, bytes: Vec<u8> },
    ToViewer { viewer: usize, bytes: Vec<u8> },
    Answer { viewer: usize, sdp: String },
    Candidate { viewer: usize, line: String },
    Join { viewer: usize },
    Close { viewer: usize },
    Frame,
}

struct Script {
    core: Core,
    base: SocketAddr,
    /// What the viewers draw.
    source: Source,
    rng: Rng,
    addresses: [SocketAddr; 2],
    viewers: Vec<Viewer>,
    queue: BTreeMap<(Duration, u64), Due>,
    queued: u64,
    frames: u32,
    steps: Vec<Step>,
}

/// Plays the script of a seed, with viewers at these addresses.
pub(crate) fn record(seed: u64, base: SocketAddr, viewers: &[SocketAddr; 2]) -> Trace {
    fastrand::seed(seed);
    let mut script = Script {
        core: Core::new(seed, base),
        base,
        source: Source::new(seed + 1),
        rng: Rng::with_seed(seed),
        addresses: *viewers,
        viewers: Vec::new(),
        queue: BTreeMap::new(),
        queued: 0,
        frames: 0,
        steps: Vec::new(),
    };
    script.plan(Duration::ZERO, Due::Frame);
    script.plan(Duration::from_millis(1), Due::Join { viewer: 0 });
    script.plan(SECOND_COMES, Due::Join { viewer: 1 });
    script.plan(FIRST_GOES, Due::Close { viewer: 0 });
    while script.step() {}
    assert!(script.viewers.iter().all(|viewer| viewer.pictures.len() > 10), "seed {seed}");
    Trace { seed, base, steps: script.steps }
}

impl Script {
    fn plan(&mut self, at: Duration, due: Due) {
        self.queued += 1;
        self.queue.insert((at, self.queued), due);
    }

    /// Plays what comes next. Of what is due at one moment the endpoint's timeout comes first.
    fn step(&mut self) -> bool {
        assert!(self.steps.len() < STEPS_MAX, "the script goes in circles");
        let timeout = self.core.next_timeout().unwrap_or(Duration::MAX);
        let planned = self.queue.keys().next().map_or(Duration::MAX, |(at, _)| *at);
        let woken = self.viewers.iter().map(Viewer::poll_timeout).min();
        let woken = woken.map_or(Duration::MAX, |at| at.saturating_duration_since(beginning()));
        let at = timeout.min(planned).min(woken);
        if at > LENGTH {
            return false;
        }
        if timeout == at {
            self.put_in(at, Input::Timeout);
        } else if planned == at {
            let due = self.queue.pop_first().unwrap().1;
            self.play(at, due);
        }
        let now = beginning() + at;
        self.source.scope(|| {
            let woken = self.viewers.iter_mut().filter(|viewer| viewer.poll_timeout() <= now);
            woken.for_each(|viewer| viewer.handle_timeout(now));
        });
        self.collect(at);
        true
    }

    fn play(&mut self, at: Duration, due: Due) {
        let now = beginning() + at;
        match due {
            Due::ToServer { from, bytes } => self.put_in(at, Input::Datagram { from, bytes }),
            Due::ToViewer { viewer, bytes } => {
                let (viewer, base) = (&mut self.viewers[viewer], self.base);
                self.source.scope(|| viewer.receive(now, base, &bytes));
            }
            Due::Answer { viewer, sdp } => {
                let viewer = &mut self.viewers[viewer];
                self.source.scope(|| viewer.accept(now, &sdp));
            }
            Due::Candidate { viewer, line } => {
                self.put_in(at, Input::Candidate(self.core.sessions[viewer], line));
            }
            Due::Join { viewer } => self.join(at, viewer),
            Due::Close { viewer } => self.put_in(at, Input::Close(self.core.sessions[viewer])),
            Due::Frame => {
                let data = self.frame();
                self.put_in(at, Input::Frame(data));
                self.plan(at + FRAME_EVERY, Due::Frame);
            }
        }
    }

    /// The first viewer tells its address with the offer, the second afterwards.
    fn join(&mut self, at: Duration, number: usize) {
        let now = beginning() + at;
        let habits = Habits { trickles: true, tells_host: number == 0, restarts: false };
        let (address, node) = (self.addresses[number], NodeId(number));
        let (viewer, offer) = self.source.scope(|| {
            let mut viewer = Viewer::new(now, node, (INTERNET, address), habits, None);
            let offer = viewer.poll_offer(now).unwrap();
            (viewer, offer)
        });
        self.viewers.push(viewer);
        self.put_in(at, Input::Offer(offer));
        let sdp = self.steps.last().and_then(|step| step.answer.clone()).unwrap();
        self.plan(at + LATENCY, Due::Answer { viewer: number, sdp });
        if number == 1 {
            let port = address.port();
            let line = format!("candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host");
            self.plan(at + LATENCY * 2, Due::Candidate { viewer: number, line });
        }
        // What comes from strangers is part of a server's life.
        let garbage = (0..self.rng.usize(1..200)).map(|_| self.rng.u8(..)).collect();
        self.plan(at + LATENCY * 3, Due::ToServer { from: address, bytes: garbage });
    }

    fn put_in(&mut self, at: Duration, input: Input) {
        let step = self.core.take(at, input);
        for Output { to, bytes } in &step.outputs {
            let viewer = self.addresses.iter().position(|address| address == to).unwrap();
            // One in fifty is lost, so that repairs are part of the trace.
            if viewer < self.viewers.len() && self.rng.u32(..50) != 0 {
                let bytes = bytes.clone();
                self.queued += 1;
                self.queue.insert((at + LATENCY, self.queued), Due::ToViewer { viewer, bytes });
            }
        }
        self.steps.push(step);
    }

    /// What viewers send.
    fn collect(&mut self, at: Duration) {
        for number in 0..self.viewers.len() {
            while let Some((_, bytes)) = self.viewers[number].poll_transmit() {
                let from = self.addresses[number];
                self.plan(at + LATENCY, Due::ToServer { from, bytes });
            }
        }
    }

    /// An IDR of several packets each second, small slices between.
    fn frame(&mut self) -> Vec<u8> {
        let keyframe = self.frames.is_multiple_of(20);
        self.frames += 1;
        let bytes = if keyframe { 20_000 } else { self.rng.usize(500..6_000) };
        access_unit(keyframe, (0..bytes).map(|_| self.rng.u8(1..)))
    }
}
