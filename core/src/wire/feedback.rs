//! Transport-wide feedback: which packets arrived, and when by the viewer's clock.
//! draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.

/// What stands before the chunks: RTCP's header, two SSRCs, and the fields of the feedback.
const HEAD_BYTES: usize = 20;
/// Statuses of a run of equal ones, and of a vector with one bit each, and two.
const RUN_BITS: u32 = 13;
const ONE_BIT: u32 = 14;
const TWO_BITS: u32 = 7;

/// One feedback, in clear.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feedback<'a> {
    first: u16,
    statuses: u16,
    /// Ticks of 64 ms; 24 bits.
    reference: u32,
    body: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Missing,
    SmallDelta,
    LargeDelta,
}

impl<'a> Feedback<'a> {
    /// Ticks in one of the reference time.
    const REFERENCE_TICKS: u32 = 256;

    /// Those among the reports of a datagram in clear (RFC 3550 §6.1). Browsers send each alone (RFC 5506).
    pub(crate) fn among(reports: &'a [u8]) -> impl Iterator<Item = Feedback<'a>> {
        let mut rest = reports;
        let each = std::iter::from_fn(move || {
            let [_, _, l0, l1] = *rest.first_chunk()?;
            let bytes = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
            let (report, behind) = rest.split_at_checked(bytes)?;
            rest = behind;
            Some(report)
        });
        each.filter_map(Self::parse)
    }

    /// `None`: this report is none, or it is cut off.
    fn parse(report: &'a [u8]) -> Option<Feedback<'a>> {
        let (head, body) = report.split_first_chunk::<HEAD_BYTES>()?;
        let [first, kind, _, _, _, _, _, _, _, _, _, _, f0, f1, s0, s1, r0, r1, r2, _] = *head;
        // Version 2, padded or not; transport feedback (RFC 4585 §6.2), format 15.
        if kind != 205 || first & 0b1101_1111 != 0b1000_1111 {
            return None;
        }
        Some(Feedback {
            first: u16::from_be_bytes([f0, f1]),
            statuses: u16::from_be_bytes([s0, s1]),
            reference: u32::from_be_bytes([0, r0, r1, r2]),
            body,
        })
    }

    /// The packets that arrived, in the order in which they were sent, each with the viewer's clock in ticks of
    /// 250 µs, of which the last 32 bits are known. It ends where the feedback does, even if
    /// more was promised.
    pub(crate) fn into_arrived(self) -> impl Iterator<Item = (u16, u32)> + 'a {
        let mut deltas = self.deltas();
        let mut ticks = self.reference.wrapping_mul(Self::REFERENCE_TICKS);
        let mut sequence = self.first.wrapping_sub(1);
        statuses(self.body)
            .take(usize::from(self.statuses))
            .map_while(move |status| {
                sequence = sequence.wrapping_add(1);
                let delta = match status {
                    Status::Missing => return Some(None),
                    Status::SmallDelta => {
                        let (delta, rest) = deltas.split_first()?;
                        deltas = rest;
                        i32::from(*delta)
                    }
                    Status::LargeDelta => {
                        let (delta, rest) = deltas.split_first_chunk::<2>()?;
                        deltas = rest;
                        i32::from(i16::from_be_bytes(*delta))
                    }
                };
                ticks = ticks.wrapping_add_signed(delta);
                Some(Some((sequence, ticks)))
            })
            .flatten()
    }

    /// What stands behind the chunks.
    fn deltas(&self) -> &'a [u8] {
        let mut told = 0;
        let mut rest = self.body;
        while told < u32::from(self.statuses) {
            let Some((chunk, behind)) = rest.split_first_chunk::<2>() else { return &[] };
            told += Chunk::of(*chunk).statuses;
            rest = behind;
        }
        rest
    }
}

/// Sixteen bits with the statuses of packets in a row.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    bits: u16,
    statuses: u32,
}

