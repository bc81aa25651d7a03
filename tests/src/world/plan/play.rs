//! A plan played, and what must have come of it.

use std::time::{Duration, Instant};

use pinhole_core::gather::{ServerConfig, ServerKind, TurnTransport};
use pinhole_core::turn::Credentials;
use pinhole_core::{CloseCause, Limits, SessionState};

use super::{Allowed, Disturbance, Part, Plan, TurnUse, What};
use crate::world::faults::Faults;
use crate::world::turn::{TurnServer, Users};
use crate::world::{World, WorldConfig};

/// From the offer to the first picture, where nothing is broken.
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);
/// The longest time without a picture that counts as none, or the time of two and a half
/// frames.
const GAP_MAX: Duration = Duration::from_millis(700);
/// From peace until pictures flow again where no path was lost.
const HEALS_WITHIN: Duration = Duration::from_secs(4);
/// The same where one was: str0m needs up to 17 s to give up a dead path.
const PATHS_HEAL_WITHIN: Duration = Duration::from_secs(30);

/// What a run was like.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What did not hold, in a sentence.
    pub broken: Option<String>,
    /// What happened.
    pub tally: Tally,
}

/// What happened, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Virtual time.
    pub time: Duration,
    /// Viewers that came.
    pub viewers: u64,
    /// Those that saw a picture.
    pub connected: u64,
    /// Those that the rules keep out, and that stayed out.
    pub kept_out: u64,
    /// Pictures seen.
    pub pictures: u64,
    /// Datagrams that the endpoint sent.
    pub datagrams: u64,
    /// Faults.
    pub faults: u64,
    /// Packets of attackers.
    pub attacks: u64,
    /// Sessions that lived through faults until the end.
    pub survived: u64,
    /// Eight bytes of the SHA-256 of all that the endpoint handed out and when; of several worlds, their sum.
    pub sum: u64,
}

impl Tally {
    /// Adds another run's.
    pub fn add(&mut self, other: &Tally) {
        self.time += other.time;
        self.viewers += other.viewers;
        self.connected += other.connected;
        self.kept_out += other.kept_out;
        self.pictures += other.pictures;
        self.datagrams += other.datagrams;
        self.faults += other.faults;
        self.attacks += other.attacks;
        self.survived += other.survived;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// Plays a plan.
///
/// # Panics
/// Something that must hold does not; the text says what.
pub fn play(plan: &Plan) -> Tally {
    play_to_the_end(plan).tally()
}

/// Plays a plan twice.
///
/// # Panics
/// As [`play`], or the endpoint did not hand out the same bytes at the same times both times.
pub fn play_twice(plan: &Plan) -> Tally {
    let (one, other) = (play_to_the_end(plan), play_to_the_end(plan));
    let (first, second) = (&one.world.trail, &other.world.trail);
    let differs = first.iter().zip(second).position(|(one, other)| one != other);
    if let Some(at) = differs {
        let (first, second) = (one.world.schedule[at], other.world.schedule[at]);
        panic!("the same world sends something else: {first:?}, then {second:?}");
    }
    assert_eq!(first.len(), second.len(), "the same world sends more or less");
    one.tally()
}

fn play_to_the_end(plan: &Plan) -> Played<'_> {
    let mut played = Played::new(plan);
    for (_, part) in &plan.parts {
        played.make_peace_before(part.at);
        played.run_until(part.at);
        played.take(part);
    }
    played.make_peace_before(plan.end);
    played.run_until(plan.end);
    played.judge();
    played
}

/// A viewer, and what the model knows of it.
struct Guest {
    joined: Duration,
    allowed: Allowed,
    vanished: bool,
}

struct Played<'a> {
    plan: &'a Plan,
    world: World,
    guests: Vec<Guest>,
    /// When the first fault came.
    broken_since: Option<Duration>,
    /// Whether any of them can cost a path.
    breaks_paths: bool,
    peace_made: bool,
    attack_ends: Option<Duration>,
    faults: u64,
}

