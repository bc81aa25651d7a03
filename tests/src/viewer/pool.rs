//! Many viewers on one thread: one poll loop over their sockets and timers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use mio::{Events, Interest, Poll, Token, Waker};

use super::config::ViewerConfig;
use super::frames::AccessUnit;
use super::session::Session;
use super::stats::{ViewerState, ViewerStats};

/// The token of the command queue; viewers count from 0.
const COMMANDS: Token = Token(usize::MAX);

/// How long a caller waits for the pool's thread. It is an upper bound for a loaded machine.
const REPLY_WITHIN: Duration = Duration::from_secs(10);

/// How long the loop sleeps when nothing is due.
const SLEEP_MAX: Duration = Duration::from_secs(1);

type Command = Box<dyn FnOnce(&mut Loop) + Send>;

/// A thread that runs viewers. It ends when the pool and all its viewers are dropped.
#[derive(Clone)]
pub struct ViewerPool {
    shared: Arc<Shared>,
}

struct Shared {
    commands: Sender<Command>,
    waker: Waker,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The loop sees the closed queue at its next turn; without the wake-up, within `SLEEP_MAX`.
        let _ = self.waker.wake();
    }
}

/// A viewer that has made its offer.
pub struct WaitingViewer {
    viewer: Viewer,
    offer: String,
}

/// A viewer that has its answer. Dropped, it is silent at once, and its port is closed.
pub struct Viewer {
    pool: ViewerPool,
    token: Token,
    local: SocketAddr,
    candidate: String,
}

impl ViewerPool {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system gives no thread or epoll descriptor.
    pub fn spawn() -> Result<ViewerPool> {
        let poll = Poll::new().context("a poll for viewers")?;
        let waker = Waker::new(poll.registry(), COMMANDS)?;
        let (commands, queue) = channel();
        std::thread::Builder::new().name("viewers".to_owned()).spawn(move || {
            Loop { poll, queue, sessions: BTreeMap::new(), next: 0 }.run();
        })?;
        Ok(ViewerPool { shared: Arc::new(Shared { commands, waker }) })
    }

    /// Makes a viewer and its offer.
    ///
    /// # Errors
    /// No socket, or a configuration of which no offer can be made.
    pub fn offer(&self, config: &ViewerConfig) -> Result<WaitingViewer> {
        let config = config.clone();
        let (token, local, candidate, offer) = self.call(move |pool| pool.add(&config))??;
        let viewer = Viewer { pool: self.clone(), token, local, candidate };
        Ok(WaitingViewer { viewer, offer })
    }

    /// Makes a viewer, and connects it by `signal`, which gets the offer and returns the answer.
    ///
    /// # Errors
    /// Those of [`ViewerPool::offer`], of `signal` and of [`WaitingViewer::answer`].
    pub fn connect(
        &self,
        config: &ViewerConfig,
        signal: impl FnOnce(&str) -> Result<String>,
    ) -> Result<Viewer> {
        let waiting = self.offer(config)?;
        let answer = signal(waiting.offer())?;
        waiting.answer(&answer)
    }

    /// Runs `work` on the pool's thread.
    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Loop) -> T + Send + 'static,
    ) -> Result<T> {
        let (reply, result) = channel();
        let command: Command = Box::new(move |pool| {
            // A caller that gave up wants no reply.
            let _ = reply.send(work(pool));
        });
        self.shared.commands.send(command).map_err(|_| anyhow!("the viewers' thread is gone"))?;
        self.shared.waker.wake()?;
        result.recv_timeout(REPLY_WITHIN).context("the viewers' thread does not reply")
    }
}

impl WaitingViewer {
    /// The SDP offer.
    pub fn offer(&self) -> &str {
        &self.offer
    }

    /// Its address.
    pub fn local(&self) -> SocketAddr {
        self.viewer.local
    }

    /// Takes the answer; connectivity checks begin.
    ///
    /// # Errors
    /// The answer does not parse, or does not fit the offer.
    pub fn answer(self, sdp: &str) -> Result<Viewer> {
        let sdp = sdp.to_owned();
        self.viewer.run(move |session| session.answer(Instant::now(), &sdp))??;
        Ok(self.viewer)
    }
}

impl Viewer {
    /// Its address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Its candidate, `candidate:…`, for trickling.
    pub fn candidate(&self) -> &str {
        &self.candidate
    }

    /// What it has seen so far.
    ///
    /// # Errors
    /// The pool's thread does not reply, as for all methods here.
    pub fn stats(&self) -> Result<ViewerStats> {
        self.run(|session| session.seen())
    }

