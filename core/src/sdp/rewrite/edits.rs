//! Which lines of a text change, and how.

use super::candidate::Candidate;
use super::defaults::{Chosen, choose, media_line, uncovered};
use super::description::{Description, Section};
use super::destination::{Destination, Host, connection_host};
use super::error::{Place, RewriteError};
use super::lines::{Edit, join};
use super::section::Outcome;
use super::{Mdns, Rewriter};
use crate::portmap::Audience;

/// Addresses that a refusal names; beyond, it says how many more.
pub(super) const SEEN_MAX: usize = 16;

/// Rewrites a whole text.
pub(super) fn rewrite(rewriter: &Rewriter<'_>, text: &str) -> Result<String, RewriteError> {
    let description = Description::parse(text)?;
    if rewriter.audience == Audience::Lan {
        return Ok(text.to_owned());
    }
    let foundations = description.foundations();
    let outcome = |section: &Section<'_>| {
        let candidates: Vec<Candidate<'_>> =
            section.candidates.iter().map(|(_, candidate)| candidate.clone()).collect();
        rewriter.section(&candidates, &foundations)
    };
    let outcomes: Vec<Outcome> = description.sections.iter().map(outcome).collect();
    let mut edits = Edits { description: &description, edits: vec![None; description.lines.len()] };
    for (section, outcome) in description.sections.iter().zip(&outcomes) {
        for ((place, _), lines) in section.candidates.iter().zip(&outcome.lines) {
            edits.replace(*place, lines.clone());
        }
    }
    if rewriter.audience == Audience::Public {
        refuse_bare_sections(rewriter, &description, &outcomes)?;
        let defaults = choose(rewriter, &description, &outcomes)?;
        edits.destinations(rewriter, &outcomes, &defaults);
        edits.names_of_others(rewriter);
    }
    Ok(join(&description.lines, edits.edits, |line| rewriter.finished(line)))
}

