//! `application/trickle-ice-sdpfrag`, RFC 8840 §9: candidates after the offer, and ICE restarts over
//! WHEP's PATCH.

use str0m::IceCreds;

/// What a fragment says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fragment {
    pub(crate) credentials: Option<(String, String)>,
    pub(crate) candidates: Vec<String>,
}

/// Reads a fragment; the error says what is wrong.
pub(crate) fn parse_fragment(text: &str) -> Result<Fragment, String> {
    let mut fragment = Fragment::default();
    let (mut ufrag, mut password) = (None, None);
    for (index, line) in text.lines().map(str::trim_end).enumerate() {
        let line_number = index + 1;
        let Some(attribute) = line.strip_prefix("a=") else {
            // Section lines only say which section the attributes belong to: there is one.
            let is_sdp = line.is_empty() || line.as_bytes().get(1) == Some(&b'=');
            if is_sdp {
                continue;
            }
            return Err(format!("line {line_number} is no SDP line"));
        };
        // RFC 8840 §9: the first values stand for all sections.
        if let Some(value) = attribute.strip_prefix("ice-ufrag:") {
            ufrag.get_or_insert_with(|| value.to_owned());
        } else if let Some(value) = attribute.strip_prefix("ice-pwd:") {
            password.get_or_insert_with(|| value.to_owned());
        } else if attribute.starts_with("candidate:") {
            fragment.candidates.push(attribute.to_owned());
        }
    }
    fragment.credentials = match (ufrag, password) {
        (Some(ufrag), Some(password)) => Some((ufrag, password)),
        (None, None) => None,
        _ => return Err("a=ice-ufrag and a=ice-pwd must come together".to_owned()),
    };
    if fragment == Fragment::default() && !text.contains("a=end-of-candidates") {
        return Err("it has neither candidates nor ICE credentials".to_owned());
    }
    Ok(fragment)
}

/// Writes our side of an ICE restart.
pub(crate) fn write_fragment(ours: &IceCreds, mid: Option<&str>, candidates: &[String]) -> String {
    let mut text = format!("a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", ours.ufrag, ours.pass);
    text.push_str("m=video 9 UDP/TLS/RTP/SAVPF 0\r\n");
    if let Some(mid) = mid {
        text.push_str(&format!("a=mid:{mid}\r\n"));
    }
    for candidate in candidates {
        text.push_str(&format!("a={candidate}\r\n"));
    }
    text.push_str("a=end-of-candidates\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_and_credentials_are_read() {
        let text = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
            m=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
            a=candidate:1 1 udp 5 192.0.2.7 5 typ host\r\na=end-of-candidates\r\n";

        let fragment = parse_fragment(text).unwrap();

        let expected = ("EsAw".to_owned(), "P2uYro0UCOQ4zxjKXaWCBui1".to_owned());
        assert_eq!(fragment.credentials, Some(expected));
        assert_eq!(fragment.candidates, ["candidate:1 1 udp 5 192.0.2.7 5 typ host"]);
        assert_eq!(parse_fragment(&text.replace("\r\n", "\n")).unwrap(), fragment);
    }

    #[test]
    fn what_is_no_fragment_is_refused_by_name() {
        let why = |text| parse_fragment(text).unwrap_err();

        assert_eq!(why(""), "it has neither candidates nor ICE credentials");
        assert_eq!(why("a=ice-ufrag:abcd\r\n"), "a=ice-ufrag and a=ice-pwd must come together");
        assert_eq!(why("m=video\r\nhello\r\n"), "line 2 is no SDP line");
    }

    #[test]
    fn what_we_write_reads_back() {
        let ours = IceCreds { ufrag: "u".repeat(4), pass: "p".repeat(22) };
        let candidate = "candidate:1 1 udp 5 192.0.2.7 5 typ host".to_owned();

        let read =
            parse_fragment(&write_fragment(&ours, Some("0"), std::slice::from_ref(&candidate)));

        let read = read.unwrap();
        assert_eq!(read.credentials, Some((ours.ufrag, ours.pass)));
        assert_eq!(read.candidates, [candidate]);
    }
}
