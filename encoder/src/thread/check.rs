//! Whether what a back end wrote may go to viewers: the rules.
//!
//! A driver that fails does not always say so. It may hand out zeros, a picture of another size, a
//! difference to a picture that nobody has. Only start codes, headers and parameter sets are read, a few
//! microseconds for each access unit; that slices decode is not known by this.

use crate::annexb::{Sps, nal_type, nal_units, type_of};
use crate::encoder::Encoded;
use crate::frame::{FrameRate, Size};

/// What is wrong with an access unit, as it follows "the encoder wrote".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0} times nothing where a picture was due")]
    Nothing(u32),
    #[error("something, and said that it left the picture out")]
    NotNothing,
    #[error("bytes that do not begin with a start code")]
    NoStartCode,
    #[error("a NAL unit of type {0}, which no picture consists of")]
    NoVideo(u8),
    #[error("no slice")]
    NoSlice,
    #[error("slices of an IDR and of another picture together")]
    Mixed,
    #[error("another kind of picture than it said")]
    Misnamed,
    #[error("a picture that needs others where an IDR was due")]
    NoIdr,
    #[error("an IDR without SPS and PPS before it")]
    NoParameterSets,
    #[error("an SPS that cannot be read")]
    UnreadableSps,
    #[error("an SPS of {got_width}x{got_height} for pictures of {want}")]
    OtherSize { want: Size, got_width: u32, got_height: u32 },
    #[error("profile {:02x}{:02x}, and viewers were promised {:02x}{:02x}", got[0], got[1], promised[0], promised[1])]
    OtherProfile { promised: [u8; 3], got: [u8; 3] },
}

/// What a picture was encoded for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) size: Size,
    pub(super) rate: FrameRate,
    /// It was to be an IDR.
    pub(super) forced: bool,
    /// The profile_idc, constraint flags and level_idc that viewers were told.
    pub(super) promised: [u8; 3],
}

/// Checks what one back end writes, picture after picture.
#[derive(Debug)]
pub(super) struct OutputCheck {
    /// Nothing that comes before an IDR can be decoded.
    needs_idr: bool,
    /// Pictures left out, one after the other.
    skipped: u32,
}

impl OutputCheck {
    /// Of a back end just started.
    pub(super) fn new() -> OutputCheck {
        OutputCheck { needs_idr: true, skipped: 0 }
    }

    /// Its settings changed so that only an IDR can follow.
    pub(super) fn on_break(&mut self) {
        self.needs_idr = true;
    }

    /// It has yet to write its first picture.
    pub(super) fn is_first(&self) -> bool {
        self.needs_idr
    }

    /// Judges what came of one picture.
    pub(super) fn on_output(
        &mut self,
        wanted: &Wanted,
        said: Encoded,
        data: &[u8],
    ) -> Result<(), Fault> {
        if said == Encoded::Skipped {
            self.skipped += 1;
            return match (data, self.skipped > skipped_max(wanted.rate)) {
                ([], false) => Ok(()),
                ([], true) => Err(Fault::Nothing(self.skipped)),
                _ => Err(Fault::NotNothing),
            };
        }
        self.skipped = 0;
        let idr = has_idr(data, wanted)?;
        if idr != (said == Encoded::Idr) {
            return Err(Fault::Misnamed);
        }
        if !idr && (self.needs_idr || wanted.forced) {
            return Err(Fault::NoIdr);
        }
        self.needs_idr = false;
        Ok(())
    }
}

/// Half a second without a picture is a failure, and less than 8 pictures are rate control.
fn skipped_max(rate: FrameRate) -> u32 {
    (rate.per_1000s() / 2_000).max(8)
}

