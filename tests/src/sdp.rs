//! A small reader of SDP (RFC 8866), by lines: the harness judges texts with its own eyes.

/// A description: session lines and sections, borrowed from its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sdp<'a> {
    /// Lines before the first m-line: type and value.
    pub session: Vec<(char, &'a str)>,
    /// The m-lines, each with the lines that follow it.
    pub sections: Vec<Section<'a>>,
}

/// An m-line and its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<'a> {
    /// `audio`, `video`, `application`.
    pub kind: &'a str,
    /// The port; 0 rejects, or stands for bundle-only.
    pub port: u16,
    /// The protocol: `UDP/TLS/RTP/SAVPF`, say.
    pub protocol: &'a str,
    /// Payload types, or `webrtc-datachannel`.
    pub formats: Vec<&'a str>,
    /// All further lines: type and value.
    pub lines: Vec<(char, &'a str)>,
}

impl<'a> Sdp<'a> {
    /// Reads a text with CRLF or LF.
    ///
    /// # Errors
    /// The first line that is none, in words.
    pub fn parse(text: &'a str) -> Result<Sdp<'a>, String> {
        let mut sdp = Sdp { session: Vec::new(), sections: Vec::new() };
        for line in text.lines() {
            let (kind, value) =
                line.split_once('=').ok_or_else(|| format!("no '=' in {line:?}"))?;
            let mut letters = kind.chars();
            let (Some(kind), None) = (letters.next(), letters.next()) else {
                return Err(format!("the type is not one letter in {line:?}"));
            };
            if kind == 'm' {
                sdp.sections.push(Section::parse(value)?);
            } else if let Some(section) = sdp.sections.last_mut() {
                section.lines.push((kind, value));
            } else {
                sdp.session.push((kind, value));
            }
        }
        Ok(sdp)
    }

    /// The value of a session attribute: `group` of `a=group:BUNDLE 0`.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        attributes(&self.session, name).next()
    }

    /// The mids of the BUNDLE group, if there is one.
    pub fn bundle(&self) -> Option<Vec<&'a str>> {
        attributes(&self.session, "group")
            .find_map(|group| group.strip_prefix("BUNDLE"))
            .map(|mids| mids.split_whitespace().collect())
    }

    /// What holds for a section: its own attribute, or the session's.
    pub fn effective(&self, section: &Section<'a>, name: &str) -> Option<&'a str> {
        section.attribute(name).or_else(|| self.attribute(name))
    }
}

impl<'a> Section<'a> {
    fn parse(value: &'a str) -> Result<Section<'a>, String> {
        let mut words = value.split(' ');
        let mut word = || words.next().ok_or_else(|| format!("the m-line {value:?} is too short"));
        let (kind, port, protocol) = (word()?, word()?, word()?);
        let port = port.parse().map_err(|_| format!("the port of m={value:?} is no number"))?;
        Ok(Section { kind, port, protocol, formats: words.collect(), lines: Vec::new() })
    }

    /// The first value of an attribute; an empty text for a flag.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes(name).next()
    }

    /// All values of an attribute.
    pub fn attributes<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a str> + 's {
        attributes(&self.lines, name)
    }

    /// The value of `a=NAME:PAYLOAD value`, as of `rtpmap` and `fmtp`.
    pub fn of_payload(&self, name: &str, payload: &str) -> Option<&'a str> {
        self.attributes(name).find_map(|value| {
            let (head, rest) = value.split_once(' ')?;
            (head == payload).then_some(rest)
        })
    }

    /// A parameter of a payload's fmtp: `packetization-mode`, say.
    pub fn parameter(&self, payload: &str, name: &str) -> Option<&'a str> {
        self.of_payload("fmtp", payload)?.split(';').find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Payload types of an encoding, `H264/90000`.
    pub fn payloads_of(&self, encoding: &str) -> Vec<&'a str> {
        let is = |payload: &&&str| {
            self.of_payload("rtpmap", payload).is_some_and(|map| map.eq_ignore_ascii_case(encoding))
        };
        self.formats.iter().filter(is).copied().collect()
    }

    /// The direction, `sendrecv` if none is written (RFC 8866 §6.7).
    pub fn direction(&self) -> &'static str {
        ["sendonly", "recvonly", "inactive"]
            .into_iter()
            .find(|direction| self.attribute(direction).is_some())
            .unwrap_or("sendrecv")
    }
}

fn attributes<'s, 'a: 's>(
    lines: &'s [(char, &'a str)],
    name: &'s str,
) -> impl Iterator<Item = &'a str> + 's {
    lines.iter().filter(|(kind, _)| *kind == 'a').filter_map(move |(_, value)| {
        let rest = value.strip_prefix(name)?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix(':') }
    })
}
