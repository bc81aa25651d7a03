//! Which of the H.264 formats that a viewer offers can take a stream.
//!
//! Levels decide only between equals: offers name 3.1 for decoders that do far more, and
//! `level-asymmetry-allowed` (RFC 6184 §8.1) lets the answer name a higher one.

use super::profile::{Profile, ProfileLevelId};

/// How well an offered format fits a stream, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compatibility {
    /// The same profile.
    Same,
    /// Another profile, whose decoders must take the stream (H.264 §A.2).
    Superset,
    /// A profile whose decoders need not take the stream. With 8 bits and 4:2:0 on both sides
    /// browsers decode it all the same: their decoders know more than the offer names.
    Unsure,
}

/// The offered format to answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// Its place in the offer.
    pub index: usize,
    /// The offered id.
    pub id: ProfileLevelId,
    /// How well its profile fits.
    pub compatibility: Compatibility,
    /// Whether the offered level is as high as the stream's.
    pub level_suffices: bool,
}

/// Chooses the best of the `offered` formats for a stream: first by [`Compatibility`], then one
/// whose level is high enough, then the nearest profile, then the first. `None` if none can take
/// the stream: it has more than 8 bits or other chroma than 4:2:0, or a profile nobody knows, and
/// no offer the same.
///
/// ```
/// use pinhole_core::h264::{Compatibility, ProfileLevelId, best_match};
/// let id = |text: &str| text.parse::<ProfileLevelId>();
/// let best = best_match(id("42c020")?, [id("64001f")?, id("42e01f")?]).expect("one fits");
/// assert_eq!((best.index, best.compatibility), (1, Compatibility::Same));
/// # Ok::<(), pinhole_core::h264::ProfileLevelIdError>(())
/// ```
pub fn best_match(
    stream: ProfileLevelId,
    offered: impl IntoIterator<Item = ProfileLevelId>,
) -> Option<Match> {
    let candidate = |(index, id): (usize, ProfileLevelId)| {
        let compatibility = compatibility(stream.profile(), id.profile())?;
        let level_suffices = id.level() >= stream.level();
        Some(Match { index, id, compatibility, level_suffices })
    };
    offered.into_iter().enumerate().filter_map(candidate).min_by_key(|found| {
        let profile = rank(found.id.profile());
        // The least superset is nearest; where none is one, the most capable is.
        let distance = match found.compatibility {
            Compatibility::Same | Compatibility::Superset => profile,
            Compatibility::Unsure => u8::MAX - profile,
        };
        (found.compatibility, !found.level_suffices, distance, found.index)
    })
}

/// How well decoders of the `offered` profile take a stream of another. `None`: not at all.
fn compatibility(stream: Profile, offered: Profile) -> Option<Compatibility> {
    if stream == offered {
        return Some(Compatibility::Same);
    }
    if supersets(stream).contains(&offered) {
        return Some(Compatibility::Superset);
    }
    (is_8_bit_420(stream) && is_8_bit_420(offered)).then_some(Compatibility::Unsure)
}

/// The profiles whose decoders must take all streams of `profile`: the "capabilities" clauses of
/// H.264 §A.2.1 to §A.2.11.
fn supersets(profile: Profile) -> &'static [Profile] {
    use Profile::{
        Baseline, ConstrainedHigh, Extended, High, High10, High10Intra, High422, High422Intra,
        High444Intra, High444Predictive, Main, ProgressiveHigh,
    };
    match profile {
        Profile::ConstrainedBaseline => &[
            Baseline,
            Main,
            Extended,
            ConstrainedHigh,
            ProgressiveHigh,
            High,
            High10,
            High422,
            High444Predictive,
        ],
        Baseline => &[Extended],
        ConstrainedHigh => &[ProgressiveHigh, High, High10, High422, High444Predictive],
        Main | ProgressiveHigh => &[High, High10, High422, High444Predictive],
        High => &[High10, High422, High444Predictive],
        High10 => &[High422, High444Predictive],
        High422 => &[High444Predictive],
        High10Intra => &[High10, High422Intra, High422, High444Intra, High444Predictive],
        High422Intra => &[High422, High444Intra, High444Predictive],
        Profile::Cavlc444Intra => &[High444Intra, High444Predictive],
        High444Intra => &[High444Predictive],
        Extended | High444Predictive | Profile::Unknown(_) => &[],
    }
}