impl<'a> Played<'a> {
    fn new(plan: &'a Plan) -> Played<'a> {
        let turn = match plan.turn {
            TurnUse::None => None,
            TurnUse::Password => Some(Users::One("user".to_owned(), "password".to_owned())),
            TurnUse::Rest => Some(Users::Rest { secret: "secret".into(), since: 0 }),
        };
        let config = WorldConfig {
            server: plan.server.clone(),
            stun: plan.stun,
            turn,
            dead: if plan.dead_servers { dead_servers() } else { Vec::new() },
            fps: plan.fps,
            limits: Limits { sessions: plan.sessions_max, ..Limits::default() },
            ..WorldConfig::new(plan.seed, "none")
        };
        Played {
            plan,
            world: World::new(config),
            guests: Vec::new(),
            broken_since: None,
            breaks_paths: false,
            peace_made: false,
            attack_ends: None,
            faults: 0,
        }
    }

    fn now(&self) -> Duration {
        self.world.now - self.world.start
    }

    fn run_until(&mut self, until: Duration) {
        if let Some(ends) = self.attack_ends.filter(|ends| *ends <= until) {
            self.world.run(ends.saturating_sub(self.now()));
            self.world.attack = None;
            self.attack_ends = None;
        }
        self.world.run(until.saturating_sub(self.now()));
    }

    fn make_peace_before(&mut self, at: Duration) {
        if self.peace_made || at < self.plan.peace {
            return;
        }
        self.run_until(self.plan.peace);
        self.peace_made = true;
        self.world.net.faults = Faults::NONE;
        if let Some(stun) = &mut self.world.stun {
            (stun.alive, stun.lie) = (true, None);
        }
        if let Some(turn) = &mut self.world.turn {
            (turn.alive, turn.garbles) = (true, false);
        }
    }

    fn take(&mut self, part: &Part) {
        match &part.what {
            What::Viewer(side, habits) => {
                let allowed = self.plan.allows(side);
                self.world.join_behind(side, *habits);
                self.guests.push(Guest { joined: part.at, allowed, vanished: false });
            }
            What::Attack(attack, lasts) => {
                self.world.attack = Some(*attack);
                self.attack_ends = Some(part.at + *lasts);
            }
            What::Fault(fault) => {
                self.broken_since.get_or_insert(part.at);
                self.breaks_paths |= fault.breaks_paths();
                self.faults += 1;
                self.disturb(fault);
            }
        }
    }

    fn disturb(&mut self, fault: &Disturbance) {
        let world = &mut self.world;
        let now = world.now;
        match *fault {
            Disturbance::Links(faults) => world.net.faults = faults,
            Disturbance::ServerNatForgets => {
                if let Some(nat) = world.server_nats.last() {
                    world.net.nat(*nat).flush();
                }
            }
            Disturbance::ServerNatMoves => {
                if let Some(nat) = world.server_nats.last().copied() {
                    // A forward that is told names an address; a firewall has none to lose.
                    if !self.plan.server.map && !world.net.nat(nat).is_firewall() {
                        world.net.renumber(nat, [198, 51, 100, 99].into());
                    }
                }
            }
            Disturbance::ViewerNatForgets(viewer) => {
                let nat = world.viewer_nats.get(viewer).and_then(|nats| nats.last());
                if let Some(nat) = nat {
                    world.net.nat(*nat).flush();
                }
            }
            Disturbance::ViewerRestarts(viewer) if viewer < world.viewers.len() => {
                world.restart(viewer);
            }
            Disturbance::ViewerRestarts(_) => {}
            Disturbance::ViewerVanishes(viewer) => {
                if let Some(guest) = self.guests.get_mut(viewer) {
                    guest.vanished = true;
                    world.viewers[viewer].vanish();
                }
            }
            Disturbance::TurnRestarts => world.turn.iter_mut().for_each(TurnServer::restart),
            Disturbance::TurnStaleNonces => {
                world.turn.iter_mut().for_each(|turn| turn.stale_nonce(now));
            }
            Disturbance::TurnAlive(alive) => {
                world.turn.iter_mut().for_each(|turn| turn.alive = alive);
            }
            Disturbance::TurnGarbles(garbles) => {
                world.turn.iter_mut().for_each(|turn| turn.garbles = garbles);
            }
            Disturbance::StunAlive(alive) => {
                world.stun.iter_mut().for_each(|stun| stun.alive = alive);
            }
            Disturbance::StunLies(lie) => world.stun.iter_mut().for_each(|stun| stun.lie = lie),
        }
    }

    /// The model's judgement of the whole run.
    fn judge(&self) {
        self.world.check_totals();
        for (index, guest) in self.guests.iter().enumerate() {
            self.judge_connecting(index, guest);
            self.judge_lasting(index, guest);
        }
    }

    /// Connected exactly when the rules allow it, within a bound, if nothing was broken meanwhile.
    fn judge_connecting(&self, index: usize, guest: &Guest) {
        let viewer = &self.world.viewers[index];
        let first = viewer.pictures.first().map(|at| *at - self.world.start);
        let until = guest.joined + CONNECTS_WITHIN;
        if guest.allowed == Allowed::No {
            let why = "the rules keep it out";
            assert!(first.is_none(), "viewer {index} sees a picture at {first:?}, {why}");
        }
        let disturbed =
            self.broken_since.is_some_and(|since| since < until) && guest.joined < self.plan.peace;
        let watched = until <= self.plan.end;
        if guest.allowed != Allowed::Yes
            || disturbed
            || !watched
            || guest.vanished
            || viewer.refused.is_some()
        {
            return;
        }
        let states = viewer.session.map(|id| self.world.states(id));
        assert!(
            first.is_some_and(|at| at <= until),
            "viewer {index} came at {:?} and has its first picture at {first:?}: {states:?}, path {:?}",
            guest.joined,
            self.world.path(index),
        );
    }

    /// Who lives when there has been peace for long enough sees pictures without a gap; who has
    /// vanished is gone; nobody's session ended while nothing was broken.
    fn judge_lasting(&self, index: usize, guest: &Guest) {
        let viewer = &self.world.viewers[index];
        let Some(id) = viewer.session else { return };
        let states = self.world.states(id);
        let lives = !matches!(states.last(), Some(SessionState::Closed(_)));
        let connected = states.contains(&SessionState::Connected);
        let watched_since = self.calm_since(guest);
        if guest.vanished {
            let long_ago = self
                .broken_since
                .is_some_and(|_| self.plan.end > self.plan.peace + Duration::from_secs(40));
            assert!(
                !(lives && long_ago),
                "viewer {index} vanished, its session did not: {states:?}"
            );
            return;
        }
        if self.broken_since.is_none() && connected {
            let ended = states.iter().any(|state| matches!(state, SessionState::Closed(cause) if *cause != CloseCause::Remote));
            assert!(!ended, "viewer {index} was lost while nothing was broken: {states:?}");
        }
        if !lives || !connected || viewer.closed || watched_since >= self.plan.end {
            return;
        }
        let since = self.world.start + watched_since;
        let gap = self.gap(index, since);
        let most = GAP_MAX.max(Duration::from_millis(2_500) / self.plan.fps);
        assert!(
            gap <= most,
            "viewer {index} saw nothing for {gap:?} after {watched_since:?}: {states:?}, path {:?}",
            self.world.path(index),
        );
    }

    fn gap(&self, index: usize, since: Instant) -> Duration {
        self.world.viewers[index].longest_gap(since, self.world.now)
    }

    /// From when on this viewer must see pictures without a gap.
    fn calm_since(&self, guest: &Guest) -> Duration {
        let there = guest.joined + CONNECTS_WITHIN;
        let healed = match self.broken_since {
            None => Duration::ZERO,
            Some(_) if self.plan.peace.is_zero() => Duration::ZERO,
            Some(_) if self.breaks_paths => self.plan.peace + PATHS_HEAL_WITHIN,
            Some(_) => self.plan.peace + HEALS_WITHIN,
        };
        there.max(healed)
    }

    fn tally(&self) -> Tally {
        let seen = |index: &usize| !self.world.viewers[*index].pictures.is_empty();
        let all = 0..self.guests.len();
        let lives = |index: &usize| {
            let session = self.world.viewers[*index].session;
            session.is_some_and(|id| self.world.endpoint.sessions().iter().any(|s| s.id == id))
        };
        let kept_out = |index: &usize| self.guests[*index].allowed == Allowed::No && !seen(index);
        Tally {
            time: self.now(),
            viewers: self.guests.len() as u64,
            connected: all.clone().filter(seen).count() as u64,
            kept_out: all.clone().filter(kept_out).count() as u64,
            pictures: self.world.viewers.iter().map(|viewer| viewer.pictures.len() as u64).sum(),
            datagrams: self.world.schedule.len() as u64,
            faults: self.faults,
            attacks: self.world.attacks,
            survived: all.filter(|index| self.faults > 0 && lives(index)).count() as u64,
            sum: self.world.trail.last().map_or(0, |sha| {
                let (first, _) = sha.split_first_chunk().expect("SHA-256 has 32 bytes");
                u64::from_be_bytes(*first)
            }),
        }
    }
}

/// A STUN and a TURN server that nobody is at.
fn dead_servers() -> Vec<ServerConfig> {
    let credentials = Credentials::LongTerm { username: "u".into(), password: "p".into() };
    let turn = ServerKind::Turn { transport: TurnTransport::Udp, credentials };
    let server = |host: &str, address: &str, kind| ServerConfig {
        host: host.to_owned(),
        addresses: address.parse().into_iter().collect(),
        kind,
    };
    vec![
        server("dead-stun", "192.0.2.201:3478", ServerKind::Stun),
        server("dead-turn", "192.0.2.202:3478", turn),
    ]
}
