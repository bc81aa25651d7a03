//! Annex B files that are encoded already: checked, cut into access units, played round and round.
//!
//! What browsers cannot follow is refused when the file is opened: B pictures (they would be shown late),
//! interlaced pictures, other formats than 4:2:0 with 8 bits, files without IDR.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::SourceError;
use crate::annexb::{self, Cutter, Sps, Unit, nal_type, type_of};
use crate::frame::{FrameRate, Size};

/// Largest file that is taken, since it is read whole to be checked.
const BYTES_MAX: u64 = 1 << 30;

/// A file of access units, and the place in it.
#[derive(Debug)]
pub struct H264File {
    bytes: Bytes,
    units: Vec<Access>,
    /// Index of the unit that comes next.
    next: usize,
    size: Size,
    rate: FrameRate,
    rate_is_assumed: bool,
    profile_level_id: [u8; 3],
}

/// Where the access units are: once a file is checked, only the one that comes next is in memory.
#[derive(Debug)]
enum Bytes {
    Memory(Vec<u8>),
    File(File, PathBuf),
}

/// One access unit in the file.
#[derive(Debug)]
struct Access {
    range: Range<usize>,
    idr: bool,
    /// Parameter sets to send before an IDR that comes without.
    sets: Vec<u8>,
}

impl H264File {
    /// Frames a second of a file whose VUI says nothing, when `--fps` does not either.
    pub const RATE_DEFAULT: u32 = 30;

    /// Reads a file. `rate` overrides the timing in its VUI.
    pub fn open(path: &Path, rate: Option<FrameRate>) -> Result<H264File, SourceError> {
        let failed = |error| SourceError::File { path: path.to_owned(), error };
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let refuse = |reason: String| SourceError::NotH264 { path: path.to_owned(), reason };
        if length > BYTES_MAX {
            return Err(refuse("it is larger than 1 GiB; cut it into a shorter loop".into()));
        }
        let mut data = Vec::new();
        file.read_to_end(&mut data).map_err(failed)?;
        let parsed = H264File::parse(data, rate).map_err(refuse)?;
        Ok(H264File { bytes: Bytes::File(file, path.to_owned()), ..parsed })
    }

    /// Takes the bytes of a file; errors are sentences for people.
    pub fn parse(data: Vec<u8>, rate: Option<FrameRate>) -> Result<H264File, String> {
        let (cut, sets) = cut(&data)?;
        let first = cut.iter().position(|unit| unit.idr).ok_or(
            "it has no IDR picture, where viewers could begin; encode it with regular keyframes \
             (ffmpeg: -g 60 -flags +cgop)",
        )?;
        if cut.iter().any(|unit| unit.bidirectional) {
            return Err(
                "it has B pictures, which cost delay; encode it without (ffmpeg: -bf 0)".into()
            );
        }
        let sps = check_sets(&sets)?;
        let size = Size::new(sps.width, sps.height).map_err(|error| error.to_string())?;
        let own = match (rate, sps.timing) {
            (Some(rate), _) => Some(rate),
            // Two ticks a frame (§E.2.1).
            (None, Some((units, scale))) => FrameRate::new(scale.into(), 2 * u64::from(units)).ok(),
            (None, None) => None,
        };
        let assumed =
            FrameRate::per_second(Self::RATE_DEFAULT).map_err(|error| error.to_string())?;
        let units = with_sets(&data, &cut, first);
        Ok(H264File {
            units,
            next: 0,
            size,
            rate: own.unwrap_or(assumed),
            rate_is_assumed: own.is_none(),
            profile_level_id: sps.profile_level_id,
            bytes: Bytes::Memory(data),
        })
    }

    /// Returns the size of the pictures.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Returns the frame rate.
    #[must_use]
    pub fn rate(&self) -> FrameRate {
        self.rate
    }

    /// Whether the rate is a guess, because neither the caller nor the file gave one.
    #[must_use]
    pub fn rate_is_assumed(&self) -> bool {
        self.rate_is_assumed
    }

    /// Returns profile_idc, constraint flags and level_idc.
    #[must_use]
    pub fn profile_level_id(&self) -> [u8; 3] {
        self.profile_level_id
    }

    /// Returns how many pictures come before the next IDR: 0 when it is the next.
    #[must_use]
    pub fn until_idr(&self) -> usize {
        let ahead = self.units[self.next..].iter().position(|unit| unit.idr);
        // The first unit is an IDR, so one comes at the latest after the end.
        ahead.unwrap_or(self.units.len() - self.next)
    }

