//! A text as sections: what of it is known here, and where it stands.

use std::collections::BTreeSet;
use std::ops::Range;

use sdp_types::Session;

use super::CANDIDATES_MAX;
use super::candidate::Candidate;
use super::destination::{Destination, Host, connection_host};
use super::error::RewriteError;
use super::lines::{Line, split};
use crate::portmap::Protocol;

/// An offer, an answer, or a fragment of one.
#[derive(Debug)]
pub(super) struct Description<'a> {
    pub(super) lines: Vec<Line<'a>>,
    /// What stands before the first m-line, then the m-lines with what follows each.
    pub(super) sections: Vec<Section<'a>>,
    /// Without a `v=` at its beginning: RFC 8840 §9.
    pub(super) is_fragment: bool,
    /// The mids of each BUNDLE group, RFC 8843.
    bundles: Vec<Vec<&'a str>>,
}

/// A section; places are indices into the lines of the whole text.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) lines: Range<usize>,
    /// `None` for what stands before the first m-line.
    pub(super) media: Option<MediaLine>,
    pub(super) candidates: Vec<(usize, Candidate<'a>)>,
    /// The first `c=`.
    pub(super) connection: Option<usize>,
    pub(super) rtcp: Option<usize>,
    mid: Option<&'a str>,
    /// Whether it has ICE credentials.
    has_ice: bool,
}

/// What an m-line says.
#[derive(Debug)]
pub(super) struct MediaLine {
    pub(super) kind: String,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
}

impl<'a> Description<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Description<'a>, RewriteError> {
        let not_sdp = |what: String| RewriteError::NotSdp { what };
        if text.trim_start().starts_with('{') {
            return Err(RewriteError::Json);
        }
        if text.trim().is_empty() {
            return Err(not_sdp("it is empty".to_owned()));
        }
        let is_fragment = !text.starts_with("v=");
        let session = if is_fragment {
            let whole = Session::parse(format!("v=0\n{text}").as_bytes());
            whole.map_err(|error| not_sdp(format!("{error}, counted from a v=0 before it")))?
        } else {
            Session::parse(text.as_bytes()).map_err(|error| not_sdp(error.to_string()))?
        };
        let lines = split(text);
        let sections = sections(&lines, session)?;
        let first = sections.first().map(|section| section.lines.clone()).unwrap_or_default();
        let groups = lines.get(first).unwrap_or_default().iter();
        let groups = groups.filter_map(|line| line.text.strip_prefix("a=group:BUNDLE"));
        let bundles = groups.map(|mids| mids.split_ascii_whitespace().collect()).collect();
        Ok(Description { lines, sections, is_fragment, bundles })
    }

    /// The foundations of all candidates.
    pub(super) fn foundations(&self) -> BTreeSet<&'a str> {
        let all = self.sections.iter().flat_map(|section| &section.candidates);
        all.map(|(_, candidate)| candidate.foundation()).collect()
    }

    /// Whether two sections share a transport, by a BUNDLE group.
    pub(super) fn are_bundled(&self, one: &Section<'_>, other: &Section<'_>) -> bool {
        let (Some(one), Some(other)) = (one.mid, other.mid) else { return false };
        self.bundles.iter().any(|mids| mids.contains(&one) && mids.contains(&other))
    }

    pub(super) fn text(&self, line: usize) -> &'a str {
        self.lines.get(line).map_or("", |line| line.text)
    }

    /// The place of the `c=` that holds before all m-lines.
    pub(super) fn session_connection(&self) -> Option<usize> {
        self.sections.first()?.connection
    }

    /// The default destination of a section.
    pub(super) fn destination(&self, section: &Section<'_>) -> Option<Destination> {
        let port = section.media.as_ref()?.port;
        let connection = section.connection.or(self.session_connection())?;
        Some(Destination::new(self.connection_host(connection)?, port))
    }

    pub(super) fn connection_host(&self, line: usize) -> Option<Host<'a>> {
        connection_host(self.text(line).strip_prefix("c=")?)
    }

    /// Whether a section uses ICE, though it may have no candidates yet.
    pub(super) fn uses_ice(&self, section: &Section<'_>) -> bool {
        let session = self.sections.first().is_some_and(|session| session.has_ice);
        session || section.has_ice || !section.candidates.is_empty()
    }
}

fn sections<'a>(lines: &[Line<'a>], session: Session) -> Result<Vec<Section<'a>>, RewriteError> {
    let starts = lines.iter().enumerate().filter(|(_, line)| line.text.starts_with("m="));
    let starts: Vec<usize> = starts.map(|(place, _)| place).collect();
    let ends = starts.iter().copied().chain([lines.len()]);
    let ranges = [0].into_iter().chain(starts.iter().copied()).zip(ends);
    let medias = session.medias.into_iter().map(|media| MediaLine {
        kind: media.media,
        port: media.port,
        protocol: if media.proto.starts_with("TCP") { Protocol::Tcp } else { Protocol::Udp },
    });
    let medias = [None].into_iter().chain(medias.map(Some));
    let mut all = Vec::new();
    let mut candidates = 0;
    for ((start, end), media) in ranges.zip(medias) {
        let section = section(lines, start..end, media)?;
        candidates += section.candidates.len();
        if candidates > CANDIDATES_MAX {
            return Err(RewriteError::TooManyCandidates);
        }
        all.push(section);
    }
    Ok(all)
}

fn section<'a>(
    lines: &[Line<'a>],
    range: Range<usize>,
    media: Option<MediaLine>,
) -> Result<Section<'a>, RewriteError> {
    let (mut candidates, mut mid, mut has_ice) = (Vec::new(), None, false);
    let (mut connection, mut rtcp) = (None, None);
    for place in range.clone() {
        let Some(&Line { text, .. }) = lines.get(place) else { continue };
        if Candidate::is_one(text) {
            let candidate = Candidate::parse(text).map_err(|what| RewriteError::Candidate {
                line: place + 1,
                text: text.to_owned(),
                what,
            })?;
            candidates.push((place, candidate));
        } else if text.starts_with("c=") {
            connection.get_or_insert(place);
        } else if text.starts_with("a=rtcp:") {
            rtcp.get_or_insert(place);
        } else if let Some(value) = text.strip_prefix("a=mid:") {
            mid.get_or_insert(value.trim());
        } else if text.starts_with("a=ice-ufrag:") {
            has_ice = true;
        }
    }
    Ok(Section { lines: range, media, candidates, connection, rtcp, mid, has_ice })
}
