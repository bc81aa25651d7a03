//! Whether a viewer's jitter buffer has drifted up: its browser waits ever longer for late packets, and
//! shows pictures ever later, while nothing else looks wrong.
//!
//! ```text
//!          above 2 × calm and 60 ms,                below 1.5 × calm or 45 ms,
//!          in reports over 4 s                      in reports over 4 s
//!  Calm ───────────────────────────────▶ Drifted ───────────────────────────────▶ Calm
//! ```
//!
//! *Calm* is the lowest level that it has held over two reports, so that neither a first report of an
//! empty buffer nor one lucky interval sets it. Twice of it, because levels wander by half on a path
//! that is well; never below 60 ms, two frames at 30 a second, because nobody sees less and a browser
//! that goes from 8 to 20 ms has only met its first late packet. Pages report the mean over five
//! seconds, so two reports in a row are what "for five seconds" means here.

use std::time::{Duration, Instant};

/// Levels below are nobody's concern.
const HIGH_MIN: Duration = Duration::from_millis(60);
/// Levels below end an alarm whatever calm was.
const LOW_MIN: Duration = Duration::from_millis(45);
/// How far apart the first and the last of the reports must be that say the same: a little less than
/// pages wait between two.
const HOLDS: Duration = Duration::from_secs(4);
/// Reports further apart than this say nothing about the time between: the page slept.
const GAP_MAX: Duration = Duration::from_secs(30);

/// What became of a viewer's jitter buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BufferNews {
    /// It has drifted up.
    Drifted {
        /// How long pictures wait in it now.
        level: Duration,
        /// How long they did when it was calm.
        calm: Duration,
    },
    /// It has come back.
    Calm {
        /// How long pictures wait in it now.
        level: Duration,
    },
}

/// Watches one viewer's jitter buffer by what its page reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BufferWatch {
    calm: Option<Duration>,
    /// The latest report.
    before: Option<(Instant, Duration)>,
    /// Since when reports speak for the other state.
    turned_at: Option<Instant>,
    drifted: bool,
}

impl BufferWatch {
    /// Whether it has drifted up and not come back.
    pub fn is_drifted(&self) -> bool {
        self.drifted
    }

    /// Takes a report: the mean time that pictures were to wait, or waited, since the one before.
    pub fn on_report(&mut self, now: Instant, level: Duration) -> Option<BufferNews> {
        let before = self.before.replace((now, level));
        let before = before.filter(|(at, _)| now.saturating_duration_since(*at) <= GAP_MAX);
        let Some((_, before)) = before else {
            self.turned_at = None;
            return None;
        };
        let held = level.max(before);
        let calm = *self.calm.insert(self.calm.map_or(held, |calm| calm.min(held)));
        let turns = match self.drifted {
            false => level > HIGH_MIN && level > calm * 2,
            true => level < LOW_MIN || level < calm * 3 / 2,
        };
        if !turns {
            self.turned_at = None;
            return None;
        }
        let since = *self.turned_at.get_or_insert(now);
        if now.saturating_duration_since(since) < HOLDS {
            return None;
        }
        self.turned_at = None;
        self.drifted = !self.drifted;
        Some(match self.drifted {
            true => BufferNews::Drifted { level, calm },
            false => BufferNews::Calm { level },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line: what is reported, as `level` every five seconds or `level@seconds`, and what is said
    /// of it, in the order of the reports: `.` nothing, `!` it has drifted, `-` it is calm again.
    const TABLE: &str = "
        8 8 8 8 8 8                      ......
        8 8 20 50 55 59                  ......   above twice calm, but nobody sees it
        8 8 70 8 70 8                    ......   one report is no drift
        8 8 70 70 70 70                  ...!..   told once
        8 8 70 90 50 50 44 40 8          ...!...-.
        8 8 70@10 70@11 70@13.9 70@14    .....!   reports that come fast
        40 40 78 79 80 80                ......   not twice of what it was
        40 40 81 82 62 58 57             ...!..-  half more than calm is calm
        200 200 200 200                  ....     high from the start: no drift
        0 90 90 90 90                    .....    an empty buffer at first sets no calm
        0 30 30 70 70                    ....!
        8 8 70 70@60 70 70               .....!   the page slept
        8 8 70 70 8 70 8 8               ...!...-
    ";

    #[test]
    fn the_table_holds() {
        let start = crate::test_clock();
        for line in TABLE.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut watch = BufferWatch::default();
            let (mut said, mut wanted, mut seconds) = (String::new(), "", -5.0);
            for word in line.split_whitespace() {
                let (level, at) = word.split_once('@').unwrap_or((word, ""));
                let Ok(level) = level.parse() else {
                    wanted = word;
                    break;
                };
                seconds = at.parse().unwrap_or(seconds + 5.0);
                let now = start + Duration::from_secs_f64(seconds);
                said.push(match watch.on_report(now, Duration::from_millis(level)) {
                    None => '.',
                    Some(BufferNews::Drifted { .. }) => '!',
                    Some(BufferNews::Calm { .. }) => '-',
                });
            }
            assert_eq!(said, wanted, "{line}");
        }
    }

    #[test]
    fn what_is_said_has_both_levels() {
        let start = crate::test_clock();
        let mut watch = BufferWatch::default();
        let mut report = |seconds, ms| {
            watch.on_report(start + Duration::from_secs(seconds), Duration::from_millis(ms))
        };
        assert_eq!([report(0, 12), report(5, 10), report(10, 95)], [None; 3]);
        let (level, calm) = (Duration::from_millis(99), Duration::from_millis(12));
        assert_eq!(report(15, 99), Some(BufferNews::Drifted { level, calm }));
        assert!(watch.is_drifted());
    }
}
