//! A plan from a seed.

use std::time::Duration;

use super::{Disturbance, Part, Plan, TurnUse, What};
use crate::world::attack::Attack;
use crate::world::faults::Faults;
use crate::world::nat::{NatKind, SERVERS, Side, VIEWERS};
use crate::world::stun::Lie;
use crate::world::viewer::Habits;

const VIEWERS_MAX: usize = 3;
const FAULTS_MAX: usize = 6;
/// From peace until the last viewer comes: long enough for every server to be found again.
const REST: Duration = Duration::from_secs(30);
/// How long the last viewer is watched.
const LAST_LOOK: Duration = Duration::from_secs(12);
/// How many worlds in a thousand are long.
const LONG_PER_MILLE: u32 = 10;
/// Longer than an allocation, a channel and a permission live.
const LONG: Duration = Duration::from_secs(800);
/// How long a world without faults is watched.
const CALM: Duration = Duration::from_secs(14);

pub(super) fn draw(seed: u64) -> Plan {
    // Not the generator of the world's links, which has the same seed.
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x706c_616e_706c_616e);
    match rng.u32(0..1_000) < LONG_PER_MILLE {
        true => draw_long(seed, &mut rng),
        false => draw_short(seed, &mut rng),
    }
}

/// A long time: one viewer who stays behind a relay until everything that can end has to be
/// refreshed, or nobody at all, until somebody comes after all.
fn draw_long(seed: u64, rng: &mut fastrand::Rng) -> Plan {
    let side = |name: &str| name.parse().expect("a side");
    let stays = rng.bool();
    let (at, servers, viewers): (_, &[&str], &[&str]) = match stays {
        true => (1_000, &["sym", "port", "port+sym"], &["sym", "symadr", "port+sym"]),
        false => (780_000, &["full", "adr", "port", "keep"], &["none", "full", "adr", "port"]),
    };
    let habits = Habits { trickles: rng.bool(), tells_host: false, restarts: true };
    let viewer = What::Viewer(side(pick(rng, viewers)), habits);
    let mut parts = vec![Part { at: ms(at + rng.u64(0..3_000)), what: viewer }];
    if stays && rng.bool() {
        let fault = What::Fault(Disturbance::TurnStaleNonces);
        parts.push(Part { at: ms(rng.u64(20_000..500_000)), what: fault });
    }
    let turn = if rng.bool() { TurnUse::Password } else { TurnUse::Rest };
    Plan {
        seed,
        server: side(pick(rng, servers)),
        stun: true,
        turn: if stays { turn } else { TurnUse::None },
        dead_servers: false,
        fps: 2,
        sessions_max: 64,
        parts: parts.into_iter().enumerate().collect(),
        peace: Duration::ZERO,
        end: LONG,
    }
}

fn draw_short(seed: u64, rng: &mut fastrand::Rng) -> Plan {
    let server: Side = pick(rng, &SERVERS).parse().expect("a side from the list");
    let turn = match rng.u32(0..10) {
        0..3 => TurnUse::None,
        3..8 => TurnUse::Password,
        _ => TurnUse::Rest,
    };
    let viewers = rng.usize(1..=VIEWERS_MAX);
    let mut parts: Vec<Part> = Vec::new();
    for _ in 0..viewers {
        let at = ms(rng.u64(0..4_000));
        parts.push(viewer(rng, at));
    }
    let stormy = rng.u32(0..100) < 30;
    let mut peace = Duration::ZERO;
    if stormy {
        let faults = rng.usize(1..=FAULTS_MAX);
        let lasts = rng.u64(2_000..20_000);
        for _ in 0..faults {
            let at = ms(5_000 + rng.u64(0..lasts));
            parts.push(Part { at, what: What::Fault(disturbance(rng, viewers)) });
        }
        peace = ms(5_000 + lasts);
    }
    if rng.u32(0..100) < 30 {
        let lasts = ms(rng.u64(1_000..10_000));
        let kinds = [Attack::Replays, Attack::Forges, Attack::Spoofs, Attack::Garbage];
        let attack = kinds[rng.usize(..kinds.len())];
        parts.push(Part { at: ms(rng.u64(0..8_000)), what: What::Attack(attack, lasts) });
    }
    let end = if stormy { peace + REST + LAST_LOOK } else { CALM };
    if stormy {
        parts.push(viewer(rng, peace + REST));
    }
    parts.sort_by_key(|part| part.at);
    let is_open = server.map || server.nats == [NatKind::None];
    Plan {
        seed,
        server,
        // Without one, nobody who is behind a NAT knows where he is: only an open server is found.
        stun: !is_open || rng.u32(0..100) < 60,
        turn,
        dead_servers: rng.u32(0..100) < 12,
        fps: [3, 5, 10][rng.usize(..3)],
        sessions_max: if rng.u32(0..100) < 5 { 2 } else { 64 },
        parts: parts.into_iter().enumerate().collect(),
        peace,
        end,
    }
}

fn viewer(rng: &mut fastrand::Rng, at: Duration) -> Part {
    let side = pick(rng, &VIEWERS).parse().expect("a side from the list");
    let habits = Habits { trickles: rng.bool(), tells_host: rng.u32(0..3) == 0, restarts: true };
    Part { at, what: What::Viewer(side, habits) }
}

fn disturbance(rng: &mut fastrand::Rng, viewers: usize) -> Disturbance {
    let viewer = rng.usize(..viewers);
    match rng.u32(0..20) {
        0..6 => Disturbance::Links(links(rng)),
        6 => Disturbance::Links(Faults::NONE),
        7 | 8 => Disturbance::ServerNatForgets,
        9 => Disturbance::ServerNatMoves,
        10 | 11 => Disturbance::ViewerNatForgets(viewer),
        12 => Disturbance::ViewerRestarts(viewer),
        13 => Disturbance::ViewerVanishes(viewer),
        14 => Disturbance::TurnRestarts,
        15 => Disturbance::TurnStaleNonces,
        16 => Disturbance::TurnAlive(rng.bool()),
        17 => Disturbance::TurnGarbles(rng.bool()),
        18 => Disturbance::StunAlive(rng.bool()),
        _ => {
            let lies =
                [Lie::Elsewhere, Lie::Private, Lie::OtherTransaction, Lie::Truncated].map(Some);
            let lie = [None].into_iter().chain(lies).nth(rng.usize(..5));
            Disturbance::StunLies(lie.flatten())
        }
    }
}

/// One or two kinds of faults at once.
fn links(rng: &mut fastrand::Rng) -> Faults {
    let mut faults = Faults::NONE;
    for _ in 0..rng.usize(1..=2) {
        let share = rng.f64();
        match rng.u32(0..7) {
            0 => faults.loss = share * 0.15,
            1 => faults.bursts = share * 0.03,
            2 => faults.duplicates = share * 0.3,
            3 => faults.late = share * 0.5,
            4 => faults.corrupt = share * 0.05,
            5 => faults.bytes_max = rng.usize(400..1_300),
            _ => faults.kbit_per_s = Some(rng.u32(150..2_000)),
        }
    }
    faults
}

fn pick<'a>(rng: &mut fastrand::Rng, of: &[&'a str]) -> &'a str {
    of[rng.usize(..of.len())]
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
