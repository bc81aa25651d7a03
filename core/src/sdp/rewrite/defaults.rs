//! The default destination of each section: what its `c=`, the port of its `m=` and its `a=rtcp`
//! come to say (RFC 8839 §4.2.1).

use std::collections::BTreeMap;

use super::Mdns;
use super::Rewriter;
use super::description::{Description, MediaLine, Section};
use super::destination::{Destination, connection_host};
use super::error::{Covered, Place, RewriteError};
use super::section::{Outcome, RTCP, RTP};
use crate::portmap::Protocol;

/// What a section's default destination was and is.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) was: Destination,
    pub(super) is: Destination,
}

/// Chooses for each section; `None` where it has none, nor had.
pub(super) fn choose(
    rewriter: &Rewriter<'_>,
    description: &Description<'_>,
    outcomes: &[Outcome],
) -> Result<Vec<Option<Chosen>>, RewriteError> {
    let mut chosen = vec![None; description.sections.len()];
    let mut known = BTreeMap::new();
    // Sections that share a transport by BUNDLE may have the candidates in one of them only, and
    // its destination in all.
    for with_candidates in [true, false] {
        for (index, section) in description.sections.iter().enumerate() {
            let has_candidates = !section.candidates.is_empty();
            let (Some(was), Some(media)) = (description.destination(section), &section.media)
            else {
                continue;
            };
            if has_candidates != with_candidates {
                continue;
            }
            let is = if media.port == 0 {
                rewriter.rejected(&was)
            } else if let Some(outcome) = outcomes.get(index).filter(|_| has_candidates) {
                let is = rewriter.of_candidates(&was, RTP, media.protocol, outcome);
                is.unwrap_or_else(|| Destination::none(was.is_v6()))
            } else if let Some(is) = known.get(&was) {
                Destination::clone(is)
            } else {
                let uses_ice = description.uses_ice(section);
                rewriter.plain(&was, media.protocol, uses_ice).ok_or_else(|| {
                    let seen = vec![format!("{}:{}", was.host, was.port)];
                    uncovered(rewriter, Place::MediaLine(index, media.kind.clone()), seen)
                })?
            };
            known.insert(was.clone(), is.clone());
            if let Some(place) = chosen.get_mut(index) {
                *place = Some(Chosen { was, is });
            }
        }
    }
    Ok(chosen)
}

/// The refusal where nothing would be left.
pub(super) fn uncovered(rewriter: &Rewriter<'_>, place: Place, seen: Vec<String>) -> RewriteError {
    RewriteError::Uncovered { place, seen, covered: Covered::by(rewriter.map) }
}

impl Rewriter<'_> {
    /// What `a=rtcp` comes to say, RFC 3605: its value, or `None` if it stays.
    pub(super) fn rtcp(
        &self,
        value: &str,
        section: &Section<'_>,
        default: &Chosen,
        outcome: &Outcome,
    ) -> Option<String> {
        let (port, address) = value.split_once(' ').unwrap_or((value, ""));
        let port: u16 = port.parse().ok()?;
        let host = match address {
            "" => default.was.host(),
            address => connection_host(address)?,
        };
        let was = Destination::new(host, port);
        let is = if was.is_unspecified() {
            was.clone()
        } else if was == default.was {
            default.is.clone()
        } else if section.candidates.is_empty() {
            self.plain(&was, Protocol::Udp, true)?
        } else if outcome.tells(RTP, &was) {
            was.clone()
        } else {
            let of_rtcp = self.of_candidates(&was, RTCP, Protocol::Udp, outcome);
            of_rtcp.unwrap_or_else(|| Destination::none(was.is_v6()))
        };
        let implied = address.is_empty() && is.host == default.is.host;
        Some(match implied {
            true => is.port.to_string(),
            false => format!("{} {}", is.port, is.connection()),
        })
    }

    fn is_hidden(&self, destination: &Destination) -> bool {
        destination.is_hidden(self.privacy(), self.mdns() == Mdns::Drop)
    }

    /// Port 0 rejects a section (RFC 3264 §6) or leaves it to another one.
    fn rejected(&self, was: &Destination) -> Destination {
        match self.is_hidden(was) {
            true => Destination { port: was.port, ..Destination::none(was.is_v6()) },
            false => was.clone(),
        }
    }

    /// The destination of a section with candidates: one of them.
    fn of_candidates(
        &self,
        was: &Destination,
        component: u16,
        protocol: Protocol,
        outcome: &Outcome,
    ) -> Option<Destination> {
        if was.is_unspecified() || outcome.tells(component, was) {
            return Some(was.clone());
        }
        let outside = self.outside(was, protocol).filter(|is| outcome.tells(component, is));
        outside.or_else(|| outcome.best(component, protocol).cloned())
    }

    /// The destination of a section without candidates; `None` if it is private and not covered,
    /// and no candidate will ever say more.
    fn plain(&self, was: &Destination, protocol: Protocol, uses_ice: bool) -> Option<Destination> {
        let none = Destination::none(was.is_v6());
        let hidden = self.is_hidden(was);
        if was.port == none.port {
            return Some(if hidden { none } else { was.clone() });
        }
        match self.outside(was, protocol) {
            Some(outside) => Some(outside),
            None if !hidden => Some(was.clone()),
            None => uses_ice.then_some(none),
        }
    }

    /// The first outside address of a local one.
    fn outside(&self, was: &Destination, protocol: Protocol) -> Option<Destination> {
        let base = std::net::SocketAddr::new(was.host().ip()?, was.port);
        let outside = self.outside_of(protocol, base);
        let is = if outside.contains(&base) { &base } else { outside.first()? };
        Some(Destination { host: is.ip().to_string(), port: is.port() })
    }
}

/// The m-line with another port; a number of ports behind it stays.
pub(super) fn media_line(text: &str, media: &MediaLine, port: u16) -> Option<String> {
    if media.port == port {
        return None;
    }
    let mut words: Vec<&str> = text.splitn(4, ' ').collect();
    let written = words.get_mut(1)?;
    let count = written.find('/').and_then(|at| written.get(at..)).unwrap_or_default();
    let port = format!("{port}{count}");
    *written = &port;
    Some(words.join(" "))
}
