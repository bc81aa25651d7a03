//! One turn of the loop, step by step.
mod commands;
mod ending;
mod streams;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use pinhole_core::{Event, Frame, FrameTimes, Transport};

use self::ending::Life;
use self::streams::tls_client;
use crate::command::{CommandReceiver, NextCommand, command_queue};
use crate::feed::Feed;
use crate::handle::LoopEnd;
use crate::network::Network;
use crate::observers::Observers;
use crate::outlets::Outlets;
use crate::record::RecordedEndpoint;
use crate::shards::{Farewell, LoopConfig};
use crate::udp::{Inbox, Outbox, Progress};
use crate::{Doorbell, Handle, NetworkConfig, Probe, RuntimeError, RuntimeStats, Socket, Streams};

/// Commands per turn.
const COMMANDS_PER_TURN: usize = 8;
/// Offers among them. Answering one took 1.3 ms, while the DTLS library tried itself out with each
/// session, and a tenth of the instructions since: more of them in one turn would hold up everybody's frame.
const OFFERS_PER_TURN: usize = 2;
/// Access units per turn; more than one is a backlog.
const FRAMES_PER_TURN: usize = 4;
/// Runs per turn: a keyframe for a few dozen viewers. Datagrams and timers wait no longer than that.
const TRANSMITS_PER_TURN: usize = 128;
/// Events of the endpoint per turn.
const EVENTS_PER_TURN: usize = 1024;

/// When the loop must turn again, ready sockets and the bell aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Work is left or a deadline has passed: look for readiness, but do not wait for it.
    AtOnce,
    /// At this moment.
    At(Instant),
    /// When something happens.
    Whenever,
}

/// One turn of the loop, with all that the loop owns: endpoint, stream, sockets, commands, observers.
/// Each step is bounded; what a bound leaves over makes [`Turn::next`] say [`Next::AtOnce`].
pub struct Turn {
    now: Instant,
    endpoint: RecordedEndpoint,
    feed: Feed,
    sockets: Vec<Socket>,
    streams: Streams,
    network: Network,
    inbox: Inbox,
    outbox: Outbox,
    commands: CommandReceiver,
    observers: Observers,
    /// How many sessions live, for whoever chooses among several loops.
    living: Arc<AtomicUsize>,
    outlets: Outlets,
    bell: Doorbell,
    life: Life,
    /// Whether a bound left work over in this turn.
    more: bool,
    /// Whether the endpoint had nothing left to send in this turn.
    drained: bool,
    stats: RuntimeStats,
    /// Dropped last: then the loop has ended.
    _farewell: Option<Farewell>,
}

impl Turn {
    /// Makes the turn and the handle that speaks with it. `bell` must wake the loop. Refuses what the
    /// endpoint refuses.
    pub fn new(
        now: Instant,
        config: LoopConfig,
        bell: Doorbell,
    ) -> Result<(Turn, Handle), RuntimeError> {
        let streams = Streams::new(tls_client(&config));
        let (port, viewers_max) = (config.sockets.port(), config.viewers_max());
        let NetworkConfig { names, bases, .. } = config.network;
        let network = Network::start(names, bases, &bell)?;
        let endpoint = RecordedEndpoint::new(now, config.endpoint, config.place, config.record)?;
        let feed = Feed::new(config.supply, &bell, config.outlets.media_events.clone());
        let (sender, commands) = command_queue(bell.clone());
        let living = Arc::new(AtomicUsize::new(0));
        let end = LoopEnd {
            commands: sender,
            port,
            living: Arc::clone(&living),
            asking: AtomicUsize::new(0),
            viewers_max,
        };
        let turn = Turn {
            now,
            endpoint,
            feed,
            sockets: config.sockets.sockets,
            streams,
            network,
            inbox: Inbox::new(),
            outbox: Outbox::new(),
            commands,
            observers: Observers::default(),
            living,
            outlets: config.outlets,
            bell,
            life: Life::Running,
            // The stream may have had something to say before anybody could be woken.
            more: true,
            drained: false,
            stats: RuntimeStats::default(),
            _farewell: config.farewell,
        };
        Ok((turn, Handle::new(end, config.inlets)))
    }

    /// The sockets and connections to wait for.
    pub fn sources(&mut self) -> (&mut [Socket], &mut Streams) {
        (&mut self.sockets, &mut self.streams)
    }

    /// Begins a turn at this moment, the only one that its steps know.
    pub fn begin(&mut self, now: Instant) {
        self.now = now;
        (self.more, self.drained) = (false, false);
        self.stats.turns += 1;
        // Before anybody's work is looked for: what comes after this rings again.
        self.bell.answer();
    }

    /// Receives what readable sockets and connections have.
    pub fn receive(&mut self) -> Result<(), RuntimeError> {
        let Turn { endpoint, inbox, sockets, stats, now, .. } = self;
        inbox.begin(|datagram| endpoint.handle_datagram(*now, datagram));
        for socket in sockets.iter_mut() {
            inbox.receive(socket, stats, |datagram| endpoint.handle_datagram(*now, datagram))?;
            self.more |= socket.is_readable() || inbox.has_left();
        }
        self.run_streams();
        Ok(())
    }

    /// Runs commands of [`Handle`]s, and takes what was found out about the network.
    pub fn run_commands(&mut self) {
        self.hear_network();
        let mut offers = 0;
        for _ in 0..COMMANDS_PER_TURN {
            if offers >= OFFERS_PER_TURN {
                break;
            }
            match self.commands.next() {
                NextCommand::Some(command) => {
                    offers += usize::from(command.is_offer());
                    self.run(command);
                }
                NextCommand::None => return,
                NextCommand::NobodyLeft => return self.begin_ending(None),
            }
        }
        self.more = true;
    }

