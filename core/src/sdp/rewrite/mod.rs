//! SDP of any stack, its addresses rewritten by the [port map](crate::portmap) for an
//! [`Audience`].
//!
//! What people do with regular expressions, done on values. A host candidate on a mapped address
//! becomes the server-reflexive candidate of each outside address, port and all; what names an
//! address otherwise (`c=` and the port of `m=`, `a=rtcp`, `raddr`, `o=`, `a=remote-candidates`)
//! follows. RFC 8839 is the form of it all, RFC 6544 that of candidates over TCP, RFC 8840 that of
//! fragments.
//!
//! What becomes of it, for [`Audience::Public`]:
//!
//! - A host candidate that the map covers is replaced in place by one server-reflexive candidate
//!   for each outside address. One that is private and not covered goes. One on a public address
//!   stays. Active TCP candidates are not mapped: their port stands for nothing.
//! - Server-reflexive and relayed candidates that the other stack found stay, unless they are
//!   private themselves; a private `raddr` becomes `0.0.0.0` or `::`, `rport` 9. Repetitions go.
//! - The default destination stays if it is a candidate that stays, becomes the first outside
//!   address of the candidate that it was, or else the candidate that most surely works.
//!   `0.0.0.0` with port 9 says that there is none yet (RFC 8840), and stays.
//! - In every other line, whether known or not, an address that is private ([`is_private`]) is
//!   masked by `0.0.0.0` or `::`: in names, URIs, `cname`s, attributes to come. All else stays byte
//!   for byte, line ends too.
//!
//! [`Audience::Both`] keeps every line and adds the mapped candidates behind their hosts, ranked
//! below them; the default destination stays what it was, a LAN address. For [`Audience::Lan`]
//! nothing changes. In all three, a second rewriting changes nothing more.
//!
//! `sdp-types` is the judge of whether a text is SDP. It does not write it: what it writes has its
//! lines sorted and its line ends and spellings changed, and here what is not understood must
//! survive. So the lines themselves are edited, each that is rewritten through a value.
//!
//! Left out: foundations that another stack made stay with the candidates that do, though some
//! stacks derive them from the private address.

mod candidate;
mod defaults;
mod description;
mod destination;
mod edits;
mod error;
mod lines;
mod mask;
mod privacy;
mod section;

pub use error::{Covered, Place, RewriteError};
pub use privacy::is_private;

use crate::portmap::{Audience, PortMap};
use candidate::Candidate;
use privacy::Privacy;

/// Candidates of one text; more are refused with [`RewriteError::TooManyCandidates`].
pub const CANDIDATES_MAX: usize = 1024;

/// What becomes of candidates whose address is a name that multicast DNS resolves (`….local`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mdns {
    /// They stay.
    Keep,
    /// They go. Viewers outside cannot resolve them, and trying makes some browsers ask their user
    /// for permission to use the local network.
    Drop,
}

/// Rewrites texts by one map for one audience.
///
/// ```
/// use pinhole_core::portmap::{Audience, PortMap};
/// use pinhole_core::sdp::rewrite::Rewriter;
/// let map = PortMap::parse(["5000/udp=203.0.113.10:30000"])?;
/// let answer = "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\nt=0 0\r\n\
///     m=video 5000 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 10.0.0.5\r\n\
///     a=candidate:1 1 udp 2130706431 10.0.0.5 5000 typ host\r\n";
/// let rewritten = Rewriter::new(&map, Audience::Public).rewrite(answer)?;
/// assert!(rewritten.contains("m=video 30000 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 203.0.113.10\r\n"));
/// assert!(rewritten.contains(" 203.0.113.10 30000 typ srflx raddr 0.0.0.0 rport 9\r\n"));
/// assert!(!rewritten.contains("10.0.0.5"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Rewriter<'a> {
    map: &'a PortMap,
    audience: Audience,
    mdns: Mdns,
}

impl<'a> Rewriter<'a> {
    /// A rewriter that drops mDNS candidates for [`Audience::Public`].
    pub fn new(map: &'a PortMap, audience: Audience) -> Rewriter<'a> {
        Rewriter { map, audience, mdns: Mdns::Drop }
    }

    /// Says what becomes of mDNS candidates for [`Audience::Public`]; the others, who can resolve
    /// them, keep them.
    #[must_use]
    pub fn with_mdns(self, mdns: Mdns) -> Rewriter<'a> {
        Rewriter { mdns, ..self }
    }

    /// Rewrites an offer, an answer, or a fragment for trickling (RFC 8840).
    ///
    /// # Errors
    /// The text is no SDP, or has a line that claims to be a candidate and is none. For a public
    /// audience: an m-line that had candidates, or a plain address, would be left without any that
    /// can be reached, and no m-line of its BUNDLE group has one. A fragment may be left without
    /// candidates: others may come.
    pub fn rewrite(&self, sdp: &str) -> Result<String, RewriteError> {
        edits::rewrite(self, sdp)
    }

    /// Rewrites one candidate as it is trickled, `candidate:…` with or without `a=`, into those
    /// that take its place: none if it is not for the audience. The end-of-candidates marker,
    /// which may be empty, stays.
    ///
    /// # Errors
    /// [`RewriteError::Candidate`]: it is none.
    pub fn rewrite_candidate(&self, text: &str) -> Result<Vec<String>, RewriteError> {
        let line = text.trim_end_matches(['\r', '\n']);
        if ["", "end-of-candidates", "a=end-of-candidates"].contains(&line) {
            return Ok(vec![line.to_owned()]);
        }
        let broken = |what| RewriteError::Candidate { line: 1, text: line.to_owned(), what };
        if line.contains(['\r', '\n', '\0']) {
            return Err(broken("it has more than one line"));
        }
        let candidate = Candidate::parse(line).map_err(broken)?;
        if self.audience == Audience::Lan {
            return Ok(vec![line.to_owned()]);
        }
        let outcome = self.section(&[candidate], &Default::default());
        let lines = outcome.lines.into_iter().flatten();
        Ok(lines.filter_map(|line| self.finished(&line)).collect())
    }

    /// A line as it leaves: nothing private in it for a public audience, or no line at all.
    fn finished(&self, line: &str) -> Option<String> {
        match self.audience {
            Audience::Public => mask::mask_line(line, |address| self.privacy().hides(address)),
            Audience::Lan | Audience::Both => Some(line.to_owned()),
        }
    }

    fn mdns(&self) -> Mdns {
        match self.audience {
            Audience::Public => self.mdns,
            Audience::Lan | Audience::Both => Mdns::Keep,
        }
    }

    fn privacy(&self) -> Privacy<'a> {
        Privacy::new(self.map)
    }
}

#[cfg(test)]
mod tests;
