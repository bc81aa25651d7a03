//! Judges an answer by its offer: RFC 8829 (JSEP) §5.3, RFC 3264 §6, RFC 8843 (BUNDLE), RFC 6184 §8.2.2, and what
//! Pinhole promises beyond: one H.264 payload, sendonly, candidates and a stream id in the answer.

use std::collections::BTreeSet;

use crate::sdp::{Sdp, Section};

/// What an answer that has no fault says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Index of the video m-line.
    pub video: usize,
    /// Its mid.
    pub mid: String,
    /// The H.264 payload type.
    pub payload: String,
    /// Its retransmission payload type, if one was offered.
    pub rtx: Option<String>,
    /// What it announces.
    pub profile_level_id: u32,
    /// The addresses of its candidates.
    pub candidates: Vec<String>,
}

/// Faults found, each a sentence.
#[derive(Debug, Default)]
struct Faults(Vec<String>);

impl Faults {
    fn unless(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.0.push(fault());
        }
    }
}

/// Checks an answer to an offer of something that receives video. `level` is the stream's `level_idc`.
///
/// # Errors
/// All faults found, a line each.
pub fn check(offer: &str, answer: &str, level: u8) -> Result<Answered, String> {
    let mut faults = Faults::default();
    check_text(&mut faults, answer);
    let offer = Sdp::parse(offer)?;
    let answer = Sdp::parse(answer)?;
    check_lines(&mut faults, &offer, &answer);
    let accepted: Vec<usize> = indices(&answer, |section| section.port != 0);
    let [video] = accepted[..] else {
        faults.0.push(format!("{} m-lines are accepted, not one", accepted.len()));
        return Err(faults.0.join("\n"));
    };
    check_bundle(&mut faults, &offer, &answer, video);
    let (asked, given) = (&offer.sections[video], &answer.sections[video]);
    check_transport(&mut faults, &offer, asked, &answer, given);
    check_media(&mut faults, asked, given);
    let candidates = check_candidates(&mut faults, given);
    let codec = check_codec(&mut faults, asked, given, level);
    let mid = given.attribute("mid").unwrap_or_default().to_owned();
    match codec {
        Some((payload, rtx, profile_level_id)) if faults.0.is_empty() => {
            Ok(Answered { video, mid, payload, rtx, profile_level_id, candidates })
        }
        _ => Err(faults.0.join("\n")),
    }
}

/// Line ends and the order of the first lines (RFC 8866 §5).
fn check_text(faults: &mut Faults, answer: &str) {
    faults.unless(answer.ends_with("\r\n"), || "the answer does not end with CRLF".to_owned());
    let bare = answer.replace("\r\n", "");
    faults.unless(!bare.contains(['\r', '\n']), || "a line does not end with CRLF".to_owned());
    let first: String = answer.lines().take(4).filter_map(|line| line.chars().next()).collect();
    faults.unless(first == "vost", || format!("the answer begins with the lines {first:?}"));
    let origin = answer.lines().nth(1).unwrap_or_default();
    faults.unless(origin.split(' ').count() == 6, || format!("{origin:?} has not six fields"));
}

/// The same m-lines in the same order; what was rejected or is not used is rejected.
fn check_lines(faults: &mut Faults, offer: &Sdp<'_>, answer: &Sdp<'_>) {
    let (asked, given) = (offer.sections.len(), answer.sections.len());
    faults.unless(asked == given, || format!("{asked} m-lines offered, {given} answered"));
    for (index, (asked, given)) in offer.sections.iter().zip(&answer.sections).enumerate() {
        let same = (asked.kind, asked.protocol) == (given.kind, given.protocol);
        faults.unless(same, || format!("m-line {index} is of another kind: {given:?}"));
        let formats = given.formats.iter().all(|format| asked.formats.contains(format));
        faults.unless(formats && !given.formats.is_empty(), || {
            format!("m-line {index} answers formats {:?} that nobody offered", given.formats)
        });
        let mids = (asked.attribute("mid"), given.attribute("mid"));
        faults.unless(mids.0 == mids.1, || format!("m-line {index} has another mid: {mids:?}"));
        let dead = asked.port == 0 && asked.attribute("bundle-only").is_none();
        faults.unless(!dead || given.port == 0, || format!("m-line {index} was rejected by offer"));
        faults.unless(given.kind == "video" || given.port == 0, || {
            format!("m-line {index} is accepted, though it is {}", given.kind)
        });
    }
}

