//! SDP of any stack, rewritten by a map.

use pinhole_core::portmap::{Audience, Entry, PortMap};
use pinhole_core::sdp::rewrite::Rewriter;

use crate::leaks::private_addresses;
use crate::rewriting::rewritten;

/// Longer texts are cut: the scanner for private addresses tries every piece of them.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Entries of the map that is read; the rest of the first line is ignored.
const MAP_BYTES_MAX: usize = 256;

/// A port map on the first line and SDP on the others: refused, or rewritten so that all promises hold, for each
/// audience. The last line is trickled too.
pub fn rewrite(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (map, sdp) = text.split_once('\n').unwrap_or(("", text));
    if map.len() > MAP_BYTES_MAX || sdp.len() > TEXT_BYTES_MAX {
        return;
    }
    let map = PortMap::parse([map]).unwrap_or_default();
    for audience in [Audience::Lan, Audience::Both, Audience::Public] {
        match rewritten(sdp, &map, audience) {
            Ok(_) => {}
            Err(error) => assert!(error.to_string().len() < TEXT_BYTES_MAX + 1024, "{error}"),
        }
    }
    let outside: Vec<_> = map.entries().iter().map(Entry::host).collect();
    let last = sdp.lines().last().unwrap_or_default();
    if let Ok(candidates) = Rewriter::new(&map, Audience::Public).rewrite_candidate(last) {
        for candidate in candidates {
            let leaks = private_addresses(&candidate, &outside);
            assert!(leaks.is_empty(), "{leaks:?} of {last:?}");
        }
    }
}
