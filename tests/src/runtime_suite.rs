//! What the tests of both runtimes share: a server with a scripted stream, and a bounded wait.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use pinhole_core::gather::GatherConfig;
use pinhole_core::h264::ProfileLevelId;
use pinhole_core::{Certificate, EndpointConfig, Limits, Seed, VideoFormat, WallClock};
use pinhole_encoder::{AccessUnit, Media, MediaEvent, Wake};
use pinhole_runtime::{Handle, NetworkConfig, Running, RuntimeConfig, RuntimeError, Sockets};

use crate::viewer::{Viewer, ViewerConfig, ViewerPool};

/// Starts a runtime: `pinhole_mio::spawn` or its twin.
pub type Spawn = fn(RuntimeConfig) -> Result<Running, RuntimeError>;

/// Starts `pinhole_mio` with three event loops.
///
/// # Errors
/// Those of `pinhole_mio::spawn`.
pub fn mio_on_three_loops(mut config: RuntimeConfig) -> Result<Running, RuntimeError> {
    on_loops(&mut config, 3);
    pinhole_mio::spawn(config)
}

/// Starts `pinhole_smol` with three event loops.
///
/// # Errors
/// Those of `pinhole_smol::spawn`.
pub fn smol_on_three_loops(mut config: RuntimeConfig) -> Result<Running, RuntimeError> {
    on_loops(&mut config, 3);
    pinhole_smol::spawn(config)
}

/// Binds as many ports, each of which has a loop.
///
/// # Panics
/// Loopback has no free ports left.
pub fn on_loops(config: &mut RuntimeConfig, count: usize) {
    for _ in config.sockets.ports().len()..count {
        let more = config.sockets.bind_also(Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), None);
        more.expect("a free port of loopback");
    }
    config.endpoint.gather = GatherConfig::lan(config.sockets.bases());
}

/// Longer than anything here takes on a busy machine; a wait that would hang ends then.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Access units that wait for the loop; the oldest is dropped.
const WAITING_MAX: usize = 64;

/// Access units that are remembered for comparison; a longer script forgets the first.
const REMEMBERED_MAX: usize = 4096;

/// Runs a future, for at most [`LIMIT`].
///
/// # Panics
/// It takes longer.
pub fn within<F: Future>(future: F) -> F::Output {
    let executor = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let executor = executor.expect("an executor needs an epoll descriptor and no more");
    executor.block_on(async { tokio::time::timeout(LIMIT, future).await.expect("not within 10 s") })
}

/// Looks every 5 ms until `done`, for at most [`LIMIT`]; whether it was.
pub fn eventually(mut done: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < LIMIT {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// A runtime at work on loopback.
pub struct Server {
    /// Speaks with it.
    pub handle: Handle,
    /// Its thread.
    pub thread: JoinHandle<Result<(), RuntimeError>>,
    /// What it streams.
    pub script: Script,
}

impl Server {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No socket, no certificate, or no thread.
    pub fn start(spawn: Spawn) -> Result<Server> {
        Server::start_with(spawn, |_| ())
    }

    /// Starts one whose configuration is changed before.
    ///
    /// # Errors
    /// No socket, no certificate, or no thread.
    pub fn start_with(spawn: Spawn, change: impl FnOnce(&mut RuntimeConfig)) -> Result<Server> {
        let sockets = Sockets::bind(Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), None)?;
        let bases = sockets.bases();
        let (media, script) = scripted();
        let endpoint = EndpointConfig {
            seed: Seed::new(std::array::from_fn(|_| fastrand::u8(..))),
            wall_clock: WallClock {
                unix: SystemTime::now().duration_since(UNIX_EPOCH)?,
                at: Instant::now(),
            },
            certificate: Certificate::generate()?,
            gather: GatherConfig::lan(bases),
            video: VideoFormat {
                profile_level_id: ProfileLevelId {
                    profile_idc: 0x42,
                    constraints: 0xe0,
                    level_idc: 0x1f,
                },
            },
            limits: Limits::default(),
            estimator: None,
        };
        let (media, network) = (Box::new(media), NetworkConfig::default());
        let mut config = RuntimeConfig { endpoint, sockets, media, network, record: None };
        change(&mut config);
        let running = spawn(config)?;
        Ok(Server { handle: running.handle, thread: running.thread, script })
    }

    /// Connects a viewer; returns it with what the runtime says of it.
    ///
    /// # Errors
    /// The offer is refused, or the answer is of no use.
    pub fn connect(&self, pool: &ViewerPool) -> Result<(Viewer, pinhole_runtime::Viewer)> {
        let waiting = pool.offer(&ViewerConfig { keep_frames: 500, ..ViewerConfig::default() })?;
        let accepted = within(self.handle.accept_offer(waiting.offer().to_owned()))?;
        Ok((waiting.answer(&accepted.answer)?, accepted))
    }

    /// Shuts the runtime down, and waits for its thread.
    ///
    /// # Errors
    /// It had ended before, or ends with an error.
    pub fn stop(self) -> Result<()> {
        within(self.handle.shut_down())?;
        let result = self.thread.join().map_err(|_| anyhow::anyhow!("its thread panicked"))?;
        result.context("the runtime")
    }
}

/// What a test sees and steers of the stream.
#[derive(Clone)]
pub struct Script {
    shared: Arc<Shared>,
}

/// The stream as the runtime sees it.
struct Scripted {
    shared: Arc<Shared>,
    _stop: StopWhenDropped,
}

struct StopWhenDropped(Arc<AtomicBool>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    released: Condvar,
}

#[derive(Default)]
struct State {
    wake: Option<Wake>,
    waiting: VecDeque<AccessUnit>,
    events: VecDeque<MediaEvent>,
    made: VecDeque<Vec<u8>>,
    count: u64,
    bytes: usize,
    active: bool,
    keyframe_wanted: bool,
    keyframes_asked: u64,
    paused: bool,
    held: bool,
    panics: bool,
}

/// An access unit each 10 ms while somebody watches: an IDR when asked for, else a small slice.
fn scripted() -> (Scripted, Script) {
    let shared = Arc::new(Shared::default());
    shared.lock().bytes = 4_000;
    let stop = Arc::new(AtomicBool::new(false));
    let (own, stopped) = (Arc::clone(&shared), Arc::clone(&stop));
    std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
            own.make_one();
        }
    });
    let script = Script { shared: Arc::clone(&shared) };
    (Scripted { shared, _stop: StopWhenDropped(stop) }, script)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that makes the loop panic while it holds the lock wants to look at it after.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_one(&self) {
        let mut state = self.lock();
        if !state.active || state.paused {
            return;
        }
        let keyframe = std::mem::take(&mut state.keyframe_wanted);
        let data = annex_b(state.count, keyframe, state.bytes);
        let now = Instant::now();
        let sequence = state.count;
        state.count += 1;
        state.made.push_back(data.clone());
        state.waiting.push_back(AccessUnit {
            data,
            keyframe,
            captured: now,
            encoded: now,
            sequence,
        });
        while state.made.len() > REMEMBERED_MAX {
            state.made.pop_front();
        }
        while state.waiting.len() > WAITING_MAX {
            state.waiting.pop_front();
        }
        let wake = state.wake.clone();
        drop(state);
        wake.iter().for_each(|wake| wake());
    }
}