/// The group holds accepted mids only, and only if a group was offered.
fn check_bundle(faults: &mut Faults, offer: &Sdp<'_>, answer: &Sdp<'_>, video: usize) {
    let mid = answer.sections[video].attribute("mid").unwrap_or_default();
    let offered = offer.bundle().filter(|mids| mids.contains(&mid));
    let expected = offered.map(|_| vec![mid]);
    let given = answer.bundle();
    let fits =
        given == expected || (expected.is_none() && given.as_ref().is_some_and(Vec::is_empty));
    faults.unless(fits, || format!("BUNDLE is {given:?} instead of {expected:?}"));
}

/// ICE, DTLS and multiplexing.
fn check_transport<'a>(
    faults: &mut Faults,
    offer: &Sdp<'a>,
    asked: &Section<'a>,
    answer: &Sdp<'a>,
    given: &Section<'a>,
) {
    let says = |name| answer.effective(given, name).unwrap_or_default();
    let setup = match offer.effective(asked, "setup") {
        Some("passive") => "active",
        _ => "passive",
    };
    faults.unless(says("setup") == setup, || format!("setup is {:?}", says("setup")));
    let (ufrag, pwd) = (says("ice-ufrag"), says("ice-pwd"));
    faults.unless((4..=256).contains(&ufrag.len()), || format!("ice-ufrag {ufrag:?}"));
    faults.unless((22..=256).contains(&pwd.len()), || "ice-pwd is short or long".to_owned());
    let fingerprint = says("fingerprint");
    faults.unless(fingerprint.starts_with("sha-256 "), || format!("fingerprint {fingerprint:?}"));
    for flag in ["rtcp-mux", "rtcp-rsize"] {
        let (asked, given) = (asked.attribute(flag).is_some(), given.attribute(flag).is_some());
        faults.unless(asked || !given, || format!("{flag} was not offered"));
    }
    faults.unless(given.attribute("rtcp-mux").is_some(), || "no rtcp-mux".to_owned());
    let connection = given.lines.iter().any(|(kind, _)| *kind == 'c');
    faults.unless(connection || answer.session.iter().any(|l| l.0 == 'c'), || "no c=".to_owned());
}

/// Direction, extensions, feedback, and the source's description.
fn check_media(faults: &mut Faults, asked: &Section<'_>, given: &Section<'_>) {
    let expected =
        if matches!(asked.direction(), "recvonly" | "sendrecv") { "sendonly" } else { "inactive" };
    let direction = given.direction();
    faults.unless(direction == expected, || format!("direction {direction}, not {expected}"));
    let offered: BTreeSet<(&str, &str)> =
        asked.attributes("extmap").filter_map(extension).collect();
    for value in given.attributes("extmap") {
        let known = extension(value).is_some_and(|extension| offered.contains(&extension));
        faults.unless(known, || format!("extmap {value:?} was not offered"));
    }
    let feedback: Vec<&str> = asked.attributes("rtcp-fb").collect();
    for value in given.attributes("rtcp-fb") {
        let wildcard = value.split_once(' ').map(|(_, what)| format!("* {what}"));
        let known = feedback.contains(&value)
            || wildcard.is_some_and(|wildcard| feedback.contains(&wildcard.as_str()));
        faults.unless(known, || format!("rtcp-fb {value:?} was not offered"));
    }
    let stream = given.attribute("msid").unwrap_or_default().split(' ').next().unwrap_or_default();
    let named = !stream.is_empty() && stream != "-";
    faults.unless(named, || "no a=msid with a stream id".to_owned());
    let cname = given.attributes("ssrc").any(|ssrc| ssrc.contains(" cname:"));
    faults.unless(cname, || "no a=ssrc with a cname".to_owned());
}

/// The id and URI of an extmap, without the direction.
fn extension(value: &str) -> Option<(&str, &str)> {
    let mut words = value.split(' ');
    let id = words.next()?.split('/').next()?;
    Some((id, words.next()?))
}

