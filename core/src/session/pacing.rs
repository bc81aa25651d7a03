//! str0m's timers, as far as they are not kept to the letter: those of its pacer while a frame leaves,
//! and those of its estimator and its statistics, which would wake the shell for little.

use std::time::{Duration, Instant};

use str0m::error::RtcError;
use str0m::{Input, PacerReason, Reason, Rtc};

use super::Session;
use super::said::Said;
use crate::wire::RtpPacket;

/// str0m's pacer wants a timeout for each packet of a frame, one after the other. What it would
/// release within this time it is asked for at once, so that the packets leave as runs; the cost
/// per packet is a tenth of waking up for each. The estimator sees them sent that much early.
const AHEAD: Duration = Duration::from_millis(5);
/// Such timeouts between two datagrams; it is one or two, and more than this are a fault of str0m.
const PACED_IN_A_ROW_MAX: usize = 32;
/// By how much str0m's pacer wants its clock to go on from one packet to the next.
const PACER_STEP: Duration = Duration::from_micros(1);

/// With the estimator on, and no report of the viewer for two round trips, str0m wants to be woken
/// once a round trip: thousands of times a second on a LAN, and without end where the round trip is
/// none. It is woken for that no sooner than this after the last time, which is how often it wants
/// to be woken otherwise; a little sooner while packets wait in its pacer, whose timeout may stand
/// behind that one.
const ESTIMATOR_PAUSE: Duration = Duration::from_millis(25);
const PAUSE_SENDING: Duration = Duration::from_millis(1);
/// Nobody is woken for statistics so soon after the last time: the next frame brings them along, at 60 a
/// second each time. They are taken as soon as they are due where something else has woken us: what str0m
/// has to do besides stands behind them.
const STATS_PAUSE: Duration = Duration::from_millis(20);
/// How seldom str0m is woken for its statistics and its estimator where that rests; what else it has to do may stand
/// behind them for so long.
const REST_PAUSE: Duration = Duration::from_millis(500);

impl Session {
    /// When a timeout is given that str0m wants at `at`.
    pub(super) fn put_off(&mut self, now: Instant, at: Instant) -> Instant {
        let pause = match self.rtc.last_timeout_reason() {
            Reason::BweDelayControl | Reason::Stats if self.rests() => REST_PAUSE,
            Reason::BweDelayControl => ESTIMATOR_PAUSE,
            Reason::Stats if at > now => STATS_PAUSE,
            _ => return at,
        };
        let Session { rtc, outlet, timed_at, .. } = self;
        let Some(last) = timed_at.filter(|last| at < *last + pause) else { return at };
        match outlet.queued_since(rtc) {
            Some(_) => at.max(last + PAUSE_SENDING),
            None => at.max(last + pause),
        }
    }

    /// The next thing that str0m has to say, past the timeouts that only space out packets which may
    /// as well leave now: they are given within the one call. `None`: it panicked.
    ///
    /// Its pacer wants one behind each packet, before it says whether there is another: that one is given
    /// unasked, for asking costs as much as a tenth of the packet.
    pub(super) fn poll_paced(&mut self, now: Instant) -> Option<Result<Said, RtcError>> {
        let ahead = self.path_rate.is_some().then_some(now + AHEAD);
        let mut timed_at = self.timed_at;
        let said = self.call(|rtc| {
            for _ in 0..PACED_IN_A_ROW_MAX {
                let said = rtc.poll_output().map(Said::of)?;
                let wanted = match &said {
                    Said::Timeout(at) if is_of_pacer(rtc) => Some(*at),
                    Said::Datagram(datagram) if ahead.is_some() && is_rtp(&datagram.contents) => {
                        timed_at.map(|last| last + PACER_STEP)
                    }
                    _ => None,
                };
                let Some(at) = wanted.filter(|at| ahead.is_some_and(|ahead| *at <= ahead)) else {
                    return Ok(said);
                };
                let at = at.max(now);
                timed_at = Some(at);
                rtc.handle_input(Input::Timeout(at))?;
                if let Said::Datagram(_) = said {
                    return Ok(said);
                }
            }
            Ok(Said::Timeout(now))
        });
        self.timed_at = timed_at;
        said
    }
}

fn is_rtp(datagram: &[u8]) -> bool {
    RtpPacket::parse(datagram).is_some()
}

fn is_of_pacer(rtc: &Rtc) -> bool {
    let reason = rtc.last_timeout_reason();
    matches!(reason, Reason::Pacer(PacerReason::Immediate | PacerReason::Paced))
}
