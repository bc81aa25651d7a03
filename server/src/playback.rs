//! How viewers' pages play: how old their pictures are, how long these wait in the browser, and the
//! alarm about a jitter buffer that has drifted up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pinhole_core::{BufferNews, Histogram};

/// What a page has seen of its pictures since its last report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Playback {
    /// How old pictures were when they were shown, each by the clock that page and server share.
    pub(crate) ages: Vec<Duration>,
    /// How long pictures waited in the jitter buffer, in the mean.
    pub(crate) buffer: Option<Duration>,
    /// How long they were to wait there, where the browser tells.
    pub(crate) buffer_target: Option<Duration>,
    /// How long decoding took, in the mean.
    pub(crate) decode: Option<Duration>,
}

impl Playback {
    /// What the alarm goes by: what the browser aims at moves before what it does.
    pub(crate) fn buffer_level(&self) -> Option<Duration> {
        self.buffer_target.or(self.buffer)
    }
}

/// What all pages have told since the start.
#[derive(Debug, Default)]
pub(crate) struct Playbacks {
    told: Mutex<Told>,
    drifted: AtomicU64,
    recovered: AtomicU64,
}

/// Histograms over all viewers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// Each picture once.
    pub(crate) age: Histogram,
    /// Each report's mean once, as the following.
    pub(crate) buffer: Histogram,
    pub(crate) buffer_target: Histogram,
    pub(crate) decode: Histogram,
}

impl Playbacks {
    /// Counts a report.
    pub(crate) fn count(&self, playback: &Playback) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        playback.ages.iter().for_each(|age| told.age.observe(*age));
        let Told { buffer, buffer_target, decode, .. } = &mut *told;
        let means = [
            (buffer, playback.buffer),
            (buffer_target, playback.buffer_target),
            (decode, playback.decode),
        ];
        for (histogram, mean) in means {
            mean.into_iter().for_each(|mean| histogram.observe(mean));
        }
    }

    /// Logs and counts an alarm, or its end.
    pub(crate) fn alarm(&self, viewer: u64, news: BufferNews) {
        match news {
            BufferNews::Drifted { level, calm } => {
                self.drifted.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("{}", drifted(viewer, level, calm));
            }
            BufferNews::Calm { level } => {
                self.recovered.fetch_add(1, Ordering::Relaxed);
                let ms = level.as_millis();
                tracing::info!("viewer {viewer}: its jitter buffer is calm again, at {ms} ms");
            }
        }
    }

    /// Histograms of what was told.
    pub(crate) fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Alarms since the start, and how many of them are over because the buffer came back.
    pub(crate) fn alarms(&self) -> [u64; 2] {
        [&self.drifted, &self.recovered].map(|counter| counter.load(Ordering::Relaxed))
    }
}

/// For an operator.
fn drifted(viewer: u64, level: Duration, calm: Duration) -> String {
    let (level, calm) = (level.as_millis(), calm.as_millis());
    format!(
        "viewer {viewer}: its browser wants to hold pictures back for {level} ms, up from {calm} \
         (jitter buffer), because packets reach it more and more unevenly; what it shows may be late \
         by as much. Look at its path, loss and round trip in /api/sessions: a relay or TCP on the \
         path, Wi-Fi, or more bits than the path carries do this; try a direct UDP path or a lower \
         --bitrate"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_counted_each_and_reports_by_their_means() {
        let playbacks = Playbacks::default();
        let ms = Duration::from_millis;
        let playback = Playback {
            ages: vec![ms(20), ms(40), ms(41)],
            buffer: Some(ms(9)),
            buffer_target: None,
            decode: Some(ms(2)),
        };

        playbacks.count(&playback);
        playbacks.count(&Playback::default());

        let told = playbacks.told();
        assert_eq!((told.age.count(), told.age.sum()), (3, ms(101)));
        assert_eq!((told.buffer.count(), told.decode.sum()), (1, ms(2)));
        assert_eq!(told.buffer_target.count(), 0);
        assert_eq!(playback.buffer_level(), Some(ms(9)));
    }

    #[test]
    fn an_alarm_and_its_end_are_counted_and_say_what_to_do() {
        let playbacks = Playbacks::default();
        let [level, calm] = [120, 15].map(Duration::from_millis);

        playbacks.alarm(3, BufferNews::Drifted { level, calm });
        assert_eq!(playbacks.alarms(), [1, 0]);
        playbacks.alarm(3, BufferNews::Calm { level: calm });

        assert_eq!(playbacks.alarms(), [1, 1]);
        let text = drifted(3, level, calm);
        assert!(text.starts_with(
            "viewer 3: its browser wants to hold pictures back for 120 ms, up from 15 ("
        ));
        assert!(text.contains("--bitrate"));
    }
}
