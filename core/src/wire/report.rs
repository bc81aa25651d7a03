//! What an SRTCP packet shows to those who cannot read it: whose it is, and where in the row it
//! stands. RFC 3711 §3.4, RFC 7714 §9 and RFC 5761 §4.

use std::ops::RangeInclusive;

/// Packet types of RTCP: sender and receiver reports, feedback, extended reports.
const PACKET_TYPES: RangeInclusive<u8> = 200..=207;
/// The tag of AES_CM_128_HMAC_SHA1_80, which stands after the index; that of AEAD stands before it.
const SHA1_TAG_BYTES: usize = 10;
const INDEX_BYTES: usize = 4;
/// The first bit of the index says that the packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;
/// Reports that may be lost between two that are known as neighbours: a minute of feedback.
const DISTANCE_MAX: u32 = 1_024;

/// Reports of one sender that stand together, where it is only asked who is near: a mark is moved from
/// one row to the next only as often as that.
const ROW_LENGTH: u32 = 16;

/// Where a report stands among all, if it is protected by this cipher: ordered by sender, then place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    sender: u32,
    cipher: Cipher,
    index: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cipher {
    Aead,
    Sha1,
}

/// The mark that a report carries in clear. Nothing about it is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReportMark {
    /// The sender's SSRC. No name: it is 1 in every Chromium that only receives.
    sender: u32,
    /// What would be the index, were the packet protected by AEAD, and by HMAC-SHA1.
    indices: [Option<u32>; 2],
}

impl ReportMark {
    /// `None`: this is no SRTCP.
    pub(crate) fn parse(payload: &[u8]) -> Option<ReportMark> {
        let kind = payload.get(1)?;
        let sender = payload.get(4..8)?.try_into().ok()?;
        let index_before = |tail: usize| {
            let at = payload.len().checked_sub(tail + INDEX_BYTES).filter(|at| *at >= 8)?;
            let index = payload.get(at..)?.first_chunk::<INDEX_BYTES>()?;
            let index = u32::from_be_bytes(*index);
            (index & ENCRYPTED != 0).then_some(index & !ENCRYPTED)
        };
        PACKET_TYPES.contains(kind).then(|| ReportMark {
            sender: u32::from_be_bytes(sender),
            indices: [index_before(0), index_before(SHA1_TAG_BYTES)],
        })
    }

    /// Where it may stand, for each cipher.
    pub(crate) fn rows(&self) -> [Option<Row>; 2] {
        [Cipher::Aead, Cipher::Sha1].map(|cipher| self.row(cipher))
    }

    fn row(&self, cipher: Cipher) -> Option<Row> {
        let index = self.indices[cipher as usize]? / ROW_LENGTH;
        Some(Row { sender: self.sender, cipher, index })
    }

    /// Where it stands if it follows `earlier`, which tells how both are protected.
    pub(crate) fn row_after(&self, earlier: &ReportMark) -> Option<Row> {
        let (_, cipher) = self.nearest(earlier)?;
        self.row(cipher)
    }

    /// Where those may stand that it may follow, for each cipher.
    pub(crate) fn rows_before(&self) -> impl Iterator<Item = RangeInclusive<Row>> {
        let back = DISTANCE_MAX.div_ceil(ROW_LENGTH);
        let before = move |row: Row| Row { index: row.index.saturating_sub(back), ..row }..=row;
        self.rows().into_iter().flatten().map(before)
    }

    /// By how much this follows `earlier`, if it may be of the same row.
    pub(crate) fn distance_from(&self, earlier: &ReportMark) -> Option<u32> {
        self.nearest(earlier).map(|(distance, _)| distance)
    }

    fn nearest(&self, earlier: &ReportMark) -> Option<(u32, Cipher)> {
        let distance = |cipher: Cipher| {
            let at = cipher as usize;
            let distance = self.indices[at]?.checked_sub(earlier.indices[at]?)?;
            (1..=DISTANCE_MAX).contains(&distance).then_some((distance, cipher))
        };
        let distances = [Cipher::Aead, Cipher::Sha1].into_iter().filter_map(distance);
        distances.min().filter(|_| self.sender == earlier.sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A receiver report of 40 bytes or so, its index before a tag of so many bytes.
    fn report(sender: u32, index: u32, tag: usize) -> Vec<u8> {
        let mut bytes = vec![0x81, 201, 0, 7];
        bytes.extend(sender.to_be_bytes());
        bytes.extend([0x55; 24]);
        bytes.extend((index | ENCRYPTED).to_be_bytes());
        bytes.extend(vec![0x55; tag]);
        bytes
    }

    fn mark(sender: u32, index: u32, tag: usize) -> ReportMark {
        ReportMark::parse(&report(sender, index, tag)).unwrap()
    }

    #[test]
    fn a_report_is_placed_after_those_before_it_under_each_cipher() {
        for tag in [0, SHA1_TAG_BYTES] {
            let known = mark(1, 70, tag);
            assert_eq!(mark(1, 71, tag).distance_from(&known), Some(1));
            assert_eq!(mark(1, 170, tag).distance_from(&known), Some(100));
            assert_eq!(mark(1, 70, tag).distance_from(&known), None, "the same again");
            assert_eq!(mark(1, 69, tag).distance_from(&known), None, "an earlier one");
            assert_eq!(mark(1, 70 + 1_025, tag).distance_from(&known), None, "too far");
            assert_eq!(mark(2, 71, tag).distance_from(&known), None, "another sender");
        }
    }

    #[test]
    fn what_is_no_report_has_no_mark() {
        let whole = report(1, 70, 0);
        for length in 0..8 {
            assert_eq!(ReportMark::parse(&whole[..length]), None);
        }
        for length in 8..whole.len() {
            let cut = ReportMark::parse(&whole[..length]).unwrap();
            assert_eq!(cut.distance_from(&mark(1, 69, 0)), None, "{length} bytes");
        }
        let mut media = whole;
        media[1] = 96;
        assert_eq!(ReportMark::parse(&media), None);
    }
}
