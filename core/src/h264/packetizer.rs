//! RTP payloads of an access unit: RFC 6184 with packetization-mode 1 (§6.3).
//!
//! Cut once, for all viewers. NAL units that fit together leave as one STAP-A (§5.7.1), one that
//! fits alone as it is (§5.6), a longer one as FU-As (§5.8) of one size, the last perhaps shorter:
//! equal datagrams leave in one system call (UDP GSO). Order is kept. Delimiters and filler, which
//! decoders do not need, are dropped, and so are end marks, because a file that is looped goes on
//! behind them, and types that RFC 6184 uses itself. The interleaved mode and MTAPs are left out.

use std::ops::Range;
use std::sync::Arc;

use super::nal::{Nal, NalType, nals};
use super::parameter_sets::{ParameterSetChange, ParameterSets};

/// F and NRI of a NAL unit header, RFC 6184 §1.3.
const F_BIT: u8 = 0x80;
const NRI_BITS: u8 = 0x60;
const TYPE_BITS: u8 = 0x1f;
/// Packet types, RFC 6184 §5.2.
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// Bits of the FU header, RFC 6184 §5.8.
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;
/// FU indicator and FU header.
const FU_HEADER_BYTES: usize = 2;
/// The length before each NAL unit in a STAP-A.
const STAP_LENGTH_BYTES: usize = 2;

/// How many bytes an RTP payload may have: 64 to 65,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadLimit(usize);

/// A payload limit that is too small or too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "RTP payloads cannot be limited to {0} bytes; give {min} to {max} (1150 suits the internet)",
    min = PayloadLimit::MIN,
    max = PayloadLimit::MAX
)]
pub struct PayloadLimitError(pub usize);

impl PayloadLimit {
    /// The least: below, headers outweigh what they carry.
    pub const MIN: usize = 64;
    /// The most: with its headers it still fits a UDP datagram, and each length a STAP-A.
    pub const MAX: usize = 65_000;

    /// Checks a limit in bytes.
    pub fn new(bytes: usize) -> Result<PayloadLimit, PayloadLimitError> {
        if (PayloadLimit::MIN..=PayloadLimit::MAX).contains(&bytes) {
            Ok(PayloadLimit(bytes))
        } else {
            Err(PayloadLimitError(bytes))
        }
    }

    /// The limit in bytes.
    pub fn bytes(self) -> usize {
        self.0
    }
}

/// One RTP payload, shared by all viewers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// What goes behind the RTP header.
    pub payload: Arc<[u8]>,
    /// The RTP marker bit: set on the last packet of an access unit (RFC 6184 §5.1).
    pub marker: bool,
}

/// An access unit cut into packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessUnit<'a> {
    /// The packets in the order of sending; none if the bytes held no NAL unit worth sending.
    pub packets: &'a [Packet],
    /// Whether it holds an IDR picture, from which a viewer can begin.
    pub keyframe: bool,
    /// Whether it brought a parameter set that was not in force before.
    pub parameter_sets_changed: bool,
}

/// Cuts access units into RTP payloads, and sees that no IDR goes out without parameter sets.
///
/// After the first frames it allocates one `Arc` a packet and nothing else.
///
/// ```
/// use pinhole_core::h264::{Packetizer, PayloadLimit};
/// let mut packetizer = Packetizer::new(PayloadLimit::new(1150)?);
/// let slice = [&[0, 0, 1, 0x41][..], &[7; 3000]].concat();
/// let cut = packetizer.packetize(&slice);
/// let sizes: Vec<usize> = cut.packets.iter().map(|packet| packet.payload.len()).collect();
/// assert_eq!(sizes, [1002, 1002, 1002]);
/// # Ok::<(), pinhole_core::h264::PayloadLimitError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Packetizer {
    limit: PayloadLimit,
    sets: ParameterSets,
    packets: Vec<Packet>,
    /// Where the NAL units to send lie in the access unit at hand.
    units: Vec<Range<usize>>,
    aggregate: Aggregate,
}

/// What a first look at an access unit found.
#[derive(Default)]
struct Survey {
    keyframe: bool,
    parameter_sets_changed: bool,
}

impl Packetizer {
    /// Makes a packetizer whose payloads have at most `limit` bytes.
    pub fn new(limit: PayloadLimit) -> Packetizer {
        Packetizer {
            limit,
            sets: ParameterSets::default(),
            packets: Vec::new(),
            units: Vec::new(),
            aggregate: Aggregate::default(),
        }
    }