    /// Leaves out what comes before the next IDR.
    pub fn jump_to_idr(&mut self) {
        self.next = (self.next + self.until_idr()) % self.units.len();
    }

    /// Appends the next access unit to `out` and returns whether it is an IDR. It fails where the file
    /// cannot be read any more; nothing is appended then.
    pub fn read(&mut self, out: &mut Vec<u8>) -> Result<bool, SourceError> {
        let unit = &self.units[self.next];
        let before = out.len();
        out.extend_from_slice(&unit.sets);
        match &self.bytes {
            Bytes::Memory(data) => out.extend_from_slice(&data[unit.range.clone()]),
            Bytes::File(file, path) => {
                let from = out.len();
                out.resize(from + unit.range.len(), 0);
                if let Err(error) = file.read_exact_at(&mut out[from..], unit.range.start as u64) {
                    out.truncate(before);
                    return Err(SourceError::File { path: path.clone(), error });
                }
            }
        }
        self.next = (self.next + 1) % self.units.len();
        Ok(unit.idr)
    }
}

/// Cuts the file, and gives the parameter sets that it ends with.
fn cut(data: &[u8]) -> Result<(Vec<Unit>, Vec<Sps>), String> {
    let mut cutter = Cutter::default();
    let mut units: Vec<Unit> =
        annexb::nal_units(data).filter_map(|range| cutter.push(data, range)).collect();
    units.extend(cutter.finish());
    let sets: Vec<Sps> = cutter.sets().values().cloned().collect();
    if units.is_empty() || sets.is_empty() {
        let hint = if data.get(4..8) == Some(b"ftyp") { " (it looks like MP4)" } else { "" };
        return Err(format!(
            "it is not an H.264 byte stream{hint}; make one with: \
             ffmpeg -i INPUT -c:v libx264 -bf 0 -bsf:v h264_mp4toannexb OUTPUT.h264"
        ));
    }
    Ok((units, sets))
}

fn check_sets(sets: &[Sps]) -> Result<&Sps, String> {
    let first = sets.first().ok_or("it has no sequence parameter set")?;
    for sps in sets {
        if (sps.width, sps.height) != (first.width, first.height) {
            return Err("its pictures change their size; encode it with one size".into());
        }
        if !sps.frames_only {
            return Err("it is interlaced; encode it with whole frames (ffmpeg: -vf yadif)".into());
        }
        if sps.chroma_format_idc != 1 || sps.bit_depth != 8 {
            return Err("browsers show only 4:2:0 with 8 bits; encode it so (ffmpeg: -pix_fmt \
                        yuv420p)"
                .into());
        }
    }
    Ok(first)
}

/// Turns units into ranges, and remembers the parameter sets in force for the IDRs that lack them.
fn with_sets(data: &[u8], cut: &[Unit], first: usize) -> Vec<Access> {
    // By type and id, so that an SPS comes before the PPS that refer to it.
    let mut known: BTreeMap<(u8, u32), &[u8]> = BTreeMap::new();
    let mut units = Vec::with_capacity(cut.len() - first);
    for (index, unit) in cut.iter().enumerate() {
        let mut own = (false, false);
        for nal in unit.nals.iter().map(|range| &data[range.clone()]) {
            let kind = type_of(nal);
            if let Some(id) = annexb::parameter_set_id(nal) {
                known.insert((kind, id), nal);
            }
            own.0 |= kind == nal_type::SPS;
            own.1 |= kind == nal_type::PPS;
        }
        if index < first {
            continue;
        }
        let mut sets = Vec::new();
        if unit.idr && own != (true, true) {
            for set in known.values() {
                sets.extend_from_slice(&[0, 0, 0, 1]);
                sets.extend_from_slice(set);
            }
        }
        let begin = start_code(data, unit.nals.first().map_or(0, |nal| nal.start));
        let end = unit.nals.last().map_or(begin, |nal| nal.end);
        units.push(Access { range: begin..end, idr: unit.idr, sets });
    }
    units
}

/// Where the start code before a NAL unit begins.
fn start_code(data: &[u8], nal: usize) -> usize {
    let three = nal.saturating_sub(3);
    if three > 0 && data[three - 1] == 0 { three - 1 } else { three }
}
