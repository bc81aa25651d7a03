//! Whole worlds from a number: what stands where, who comes when, what breaks, who attacks, and
//! what must come of it.
//!
//! ```text
//! seed ── draw ──▶ Plan ── play ──▶ Outcome
//!                   │  ▲               │ a sentence, if something did not hold
//!                   └──┴── shrink ◀────┘ leaves out parts, as long as that sentence comes
//! ```
//!
//! A plan has *parts*, numbered: each viewer, fault and attack is one, and any of them can be left
//! out. So `seed` and the numbers left out say everything about a run.

mod draw;
mod many;
mod play;
mod shrink;

use std::fmt;
use std::time::Duration;

use super::attack::Attack;
use super::faults::Faults;
use super::nat::{NatKind, Side, goes_direct};
use super::stun::Lie;
use super::viewer::Habits;

pub use many::{Failure, Report, play_many};
pub use play::{Outcome, Tally, play, play_twice};
pub use shrink::shrink;

/// A world that is to be played.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where it comes from.
    pub seed: u64,
    /// What stands before the server.
    pub server: Side,
    /// Whether there is a STUN server.
    pub stun: bool,
    /// Whether there is a TURN server.
    pub turn: TurnUse,
    /// Whether the endpoint is told of servers that do not exist, too.
    pub dead_servers: bool,
    /// Frames a second.
    pub fps: u32,
    /// Sessions that the endpoint allows.
    pub sessions_max: usize,
    /// What happens, in order of time, with the number that it has in the whole plan.
    pub parts: Vec<(usize, Part)>,
    /// When everything that is broken is mended.
    pub peace: Duration,
    /// When it ends.
    pub end: Duration,
}

/// Whether there is a TURN server, and how it knows its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnUse {
    /// There is none.
    None,
    /// A name and a password.
    Password,
    /// Credentials made from a shared secret.
    Rest,
}

/// Whether a viewer can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// It can, and must be.
    Yes,
    /// Only if the next port of a NAT that counts is guessed, which others may take meanwhile.
    Perhaps,
    /// It cannot, and must not.
    No,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// When.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A viewer comes from behind these NATs.
    Viewer(Side, Habits),
    /// Something breaks, or works again.
    Fault(Disturbance),
    /// Somebody on the way begins to do this, for so long.
    Attack(Attack, Duration),
}

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Disturbance {
    /// Links do this from now on.
    Links(Faults),
    /// The server's outermost NAT forgets all mappings.
    ServerNatForgets,
    /// It gets another address, too.
    ServerNatMoves,
    /// The outermost NAT of the viewer of this number forgets all mappings.
    ViewerNatForgets(usize),
    /// The viewer of this number restarts ICE.
    ViewerRestarts(usize),
    /// The viewer of this number is gone without a word.
    ViewerVanishes(usize),
    /// The TURN server forgets everything.
    TurnRestarts,
    /// Its nonces are stale.
    TurnStaleNonces,
    /// It is dead, or lives again.
    TurnAlive(bool),
    /// Some of its answers have wrong bytes.
    TurnGarbles(bool),
    /// The STUN server is dead, or lives again.
    StunAlive(bool),
    /// It lies, or no longer.
    StunLies(Option<Lie>),
}

impl Disturbance {
    /// Whether it can cost a viewer its path, so that it takes more than a moment to heal.
    fn breaks_paths(&self) -> bool {
        !matches!(self, Disturbance::Links(faults) if faults.bytes_max == usize::MAX)
    }
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64) -> Plan {
        draw::draw(seed)
    }

    /// The same without the parts of these numbers.
    #[must_use]
    pub fn without(mut self, numbers: &[usize]) -> Plan {
        self.parts.retain(|(number, _)| !numbers.contains(number));
        self
    }

    /// Whether a viewer behind this side can be reached: the model's word on it, from the rules of
    /// RFC 4787 alone.
    pub fn allows(&self, viewer: &Side) -> Allowed {
        let is_open = self.server.map || self.server.nats == [NatKind::None];
        let is_relayed = self.turn != TurnUse::None;
        if is_open || (self.stun && is_relayed) {
            return Allowed::Yes;
        }
        if !self.stun || !goes_direct(&self.server, viewer) {
            return Allowed::No;
        }
        match self.server.nats == [NatKind::SymSeq] && viewer.filters_by_port() {
            true => Allowed::Perhaps,
            false => Allowed::Yes,
        }
    }

    /// The command that plays it.
    pub fn command(&self, all: usize) -> String {
        let left: Vec<usize> = self.parts.iter().map(|(number, _)| *number).collect();
        let without: Vec<String> =
            (0..all).filter(|number| !left.contains(number)).map(|n| n.to_string()).collect();
        let without = match without.is_empty() {
            true => String::new(),
            false => format!(" --without {}", without.join(",")),
        };
        format!("cargo xtask world --seed {}{without}", self.seed)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, server, stun, turn, dead_servers, fps, sessions_max, .. } = self;
        writeln!(
            out,
            "world {seed}: server behind {server}, stun {stun}, turn {turn:?}, dead servers \
             {dead_servers}, {fps} fps, {sessions_max} sessions"
        )?;
        for (number, Part { at, what }) in &self.parts {
            write!(out, "  {number:>2} at {:>6.2} s: ", at.as_secs_f64())?;
            match what {
                What::Viewer(side, habits) => writeln!(out, "viewer behind {side}, {habits:?}")?,
                What::Fault(fault) => writeln!(out, "{fault:?}")?,
                What::Attack(attack, lasts) => writeln!(out, "{attack:?} for {lasts:?}")?,
            }
        }
        let (peace, end) = (self.peace.as_secs_f64(), self.end.as_secs_f64());
        write!(out, "     at {peace:>6.2} s: peace\n     at {end:>6.2} s: the end")
    }
}
