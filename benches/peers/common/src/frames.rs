//! What servers send: the access units of an Annex B file with one slice a frame, or frames of two sizes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::{Args, stamp};

/// An SPS of 1280x720 and a PPS.
const SETS: &[u8] = &[
    0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8, 0x06, 0xd0, 0xa1, 0x35, 0, 0,
    0, 1, 0x68, 0xce, 0x3c, 0x80,
];

/// Frames, played round and round.
pub struct Frames {
    units: Vec<Vec<u8>>,
    rate: f64,
    stamped: bool,
    begin: Instant,
}

impl Frames {
    /// Those of `--file FILE --fps N [--stamp]`; `synthetic:SMALL,LARGE,EVERY` in place of a file is one
    /// keyframe of LARGE bytes in EVERY frames, the others of SMALL bytes.
    ///
    /// # Errors
    /// The file cannot be read, or a word is missing.
    pub fn of(args: &Args) -> Result<Frames> {
        let file: String = args.needed("file")?;
        let units = match file.strip_prefix("synthetic:") {
            Some(sizes) => synthetic(sizes).with_context(|| format!("sizes {sizes:?}"))?,
            None => access_units(&std::fs::read(&file).with_context(|| file.clone())?),
        };
        let rate = args.or("fps", 30.0)?;
        Ok(Frames { units, rate, stamped: args.has("stamp"), begin: Instant::now() })
    }

    /// The frame itself, with the present moment in it if that was asked for.
    pub fn frame(&self, index: u64) -> Vec<u8> {
        let unit = self.unit(index);
        let mut frame = Vec::with_capacity(unit.len() + 64);
        if self.stamped {
            stamp::write(&mut frame, stamp::now_ns());
        }
        frame.extend_from_slice(unit);
        frame
    }

    /// The frame as it lies there.
    pub fn unit(&self, index: u64) -> &[u8] {
        let count = self.units.len() as u64;
        &self.units[usize::try_from(index % count).expect("it is below a length")]
    }

    /// Whether it begins with an SPS, as what needs no other does.
    pub fn is_keyframe(&self, index: u64) -> bool {
        self.unit(index).get(4).is_some_and(|header| header & 31 == 7)
    }

    /// When a frame is due.
    pub fn due(&self, index: u64) -> Instant {
        self.begin + Duration::from_secs_f64(index as f64 / self.rate)
    }

    /// Its time in units of RTP (90 kHz).
    pub fn rtp_time(&self, index: u64) -> u64 {
        (index as f64 * 90_000.0 / self.rate).round() as u64
    }
}

/// The NAL units of a byte stream, without start codes and the zeros behind them.
pub fn nals(bytes: &[u8]) -> Vec<&[u8]> {
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(3).position(|window| window == [0, 0, 1]) {
        starts.push(at + found + 3);
        at += found + 3;
    }
    let ends = starts.iter().skip(1).map(|next| next - 3).chain([bytes.len()]);
    let cut = starts.iter().zip(ends).map(|(start, end)| {
        let nal = &bytes[*start..end];
        let zeros = nal.iter().rev().take_while(|byte| **byte == 0).count();
        &nal[..nal.len() - zeros]
    });
    cut.filter(|nal| !nal.is_empty()).collect()
}

fn access_units(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    let mut unit = Vec::new();
    for nal in nals(bytes) {
        unit.extend_from_slice(&[0, 0, 0, 1]);
        unit.extend_from_slice(nal);
        if matches!(nal[0] & 31, 1 | 5) {
            units.push(std::mem::take(&mut unit));
        }
    }
    units
}

fn synthetic(sizes: &str) -> Option<Vec<Vec<u8>>> {
    let mut sizes = sizes.split(',').map(|size| size.parse::<usize>().ok());
    let (small, large, every) = (sizes.next()??, sizes.next()??, sizes.next()??);
    let unit = |index: usize| {
        if index == 0 { [SETS, &slice(0x65, large)].concat() } else { slice(0x41, small) }
    };
    Some((0..every.max(1)).map(unit).collect())
}

/// A NAL unit of this header and size, without a start code in it.
fn slice(header: u8, size: usize) -> Vec<u8> {
    let mut nal = vec![0, 0, 0, 1, header];
    let mut state = 0x9e37_79b9_u32;
    while nal.len() < size {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        // Never 0.
        nal.push(state.to_le_bytes()[0] | 1);
    }
    nal
}