/// Reads an access unit; whether it is an IDR.
fn has_idr(data: &[u8], wanted: &Wanted) -> Result<bool, Fault> {
    let zeros = data.iter().take_while(|&&byte| byte == 0).count();
    if zeros < 2 || data.get(zeros) != Some(&1) {
        return Err(Fault::NoStartCode);
    }
    let (mut sps, mut pps, mut idr, mut other) = (false, false, false, false);
    for range in nal_units(data) {
        let nal = &data[range];
        let forbidden = nal.first().is_some_and(|header| header & 0x80 != 0);
        match type_of(nal) {
            nal_type::IDR if !forbidden => {
                if !(sps && pps) {
                    return Err(Fault::NoParameterSets);
                }
                idr = true;
            }
            nal_type::SLICE if !forbidden => other = true,
            nal_type::SPS if !forbidden => {
                check_sps(nal, wanted)?;
                sps = true;
            }
            nal_type::PPS if !forbidden => pps = true,
            // SEI, delimiter, ends of sequence and stream, filler, prefix.
            6 | 9..=12 | 14 if !forbidden => {}
            kind => return Err(Fault::NoVideo(kind)),
        }
    }
    match (idr, other) {
        (true, true) => Err(Fault::Mixed),
        (false, false) => Err(Fault::NoSlice),
        (idr, _) => Ok(idr),
    }
}

fn check_sps(nal: &[u8], wanted: &Wanted) -> Result<(), Fault> {
    let sps = Sps::parse(nal).ok_or(Fault::UnreadableSps)?;
    let (want, got) = (wanted.size, (sps.width, sps.height));
    if (want.width(), want.height()) != got {
        return Err(Fault::OtherSize { want, got_width: got.0, got_height: got.1 });
    }
    let (promised, got) = (wanted.promised, sps.profile_level_id);
    if !decodes(promised, got) {
        return Err(Fault::OtherProfile { promised, got });
    }
    Ok(())
}

/// Whether a decoder of the promised profile decodes another. The level may differ: browsers do not look.
fn decodes(promised: [u8; 3], got: [u8; 3]) -> bool {
    match (rank(promised), rank(got)) {
        (Some(promised), Some(got)) => got <= promised,
        // Baseline holds all of Constrained Baseline.
        (None, Some(0)) if promised[0] == 66 => true,
        _ => promised[..2] == got[..2],
    }
}