    /// Cuts one access unit in Annex B form. Takes any bytes: without a start code there is nothing
    /// to send. Packets live until the next call; whoever needs them longer clones them.
    pub fn packetize(&mut self, access_unit: &[u8]) -> AccessUnit<'_> {
        self.packets.clear();
        let Survey { keyframe, parameter_sets_changed } = self.survey(access_unit);
        let mut cutter = Cutter {
            limit: self.limit.bytes(),
            aggregate: &mut self.aggregate,
            packets: &mut self.packets,
        };
        // A PPS can be read only after its SPS: an SPS goes first of all, a PPS behind those that
        // the access unit brings itself.
        if keyframe {
            self.sets.missing_sps().for_each(|nal| cutter.push(nal));
        }
        let mut pps_due = keyframe;
        let units = self.units.iter().filter_map(|range| access_unit.get(range.clone()));
        for nal in units.filter_map(Nal::new) {
            if pps_due && nal.kind().is_picture() {
                pps_due = false;
                self.sets.missing_pps().for_each(|nal| cutter.push(nal));
            }
            cutter.push(nal);
        }
        cutter.flush();
        if let Some(last) = self.packets.last_mut() {
            last.marker = true;
        }
        AccessUnit { packets: &self.packets, keyframe, parameter_sets_changed }
    }

    /// The parameter sets that the stream brought so far.
    pub fn parameter_sets(&self) -> &ParameterSets {
        &self.sets
    }

    /// Notes which NAL units are to be sent, and takes the parameter sets among them.
    fn survey(&mut self, access_unit: &[u8]) -> Survey {
        self.units.clear();
        self.sets.begin_access_unit();
        let mut survey = Survey::default();
        let mut units = nals(access_unit);
        while let Some(range) = units.next_range() {
            let Some(nal) = access_unit.get(range.clone()).and_then(Nal::new) else { continue };
            if !is_sent(nal.kind()) {
                continue;
            }
            survey.keyframe |= nal.kind() == NalType::Idr;
            survey.parameter_sets_changed |= self.sets.insert(nal) == ParameterSetChange::Changed;
            self.units.push(range);
        }
        survey
    }
}

fn is_sent(kind: NalType) -> bool {
    match kind {
        NalType::Slice
        | NalType::SlicePartition
        | NalType::Idr
        | NalType::Sei
        | NalType::Sps
        | NalType::Pps
        | NalType::Prefix
        | NalType::Other(_) => true,
        NalType::Aud
        | NalType::EndOfSequence
        | NalType::EndOfStream
        | NalType::Filler
        | NalType::Unspecified(_) => false,
    }
}

/// NAL units waiting to leave together.
#[derive(Debug, Clone, Default)]
struct Aggregate {
    /// A STAP-A (RFC 6184 §5.7.1) as it grows: header, then length and bytes of each NAL unit. Also
    /// the scratch in which an FU-A is put together while no NAL unit waits.
    stap: Vec<u8>,
    /// NAL units in it.
    units: usize,
}

/// Turns NAL units into packets, in order.
struct Cutter<'a> {
    limit: usize,
    aggregate: &'a mut Aggregate,
    packets: &'a mut Vec<Packet>,
}

impl Cutter<'_> {
    fn push(&mut self, nal: Nal<'_>) {
        if !self.fits_aggregate(nal) {
            self.flush();
        }
        if nal.bytes().len() > self.limit {
            self.fragment(nal);
        } else if self.fits_aggregate(nal) {
            self.aggregate(nal);
        } else {
            self.emit(Arc::from(nal.bytes()));
        }
    }

    fn fits_aggregate(&self, nal: Nal<'_>) -> bool {
        let before = if self.aggregate.units == 0 { 1 } else { self.aggregate.stap.len() };
        before + STAP_LENGTH_BYTES + nal.bytes().len() <= self.limit
    }

    /// RFC 6184 §5.7: F is set if it is in any NAL unit, NRI is the highest of all.
    fn aggregate(&mut self, nal: Nal<'_>) {
        let Aggregate { stap, units } = &mut *self.aggregate;
        if *units == 0 {
            stap.clear();
            stap.push(STAP_A);
        }
        if let Some(header) = stap.first_mut() {
            let f = (*header | nal.header()) & F_BIT;
            let nri = (*header & NRI_BITS).max(nal.header() & NRI_BITS);
            *header = f | nri | STAP_A;
        }
        let length = u16::try_from(nal.bytes().len())
            .expect("a NAL unit within the payload limit is shorter than 65,000 bytes");
        stap.extend_from_slice(&length.to_be_bytes());
        stap.extend_from_slice(nal.bytes());
        *units += 1;
    }

    /// Sends what waits: one NAL unit as it is, more as a STAP-A.
    fn flush(&mut self) {
        let Aggregate { stap, units } = &*self.aggregate;
        let payload: Option<Arc<[u8]>> = match units {
            0 => None,
            1 => stap.get(1 + STAP_LENGTH_BYTES..).map(Arc::from),
            _ => Some(Arc::from(stap.as_slice())),
        };
        self.aggregate.units = 0;
        if let Some(payload) = payload {
            self.emit(payload);
        }
    }

    /// RFC 6184 §5.8. As few fragments as the limit allows, and all of one size: the last alone is
    /// shorter, by less than a byte for each of the others.
    fn fragment(&mut self, nal: Nal<'_>) {
        let payload = nal.payload();
        let count = payload.len().div_ceil(self.limit - FU_HEADER_BYTES);
        let size = payload.len().div_ceil(count.max(1)).max(1);
        let indicator = nal.header() & (F_BIT | NRI_BITS) | FU_A;
        for (at, fragment) in payload.chunks(size).enumerate() {
            let start = if at == 0 { FU_START } else { 0 };
            let end = if at + 1 == count { FU_END } else { 0 };
            let header = start | end | nal.header() & TYPE_BITS;
            let scratch = &mut self.aggregate.stap;
            scratch.clear();
            scratch.extend_from_slice(&[indicator, header]);
            scratch.extend_from_slice(fragment);
            let payload = Arc::from(scratch.as_slice());
            self.emit(payload);
        }
    }

    fn emit(&mut self, payload: Arc<[u8]>) {
        self.packets.push(Packet { payload, marker: false });
    }
}

#[cfg(test)]
mod tests;