/// At least one candidate, each with an address that a viewer can use.
fn check_candidates(faults: &mut Faults, given: &Section<'_>) -> Vec<String> {
    let mut addresses = Vec::new();
    for value in given.attributes("candidate") {
        let words: Vec<&str> = value.split(' ').collect();
        let address = words.get(4).and_then(|word| word.parse::<std::net::IpAddr>().ok());
        let port = words.get(5).and_then(|word| word.parse::<u16>().ok()).filter(|port| *port != 0);
        let shape = words.len() >= 8 && words[1] == "1" && words[6] == "typ";
        match (address, port) {
            (Some(address), Some(port)) if shape => addresses.push(format!("{address}:{port}")),
            _ => faults.0.push(format!("candidate {value:?} is no good")),
        }
    }
    faults.unless(!addresses.is_empty(), || "the answer has no candidates".to_owned());
    addresses
}

/// One H.264 payload that was offered with mode 1 and the same profile, at a level that holds the stream.
fn check_codec(
    faults: &mut Faults,
    asked: &Section<'_>,
    given: &Section<'_>,
    level: u8,
) -> Option<(String, Option<String>, u32)> {
    let payloads = given.payloads_of("H264/90000");
    let [payload] = payloads[..] else {
        faults.0.push(format!("H.264 payloads {payloads:?}, not one"));
        return None;
    };
    for (which, section) in [("offer", asked), ("answer", given)] {
        let mode = section.parameter(payload, "packetization-mode");
        faults.unless(mode == Some("1"), || format!("mode {mode:?} of {payload} in the {which}"));
    }
    let id = |section: &Section<'_>| {
        let text = section.parameter(payload, "profile-level-id").unwrap_or("42000a");
        u32::from_str_radix(text, 16).ok()
    };
    let (offered, answered) = (id(asked)?, id(given)?);
    faults.unless(profile(offered) == profile(answered), || {
        format!("profile {answered:06x} answers {offered:06x}")
    });
    let announced = (answered & 0xff) as u8;
    faults.unless(announced >= level, || format!("level {announced}, the stream has {level}"));
    let rtx_of = |section: &Section<'_>| -> Vec<String> {
        let all = section.payloads_of("rtx/90000").into_iter();
        let ours = all.filter(|rtx| section.parameter(rtx, "apt") == Some(payload));
        ours.map(str::to_owned).collect()
    };
    let (offered, answered_rtx) = (rtx_of(asked), rtx_of(given));
    faults.unless(offered == answered_rtx, || format!("rtx {answered_rtx:?} answers {offered:?}"));
    let others = given.formats.len() - 1 - answered_rtx.len().min(given.formats.len() - 1);
    faults.unless(others == 0, || format!("formats {:?} hold more than one codec", given.formats));
    let repair = format!("{payload} nack");
    let asked_repair = asked.attributes("rtcp-fb").any(|value| value == repair);
    let given_repair = given.attributes("rtcp-fb").any(|value| value == repair);
    faults.unless(asked_repair == given_repair, || format!("nack: {asked_repair} {given_repair}"));
    Some((payload.to_owned(), answered_rtx.into_iter().next(), answered))
}

/// The profile that a profile-level-id names (RFC 6184 table 5, the rows that browsers use).
fn profile(id: u32) -> (&'static str, u32) {
    let (idc, constraints) = (id >> 16, (id >> 8) & 0xff);
    match (idc, constraints) {
        (0x42, bits) if bits & 0x4f == 0x40 => ("constrained baseline", 0),
        (0x4d, bits) if bits & 0x8f == 0x80 => ("constrained baseline", 0),
        (0x58, bits) if bits & 0xcf == 0xc0 => ("constrained baseline", 0),
        (0x42, _) => ("baseline", 0),
        (0x4d, _) => ("main", 0),
        (0x64, bits) if bits & 0x0c == 0x0c => ("constrained high", 0),
        (0x64, _) => ("high", 0),
        other => ("other", (other.0 << 8) | other.1),
    }
}

fn indices(sdp: &Sdp<'_>, is: impl Fn(&Section<'_>) -> bool) -> Vec<usize> {
    let all = sdp.sections.iter().enumerate();
    all.filter(|(_, section)| is(section)).map(|(index, _)| index).collect()
}