/// Profiles of which each decodes those below it (RFC 6184 table 5). Baseline with FMO and ASO is none.
fn rank([profile, constraints, _]: [u8; 3]) -> Option<u8> {
    const SET0: u8 = 0x80;
    const SET1: u8 = 0x40;
    match profile {
        66 if constraints & SET1 != 0 => Some(0),
        77 if constraints & SET0 != 0 => Some(0),
        77 => Some(1),
        100 => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By x264: Constrained Baseline, level 1.0, 64x64.
    const SPS: &[u8] = &[
        0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x04, 0x26, 0xc0, 0x44, 0, 0, 3, 0, 4, 0, 0, 3,
        0, 0xf2, 0x3c, 0x48, 0x99, 0x20,
    ];
    const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 0xcb, 0x83, 0xcb, 0x20];
    const IDR: &[u8] = &[0, 0, 1, 0x65, 0x88, 0x84];
    const SLICE: &[u8] = &[0, 0, 1, 0x41, 0x9a];
    const SEI: &[u8] = &[0, 0, 1, 0x06, 5, 1, 7, 0x80];
    const CONSTRAINED_BASELINE: [u8; 3] = [0x42, 0xe0, 0x1f];

    fn wanted(forced: bool) -> Wanted {
        let (size, rate) = (Size::new(64, 64).unwrap(), FrameRate::per_second(30).unwrap());
        Wanted { size, rate, forced, promised: CONSTRAINED_BASELINE }
    }

    fn judge(forced: bool, needs_idr: bool, said: Encoded, parts: &[&[u8]]) -> Result<(), Fault> {
        let mut check = OutputCheck { needs_idr, skipped: 0 };
        check.on_output(&wanted(forced), said, &parts.concat())
    }

    #[test]
    fn good_pictures_pass() {
        assert_eq!(Sps::parse(&SPS[4..]).map(|sps| (sps.width, sps.height)), Some((64, 64)));
        for forced in [false, true] {
            let idr = judge(forced, true, Encoded::Idr, &[SPS, PPS, SEI, IDR, IDR]);
            assert_eq!(idr, Ok(()));
        }
        assert_eq!(judge(false, false, Encoded::Delta, &[SLICE, SLICE]), Ok(()));
        assert_eq!(judge(false, false, Encoded::Idr, &[SPS, PPS, IDR]), Ok(()), "unasked");
    }

    #[test]
    fn each_fault_is_told() {
        use Encoded::{Delta, Idr, Skipped};
        use Fault::*;
        let unreadable: &[u8] = &[0, 0, 1, 0x67, 0x42];
        let forbidden: &[u8] = &[0, 0, 1, 0xe5, 0x88];
        let data_of_rtp: &[u8] = &[0, 0, 1, 0x7c, 0x85];
        let cases: [(Encoded, &[&[u8]], Fault); 15] = [
            (Idr, &[&[0; 64]], NoStartCode),
            (Idr, &[&[0x5a; 64]], NoStartCode),
            (Idr, &[], NoStartCode),
            (Idr, &[&IDR[2..]], NoStartCode),
            (Skipped, &[SLICE], NotNothing),
            (Delta, &[SEI], NoSlice),
            (Idr, &[SPS, PPS], NoSlice),
            (Idr, &[SPS, PPS, IDR, SLICE], Mixed),
            (Delta, &[SPS, PPS, IDR], Misnamed),
            (Idr, &[SLICE], Misnamed),
            (Idr, &[IDR], NoParameterSets),
            (Idr, &[SPS, IDR], NoParameterSets),
            (Idr, &[unreadable, PPS, IDR], UnreadableSps),
            (Idr, &[SPS, PPS, forbidden], NoVideo(5)),
            (Delta, &[data_of_rtp], NoVideo(28)),
        ];
        for (said, parts, fault) in cases {
            assert_eq!(judge(false, false, said, parts), Err(fault), "{said:?} {parts:?}");
        }
    }

    #[test]
    fn only_an_idr_follows_a_start_a_break_and_a_request() {
        assert_eq!(judge(false, true, Encoded::Delta, &[SLICE]), Err(Fault::NoIdr));
        assert_eq!(judge(true, false, Encoded::Delta, &[SLICE]), Err(Fault::NoIdr));
        let mut check = OutputCheck::new();
        let idr = [SPS, PPS, IDR].concat();
        assert_eq!(check.on_output(&wanted(false), Encoded::Idr, &idr), Ok(()));
        assert_eq!(check.on_output(&wanted(false), Encoded::Delta, SLICE), Ok(()));
        check.on_break();
        assert_eq!(check.on_output(&wanted(false), Encoded::Delta, SLICE), Err(Fault::NoIdr));
    }

    #[test]
    fn pictures_may_be_left_out_for_half_a_second() {
        let mut check = OutputCheck::new();
        let mut skip = || check.on_output(&wanted(true), Encoded::Skipped, &[]);
        assert!((0..15).all(|_| skip().is_ok()));
        assert_eq!(skip(), Err(Fault::Nothing(16)));
        assert_eq!(skipped_max(FrameRate::per_second(5).unwrap()), 8);
    }

    #[test]
    fn another_size_is_refused() {
        let size = Size::new(96, 64).unwrap();
        let wanted = Wanted { size, ..wanted(false) };
        let data = [SPS, PPS, IDR].concat();
        let fault = OutputCheck::new().on_output(&wanted, Encoded::Idr, &data).unwrap_err();
        assert_eq!(fault.to_string(), "an SPS of 64x64 for pictures of 96x64");
    }

    #[test]
    fn a_profile_is_at_most_the_one_promised() {
        const BASELINE: [u8; 3] = [0x42, 0x00, 0x1f];
        const MAIN: [u8; 3] = [0x4d, 0x00, 0x1f];
        const MAIN_WITHOUT_CABAC: [u8; 3] = [0x4d, 0x80, 0x1f];
        const HIGH: [u8; 3] = [0x64, 0x00, 0x28];
        const HIGH_422: [u8; 3] = [0x7a, 0x00, 0x28];
        let all = [CONSTRAINED_BASELINE, MAIN_WITHOUT_CABAC, BASELINE, MAIN, HIGH, HIGH_422];
        let of = |promised| all.map(|got| u8::from(decodes(promised, got)));
        assert_eq!(of(CONSTRAINED_BASELINE), [1, 1, 0, 0, 0, 0]);
        assert_eq!(of(BASELINE), [1, 1, 1, 0, 0, 0]);
        assert_eq!(of(MAIN), [1, 1, 0, 1, 0, 0]);
        assert_eq!(of(HIGH), [1, 1, 0, 1, 1, 0]);
        assert_eq!(of(HIGH_422), [0, 0, 0, 0, 0, 1]);
    }
}