    /// Waits until `done`, looking every 5 ms.
    ///
    /// # Errors
    /// After `limit`, or once the viewer has failed, naming `what` was waited for and what was seen instead.
    pub fn wait_until(
        &self,
        limit: Duration,
        what: &str,
        done: impl Fn(&ViewerStats) -> bool,
    ) -> Result<ViewerStats> {
        let begin = Instant::now();
        loop {
            let seen = self.stats()?;
            if done(&seen) {
                return Ok(seen);
            }
            if begin.elapsed() > limit {
                bail!("no {what} within {limit:?}; seen: {seen:?}");
            }
            if let ViewerState::Failed(how) = &seen.state {
                bail!("no {what}: the viewer failed: {how}; seen: {seen:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for a whole keyframe and ten frames more: it plays.
    ///
    /// # Errors
    /// As [`Viewer::wait_until`].
    pub fn wait_for_picture(&self, limit: Duration) -> Result<ViewerStats> {
        let begin = self.stats()?.frames;
        self.wait_until(limit, "picture", |seen| {
            seen.keyframes > 0 && seen.frames >= begin + 10 && seen.missing == 0
        })
    }

    /// The access units that have come since the last call, at most [`ViewerConfig::keep_frames`].
    ///
    /// # Errors
    /// The pool's thread does not reply.
    pub fn take_frames(&self) -> Result<Vec<AccessUnit>> {
        self.run(Session::take_frames)
    }

    /// Sends a PLI.
    ///
    /// # Errors
    /// There is no stream yet.
    pub fn request_keyframe(&self) -> Result<()> {
        self.run(|session| session.request_keyframe(Instant::now()))?
    }

    /// Takes a trickled candidate of the server.
    ///
    /// # Errors
    /// It is not a candidate.
    pub fn add_candidate(&self, line: &str) -> Result<()> {
        let line = line.to_owned();
        self.run(move |session| session.add_candidate(Instant::now(), &line))?
    }

    /// Makes an offer with new ICE credentials; its answer goes to [`Viewer::renegotiated`].
    ///
    /// # Errors
    /// An offer is pending.
    pub fn restart_offer(&self) -> Result<String> {
        self.run(Session::restart)?
    }

    /// Takes the answer to [`Viewer::restart_offer`].
    ///
    /// # Errors
    /// The answer does not parse, or does not fit the offer.
    pub fn renegotiated(&self, sdp: &str) -> Result<()> {
        let sdp = sdp.to_owned();
        self.run(move |session| session.answer(Instant::now(), &sdp))?
    }

    /// Says goodbye: RTCP BYE, DTLS close_notify.
    ///
    /// # Errors
    /// DTLS is not up.
    pub fn close(&self) -> Result<()> {
        self.run(|session| session.close(Instant::now()))?
    }

    /// Falls silent without a word. Its port stays open until the viewer is dropped, so no ICMP tells the server.
    ///
    /// # Errors
    /// The pool's thread does not reply.
    pub fn vanish(&self) -> Result<()> {
        self.run(Session::vanish)
    }

    /// Sends any bytes from its socket.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn send_raw(&self, to: SocketAddr, bytes: &[u8]) -> Result<()> {
        let bytes = bytes.to_vec();
        self.run(move |session| session.send_raw(to, &bytes))?
    }

    /// Datagrams that its kernel buffer had no room for: lost here and not in the server.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn socket_drops(&self) -> Result<u64> {
        let table = std::fs::read_to_string("/proc/net/udp")?;
        let port = format!(":{:04X}", self.local.port());
        let ours = |line: &&str| line.split_whitespace().nth(1).is_some_and(|l| l.ends_with(&port));
        let line = table.lines().find(ours).context("the socket is not in /proc/net/udp")?;
        let drops = line.split_whitespace().next_back().and_then(|word| word.parse().ok());
        drops.context("drops is the last column")
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session) -> T + Send + 'static,
    ) -> Result<T> {
        let token = self.token;
        let result = self.pool.call(move |pool| pool.sessions.get_mut(&token).map(work))?;
        result.context("the viewer is gone")
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let token = self.token;
        let command: Command = Box::new(move |pool| pool.remove(token));
        if self.pool.shared.commands.send(command).is_ok() {
            let _ = self.pool.shared.waker.wake();
        }
    }
}

/// The thread's own.
struct Loop {
    poll: Poll,
    queue: Receiver<Command>,
    sessions: BTreeMap<Token, Session>,
    next: usize,
}

impl Loop {
    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut unread: Vec<Token> = Vec::new();
        loop {
            let wait = if unread.is_empty() { self.sleep(Instant::now()) } else { Duration::ZERO };
            // Only a signal ends the wait early with an error; then there are no events.
            if self.poll.poll(&mut events, Some(wait)).is_err() {
                events.clear();
            }
            let mut readable = std::mem::take(&mut unread);
            readable.extend(events.iter().map(mio::event::Event::token).filter(|t| *t != COMMANDS));
            let now = Instant::now();
            for token in readable {
                let more = self.sessions.get_mut(&token).is_some_and(|s| s.on_readable(now));
                unread.extend(more.then_some(token));
            }
            let now = Instant::now();
            for session in self.sessions.values_mut() {
                if session.deadline().is_some_and(|deadline| deadline <= now) {
                    session.handle_timeout(now);
                }
            }
            loop {
                match self.queue.try_recv() {
                    Ok(command) => command(&mut self),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
        }
    }

    fn sleep(&self, now: Instant) -> Duration {
        let earliest = self.sessions.values().filter_map(Session::deadline).min();
        earliest.map_or(SLEEP_MAX, |at| at.saturating_duration_since(now).min(SLEEP_MAX))
    }

    fn add(&mut self, config: &ViewerConfig) -> Result<(Token, SocketAddr, String, String)> {
        let (mut session, offer) = Session::new(config, Instant::now())?;
        let token = Token(self.next);
        self.next += 1;
        self.poll.registry().register(session.socket(), token, Interest::READABLE)?;
        let (local, candidate) = (session.local(), session.candidate());
        self.sessions.insert(token, session);
        Ok((token, local, candidate, offer))
    }

    fn remove(&mut self, token: Token) {
        if let Some(mut session) = self.sessions.remove(&token) {
            // Closing the socket deregisters it as well; this only keeps epoll's set tidy before.
            let _ = self.poll.registry().deregister(session.socket());
        }
    }
}