    /// Sends access units that the stream has ready.
    pub fn take_frames(&mut self) {
        for _ in 0..FRAMES_PER_TURN {
            let Some(unit) = self.feed.next() else { return };
            let frame = Frame { data: &unit.data, captured: unit.captured };
            let taken = ledger_clock();
            let report = self.endpoint.send_frame(self.now, frame);
            self.endpoint.note_frame(FrameTimes {
                captured: unit.captured,
                encoded: unit.encoded,
                taken,
                packetized: ledger_clock(),
            });
            tracing::trace!(sequence = unit.sequence, ?report, "frame");
        }
        self.more = true;
    }

    /// Fires the endpoint's timeout if it is due, and those of connections.
    pub fn fire_timeout(&mut self) {
        self.fire_streams();
        if let Some((at, reason)) = self.endpoint.poll_timeout()
            && at <= self.now
        {
            tracing::trace!(?reason, late = ?(self.now - at), "timeout");
            self.endpoint.handle_timeout(self.now);
        }
    }

    /// Sends what the endpoint has, until it has no more or a socket has no room.
    pub fn transmit(&mut self) -> Result<(), RuntimeError> {
        let sent = self.transmit_some();
        self.flush_streams();
        sent
    }

    /// Tells viewers' programs, the program and the stream what happened.
    pub fn deliver_events(&mut self) {
        self.more |= self.feed.deliver_events();
        self.more |= self.deliver_endpoint_events();
        self.count_living();
        self.feed.set_wish(self.endpoint.bitrate_wish());
        self.feed.set_active(!self.endpoint.is_idle());
        self.end_if_done();
    }

    /// When to turn again.
    pub fn next(&self) -> Next {
        if self.more {
            return Next::AtOnce;
        }
        let timeout = self.endpoint.poll_timeout().map(|(at, _)| at);
        let timeout = earliest(timeout, self.streams.deadline());
        match earliest(timeout, self.life.deadline()) {
            Some(at) if at <= self.now => Next::AtOnce,
            Some(at) => Next::At(at),
            None => Next::Whenever,
        }
    }

    /// Whether the loop shall end.
    pub fn is_over(&self) -> bool {
        matches!(self.life, Life::Over)
    }

    fn transmit_some(&mut self) -> Result<(), RuntimeError> {
        let Turn { outbox, sockets, stats, .. } = self;
        if outbox.resume(sockets, stats)? == Progress::Blocked {
            return Ok(());
        }
        self.note_sent();
        for _ in 0..TRANSMITS_PER_TURN {
            let Some(transmit) = self.endpoint.poll_transmit(self.now, self.outbox.room()) else {
                self.drained = true;
                return Ok(());
            };
            match transmit.transport {
                Transport::Stream(id) => self.send_on_stream(id, transmit.len),
                Transport::Udp => {
                    let Turn { outbox, sockets, stats, .. } = self;
                    if outbox.send(transmit, sockets, stats)? == Progress::Blocked {
                        return Ok(());
                    }
                }
            }
            self.note_sent();
        }
        self.more = true;
        Ok(())
    }

    /// Tells the ledger that the transmit at hand has left, where a frame begins or ends with it.
    fn note_sent(&mut self) {
        if self.endpoint.awaits_sent() {
            self.endpoint.note_sent(ledger_clock());
        }
    }

    fn count_living(&self) {
        self.living.store(self.endpoint.living(), Ordering::Relaxed);
    }

    /// True: there may be more.
    fn deliver_endpoint_events(&mut self) -> bool {
        for _ in 0..EVENTS_PER_TURN {
            let Some(event) = self.endpoint.poll_event() else { return false };
            match event {
                Event::Session { id, state } => {
                    tracing::debug!(?id, ?state, "session");
                    self.observers.on_state(id, state);
                }
                Event::Candidate { id, candidate, mid } => {
                    self.observers.on_candidate(id, candidate, mid);
                }
                Event::Probed { local, remote, token, sequence } => {
                    // Fails only where nobody holds a handle any more.
                    let _ =
                        self.outlets.probes.force_send(Probe { local, remote, token, sequence });
                }
                Event::Diagnosed { id, diagnosis } => self.observers.on_diagnosed(id, diagnosis),
                Event::KeyframeWanted => self.feed.request_keyframe(),
                Event::BitrateTarget { bits_per_second } => self.feed.set_bitrate(bits_per_second),
                Event::RestartWanted { id } => {
                    tracing::debug!(?id, "the viewer should restart ICE");
                    self.observers.on_restart_wanted(id);
                }
                Event::Connect { stream, remote, tls } => {
                    self.connect(stream, remote, tls.as_deref());
                }
                Event::Disconnect { stream } => self.streams.disconnect(stream),
                Event::ResolveWanted { server } => self.network.names.want(server),
                Event::Server { server, report } => {
                    tracing::debug!(server, ?report, "a STUN or TURN server");
                    // Fails only where nobody holds a handle any more.
                    let _ = self.outlets.server_reports.force_send((server, report));
                }
            }
        }
        true
    }
}

/// The clock, read within a turn: what the ledger measures are parts of one. Nothing is decided by it.
fn ledger_clock() -> Instant {
    Instant::now()
}

/// The earlier of two deadlines, where there are any.
fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