/// A section that had candidates must have some, or share a transport with one that has.
fn refuse_bare_sections(
    rewriter: &Rewriter<'_>,
    description: &Description<'_>,
    outcomes: &[Outcome],
) -> Result<(), RewriteError> {
    let sections = || description.sections.iter().zip(outcomes).enumerate();
    for (index, (section, outcome)) in sections() {
        let lives = section.media.as_ref().filter(|media| media.port != 0);
        let Some(media) = lives.filter(|_| !section.candidates.is_empty()) else { continue };
        let carried = |(_, (other, told)): (usize, (&Section<'_>, &Outcome))| {
            !told.told.is_empty() && description.are_bundled(section, other)
        };
        if !outcome.told.is_empty() || description.is_fragment || sections().any(carried) {
            continue;
        }
        let place = match description.sections.len() {
            2 => Place::Sdp,
            _ => Place::MediaLine(index, media.kind.clone()),
        };
        let mut seen = outcome.lost.clone();
        if seen.len() > SEEN_MAX {
            let more = format!("{} more", seen.len() - SEEN_MAX);
            seen.truncate(SEEN_MAX);
            seen.push(more);
        }
        return Err(uncovered(rewriter, place, seen));
    }
    Ok(())
}

/// The edits of a text as they come together.
struct Edits<'d, 'a> {
    description: &'d Description<'a>,
    edits: Vec<Edit>,
}

impl Edits<'_, '_> {
    fn replace(&mut self, place: usize, lines: Vec<String>) {
        if let Some(edit) = self.edits.get_mut(place) {
            *edit = Some(lines);
        }
    }

    fn insert_behind(&mut self, place: usize, line: String) {
        let text = self.description.text(place);
        if let Some(edit) = self.edits.get_mut(place) {
            edit.get_or_insert_with(|| vec![text.to_owned()]).push(line);
        }
    }

    /// `m=`, `c=` and `a=rtcp`.
    fn destinations(
        &mut self,
        rewriter: &Rewriter<'_>,
        outcomes: &[Outcome],
        defaults: &[Option<Chosen>],
    ) {
        let description = self.description;
        let shared = self.session_connection(defaults);
        for ((section, default), outcome) in description.sections.iter().zip(defaults).zip(outcomes)
        {
            let (Some(default), Some(media)) = (default, &section.media) else { continue };
            let first = section.lines.start;
            if let Some(line) = media_line(description.text(first), media, default.is.port) {
                self.replace(first, vec![line]);
            }
            let connection = format!("c={}", default.is.connection());
            match section.connection {
                Some(place) if default.is.host != default.was.host => {
                    self.replace(place, vec![connection]);
                }
                None if shared.as_ref().is_some_and(|shared| *shared != default.is.host)
                    && media.port != 0 =>
                {
                    // RFC 8866 §5: behind the title, if there is one.
                    let titled = description.text(first + 1).starts_with("i=");
                    self.insert_behind(first + usize::from(titled), connection);
                }
                Some(_) | None => {}
            }
            let Some(place) = section.rtcp.filter(|_| media.port != 0) else { continue };
            let value = description.text(place).strip_prefix("a=rtcp:").unwrap_or_default();
            if let Some(value) = rewriter.rtcp(value, section, default, outcome) {
                self.replace(place, vec![format!("a=rtcp:{value}")]);
            }
        }
    }

    /// The `c=` before all m-lines becomes that of the first section that goes by it, and the
    /// address it has then is returned.
    fn session_connection(&mut self, defaults: &[Option<Chosen>]) -> Option<String> {
        let place = self.description.session_connection()?;
        let was = self.description.connection_host(place)?.shown();
        let sections = self.description.sections.iter().zip(defaults);
        let live = |section: &&Section<'_>| {
            section.connection.is_none() && section.media.as_ref().is_some_and(|m| m.port != 0)
        };
        let mut by_it = sections.filter(|(section, _)| live(section));
        let Some(first) = by_it.find_map(|(_, default)| default.as_ref()) else { return Some(was) };
        if first.is.host != was {
            self.replace(place, vec![format!("c={}", first.is.connection())]);
        }
        Some(first.is.host.clone())
    }

    /// Names and addresses that are not candidates of this side: `o=` and `a=remote-candidates`.
    /// Addresses in `o=` are masked as in every line.
    fn names_of_others(&mut self, rewriter: &Rewriter<'_>) {
        for place in 0..self.description.lines.len() {
            let text = self.description.text(place);
            if let Some(value) = text.strip_prefix("a=remote-candidates:") {
                if let Some(line) = remote_candidates(rewriter, value) {
                    self.replace(place, line.into_iter().collect());
                }
            } else if text.starts_with("o=") && rewriter.mdns() == Mdns::Drop {
                let Some((session, name)) = text.rsplit_once(" IN ") else { continue };
                if let Some(Host::Mdns(_)) = connection_host(&format!("IN {name}")) {
                    let none = Destination::none(name.starts_with("IP6")).connection();
                    self.replace(place, vec![format!("{session} {none}")]);
                }
            }
        }
    }
}

/// Leaves out each `component address port` (RFC 8839 §5.2) whose address is private: masked, it
/// would name a candidate that nobody has. `None`: nothing is to be left out.
fn remote_candidates(rewriter: &Rewriter<'_>, value: &str) -> Option<Option<String>> {
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    let hidden = |triple: &[&str]| match triple.get(1).map(|word| Host::parse(word)) {
        Some(Host::Ip(address)) => rewriter.privacy().hides(address),
        Some(Host::Mdns(_)) => rewriter.mdns() == Mdns::Drop,
        Some(Host::Name(_)) | None => false,
    };
    let shown: Vec<&[&str]> = words.chunks(3).filter(|triple| !hidden(triple)).collect();
    if shown.len() == words.chunks(3).count() {
        return None;
    }
    Some((!shown.is_empty()).then(|| format!("a=remote-candidates:{}", shown.concat().join(" "))))
}
