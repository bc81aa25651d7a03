//! Candidate lines of an answer.

use crate::gather::LocalCandidate;

pub(super) fn candidate_lines(candidates: &[LocalCandidate]) -> Vec<String> {
    let line = |(index, candidate): (usize, &LocalCandidate)| {
        let priority = 2_130_706_431 - index as u32 * 256;
        let (ip, port) = (candidate.address.ip(), candidate.address.port());
        format!("candidate:{} 1 udp {priority} {ip} {port} typ host", index + 1)
    };
    candidates.iter().enumerate().map(line).collect()
}