impl Chunk {
    fn of(bytes: [u8; 2]) -> Chunk {
        let bits = u16::from_be_bytes(bytes);
        let statuses = match bits >> 14 {
            0 | 1 => u32::from(bits) & ((1 << RUN_BITS) - 1),
            2 => ONE_BIT,
            _ => TWO_BITS,
        };
        Chunk { bits, statuses }
    }

    fn status(self, index: u32) -> Status {
        let symbol = match self.bits >> 14 {
            0 | 1 => self.bits >> RUN_BITS,
            2 => self.bits >> (ONE_BIT - 1 - index) & 1,
            _ => self.bits >> (2 * (TWO_BITS - 1 - index)) & 3,
        };
        match symbol {
            1 => Status::SmallDelta,
            2 => Status::LargeDelta,
            // 3 is reserved.
            _ => Status::Missing,
        }
    }
}

/// All statuses that could stand there; where chunks end, nobody knows yet.
fn statuses(body: &[u8]) -> impl Iterator<Item = Status> {
    let chunks = body.chunks_exact(2).filter_map(|bytes| bytes.first_chunk().copied());
    chunks.map(Chunk::of).flat_map(|chunk| (0..chunk.statuses).map(move |at| chunk.status(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A feedback of packets from 0xfffe on, from 3 × 64 ms on.
    fn feedback(statuses: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe];
        bytes.extend(statuses.to_be_bytes());
        bytes.extend([0, 0, 3, 7]);
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes[3] = u8::try_from(bytes.len() / 4 - 1).unwrap();
        bytes
    }

    fn arrived(bytes: &[u8]) -> Vec<(u16, u32)> {
        Feedback::among(bytes).flat_map(Feedback::into_arrived).collect()
    }

    #[test]
    fn a_run_of_packets_that_came_one_after_the_other() {
        // Five, small deltas.
        let bytes = feedback(5, &[0b0010_0000, 5, 1, 2, 0, 255, 4]);

        let expected = [(0xfffe, 769), (0xffff, 771), (0, 771), (1, 1_026), (2, 1_030)];
        assert_eq!(arrived(&bytes), expected);
    }

    #[test]
    fn vectors_say_which_are_missing_and_which_came_before_others() {
        // One bit each: 1 0 1, the other eleven are not of the feedback's four; then two bits each.
        let bytes = feedback(16, &[0b1010_1000, 0, 0b1101_1000, 0, 8, 8, 1, 0xff, 0xf0]);

        // 14 of the first vector, of which two came; then 01 (small) and 10 (large: -16).
        let expected = [(0xfffe, 776), (0, 784), (12, 785), (13, 769)];
        assert_eq!(arrived(&bytes), expected);
    }

    #[test]
    fn what_is_cut_off_ends_early_and_what_is_none_is_none() {
        let whole = feedback(5, &[0b0010_0000, 5, 1, 2, 0, 255, 4]);
        for length in 0..whole.len() {
            assert_eq!(arrived(&whole[..length]), [], "{length} bytes");
        }
        let mut promised = whole.clone();
        promised[15] = 200;
        let expected = [(0xfffe, 768), (0xffff, 1_023), (0, 1_027), (1, 1_027)];
        assert_eq!(arrived(&promised), expected, "two deltas are taken for a chunk, four are left");
        let mut other = whole.clone();
        other[0] = 0x81;
        assert_eq!(arrived(&other), [], "a NACK");
        other[0] = 0xaf;
        assert_eq!(arrived(&other).len(), 5, "a padded one");
        let receiver_report = [0x80, 201, 0, 1, 0, 0, 0, 1];
        let compound = [&receiver_report, whole.as_slice(), &receiver_report, &whole].concat();
        assert_eq!(arrived(&compound).len(), 10, "among other reports");
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_a_viewer_sends_takes_long_or_breaks_it(
            statuses: u16,
            body in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        ) {
            let bytes = feedback(statuses, &body);
            let all = arrived(&bytes);
            proptest::prop_assert!(all.len() <= body.len() + 3, "a delta each");
        }
    }
}