impl Media for Scripted {
    fn set_wake(&mut self, wake: Wake) {
        self.shared.lock().wake = Some(wake);
    }

    fn poll_access_unit(&mut self) -> Option<AccessUnit> {
        let state = self.shared.lock();
        let held = self.shared.released.wait_timeout_while(state, LIMIT, |state| state.held);
        let (mut state, _) = held.unwrap_or_else(PoisonError::into_inner);
        assert!(!std::mem::take(&mut state.panics), "as scripted");
        state.waiting.pop_front()
    }

    fn poll_event(&mut self) -> Option<MediaEvent> {
        self.shared.lock().events.pop_front()
    }

    fn request_keyframe(&mut self) {
        let mut state = self.shared.lock();
        state.keyframe_wanted = true;
        state.keyframes_asked += 1;
    }

    fn set_active(&mut self, active: bool) {
        self.shared.lock().active = active;
    }
}

impl Script {
    /// Whether the runtime says that somebody watches.
    pub fn is_active(&self) -> bool {
        self.shared.lock().active
    }

    /// How often an IDR was asked for.
    pub fn keyframes_asked(&self) -> u64 {
        self.shared.lock().keyframes_asked
    }

    /// The access units made so far, the last ones.
    pub fn made(&self) -> Vec<Vec<u8>> {
        self.shared.lock().made.iter().cloned().collect()
    }

    /// Makes no more access units, or goes on.
    pub fn pause(&self, paused: bool) {
        self.shared.lock().paused = paused;
    }

    /// How large the next access units are.
    pub fn set_bytes(&self, bytes: usize) {
        self.shared.lock().bytes = bytes;
    }

    /// Says that something happened to the stream.
    pub fn happen(&self, event: MediaEvent) {
        self.shared.lock().events.push_back(event);
        self.ring();
    }

    /// Makes the loop stand still in its next turn, until [`Script::release`].
    pub fn hold(&self) {
        self.shared.lock().held = true;
        self.ring();
    }

    /// Lets it go on, or panic, once.
    pub fn release(&self, panic: bool) {
        let mut state = self.shared.lock();
        (state.held, state.panics) = (false, panic);
        drop(state);
        self.shared.released.notify_all();
    }

    fn ring(&self) {
        let wake = self.shared.lock().wake.clone();
        wake.iter().for_each(|wake| wake());
    }
}

/// An access unit with 4-byte start codes. Its number is in it, and no two are alike.
fn annex_b(number: u64, keyframe: bool, bytes: usize) -> Vec<u8> {
    const SPS: [u8; 9] = [0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x95];
    const PPS: [u8; 8] = [0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];
    let mut unit = if keyframe { [&SPS[..], &PPS[..]].concat() } else { Vec::new() };
    unit.extend([0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }]);
    // High bits are set, so that no start code comes about.
    unit.extend(
        (0..16).map(|nibble| 0x80 | u8::try_from(number >> (4 * nibble) & 15).unwrap_or(0)),
    );
    unit.resize(unit.len() + bytes, 0xa5);
    unit
}