/// Whether it has 8 bits and 4:2:0, as all that a browser's hardware decodes has. Extended is not
/// counted: its data partitions are decoded nowhere.
fn is_8_bit_420(profile: Profile) -> bool {
    match profile {
        Profile::ConstrainedBaseline
        | Profile::Baseline
        | Profile::Main
        | Profile::ConstrainedHigh
        | Profile::ProgressiveHigh
        | Profile::High => true,
        Profile::Extended
        | Profile::High10
        | Profile::High422
        | Profile::High444Predictive
        | Profile::High10Intra
        | Profile::High422Intra
        | Profile::High444Intra
        | Profile::Cavlc444Intra
        | Profile::Unknown(_) => false,
    }
}

/// How much a profile's decoders can do, roughly.
fn rank(profile: Profile) -> u8 {
    match profile {
        Profile::ConstrainedBaseline => 0,
        Profile::Baseline => 1,
        Profile::Main => 2,
        Profile::ConstrainedHigh => 3,
        Profile::ProgressiveHigh => 4,
        Profile::High => 5,
        Profile::High10Intra => 6,
        Profile::High10 => 7,
        Profile::High422Intra => 8,
        Profile::High422 => 9,
        Profile::Cavlc444Intra => 10,
        Profile::High444Intra => 11,
        Profile::High444Predictive => 12,
        Profile::Extended => 13,
        Profile::Unknown(_) => 14,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use Compatibility::{Same, Superset, Unsure};

    fn id(text: &str) -> ProfileLevelId {
        text.parse().unwrap()
    }

    #[test]
    fn the_best_offered_format_is_found() {
        let chromium = "42001f 42e01f 4d001f f4001f 64001f";
        #[rustfmt::skip]
        let cases = [
            // stream, offered, the best: its id, fit, whether its level is high enough
            ("42c01f", chromium,               Some(("42e01f", Same, true))),
            ("42c020", chromium,               Some(("42e01f", Same, false))),
            ("42001f", chromium,               Some(("42001f", Same, true))),
            ("4d4028", chromium,               Some(("4d001f", Same, false))),
            ("640028", chromium,               Some(("64001f", Same, false))),
            ("640c1f", chromium,               Some(("64001f", Superset, true))),
            ("f4001f", chromium,               Some(("f4001f", Same, true))),
            ("7a001f", chromium,               Some(("f4001f", Superset, true))),
            ("6e001f", "42e01f 64001f",        None),
            ("58001f", chromium,               None),
            ("530029", chromium,               None),
            ("42c01f", "",                     None),
            // the higher level of two of one profile
            ("42c02a", "42e01f 42e034 42e02a", Some(("42e034", Same, true))),
            // the least superset, unless only another has the level
            ("42c01f", "64001f 4d001f 42001f", Some(("42001f", Superset, true))),
            ("42c02a", "42001f 4d001f 640034", Some(("640034", Superset, true))),
            // what aiortc offers, and a stream that it need not take
            ("640028", "42001f 42e01f",        Some(("42001f", Unsure, false))),
            ("42001f", "42e01f 64001f",        Some(("64001f", Unsure, true))),
            ("4d001f", "42e01f 640c1f",        Some(("640c1f", Unsure, true))),
        ];
        for (stream, offered, expected) in cases {
            let ids: Vec<ProfileLevelId> = offered.split_whitespace().map(id).collect();
            let found = best_match(id(stream), ids.iter().copied());
            let expected = expected.map(|(best, fit, level)| (id(best), fit, level));
            let shown = found.map(|found| (found.id, found.compatibility, found.level_suffices));
            assert_eq!(shown, expected, "{stream} of {offered}");
            assert_eq!(found.map(|found| ids[found.index]), found.map(|found| found.id));
        }
    }

    #[test]
    fn supersets_of_a_superset_are_supersets() {
        let profiles = ["42e0", "4200", "4d00", "5800", "640c", "6408", "6400", "6e00", "6e10"];
        let profiles = profiles.iter().chain(&["7a00", "7a10", "f400", "f410", "2c10"]);
        let profiles: Vec<Profile> =
            profiles.map(|text| id(&format!("{text}1f")).profile()).collect();
        for &a in &profiles {
            for &b in supersets(a) {
                assert!(!supersets(b).contains(&a), "{a} and {b} contain each other");
                for c in supersets(b) {
                    assert!(supersets(a).contains(c), "{a} < {b} < {c}");
                }
            }
        }
    }
}
