//! What a viewer's browser saw, as its page reports it: over the WebSocket as `pinhole_report`, over
//! WHEP as a POST to the session's `/report`.
//!
//! ```text
//! {"ice":"checking","connection":"connecting",
//!  "errors":[{"url":"stun:stun.example.org","code":701,"text":"…"}],
//!  "candidate_types":["host","srflx"],"pair":"host -> srflx",
//!  "bytes_received":0,"packets_received":0,"frames_decoded":0,"unix_seconds":1780000000,
//!  "our_fingerprint":"sha-256 AB:…","its_fingerprint":"sha-256 CD:…",
//!  "ages_ms":[31,33,30],"buffer_ms":8.2,"buffer_target_ms":9.9,"decode_ms":1.7}
//! ```
//!
//! The last line is about pictures since the report before: how old each was when it was shown, and
//! means of the time in the jitter buffer, of what that aims at, and of decoding.
//!
//! Every field may be missing or null. Other fields are not read, so that a newer page works with an
//! older server. What came is somebody else's text: bounded here, and without control characters, so
//! that it can stand in a log.

use std::time::Duration;

use pinhole_core::diagnose::{BrowserReport, IceError};
use serde_json::{Map, Value};

use crate::playback::Playback;

/// Bytes of a report.
pub(super) const REPORT_BYTES_MAX: usize = 8 * 1024;
/// Characters of each text in it.
const TEXT_CHARS_MAX: usize = 256;
/// Entries of each list in it.
const LIST_MAX: usize = 16;
/// Pictures in it: eight seconds at 60 a second.
const AGES_MAX: usize = 512;
/// Durations in it, in milliseconds; a page whose clock is that wrong knows nothing.
const MS_MAX: f64 = 60_000.0;

/// A report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// For a diagnosis.
    pub(crate) browser: BrowserReport,
    /// For the latency ledger.
    pub(crate) playback: Playback,
}

/// Reads a report that is a text of its own. The error says what is wrong, and quotes nothing of it.
pub(crate) fn read(text: &str) -> Result<Report, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => parse(&fields),
        Ok(_) => Err("the report is not a JSON object".to_string()),
        Err(error) => Err(format!("the report is not JSON: {error}")),
    }
}

/// Reads a report. The error names the field that is wrong.
pub(crate) fn parse(fields: &Map<String, Value>) -> Result<Report, String> {
    Ok(Report { browser: browser(fields)?, playback: playback(fields)? })
}

fn browser(fields: &Map<String, Value>) -> Result<BrowserReport, String> {
    let errors =
        list(fields, "errors", LIST_MAX)?.iter().map(ice_error).collect::<Result<_, _>>()?;
    let types = list(fields, "candidate_types", LIST_MAX)?;
    let candidate_types = types
        .iter()
        .map(|value| optional_text(Some(value), "candidate_types").map(Option::unwrap_or_default))
        .collect::<Result<_, _>>()?;
    let text = |name: &str| optional_text(fields.get(name), name);
    let count = |name: &str| optional_count(fields.get(name), name);
    Ok(BrowserReport {
        ice: text("ice")?.unwrap_or_default(),
        connection: text("connection")?.unwrap_or_default(),
        errors,
        candidate_types,
        pair: text("pair")?,
        bytes_received: count("bytes_received")?.unwrap_or(0),
        packets_received: count("packets_received")?.unwrap_or(0),
        frames_decoded: count("frames_decoded")?.unwrap_or(0),
        unix_seconds: count("unix_seconds")?,
        our_fingerprint: text("our_fingerprint")?,
        its_fingerprint: text("its_fingerprint")?,
    })
}

fn playback(fields: &Map<String, Value>) -> Result<Playback, String> {
    let mean = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => duration(value, name).map(Some),
    };
    let ages = list(fields, "ages_ms", AGES_MAX)?.iter().map(|value| duration(value, "ages_ms"));
    Ok(Playback {
        ages: ages.collect::<Result<_, _>>()?,
        buffer: mean("buffer_ms")?,
        buffer_target: mean("buffer_target_ms")?,
        decode: mean("decode_ms")?,
    })
}

/// Milliseconds. Two clocks that differ a little make a picture younger than nothing: that is nothing.
fn duration(value: &Value, name: &str) -> Result<Duration, String> {
    match value.as_f64().filter(|ms| (-MS_MAX..=MS_MAX).contains(ms)) {
        Some(ms) => Ok(Duration::from_secs_f64(ms.max(0.0) / 1e3)),
        None => Err(format!("{name} must be milliseconds, up to {MS_MAX}")),
    }
}

fn ice_error(value: &Value) -> Result<IceError, String> {
    let Value::Object(fields) = value else {
        return Err("errors must be a list of objects".to_string());
    };
    let text = |name: &str| optional_text(fields.get(name), name).map(Option::unwrap_or_default);
    let code = optional_count(fields.get("code"), "code")?.unwrap_or(0);
    let code = u16::try_from(code).map_err(|_| "code must be at most 65535".to_string())?;
    Ok(IceError { url: text("url")?, code, text: text("text")? })
}

fn list<'a>(fields: &'a Map<String, Value>, name: &str, max: usize) -> Result<&'a [Value], String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) if list.len() <= max => Ok(list),
        Some(Value::Array(_)) => Err(format!("{name} has more than {max} entries")),
        Some(_) => Err(format!("{name} must be a list")),
    }
}

fn optional_text(value: Option<&Value>, name: &str) -> Result<Option<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= TEXT_CHARS_MAX => {
            let visible = |char: char| if char.is_control() { ' ' } else { char };
            Ok(Some(text.chars().map(visible).collect()))
        }
        Some(Value::String(_)) => Err(format!("{name} is longer than {TEXT_CHARS_MAX} characters")),
        Some(_) => Err(format!("{name} must be a string")),
    }
}

fn optional_count(value: Option<&Value>, name: &str) -> Result<Option<u64>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let count = value.as_u64();
            count.map(Some).ok_or_else(|| format!("{name} must be a number, whole, 0 or more"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Report, String> {
        parse(value.as_object().unwrap())
    }

    #[test]
    fn a_report_of_our_page_is_read_whole() {
        let report = read(&json!({
            "type": "pinhole_report", "user_id": "u", "ice": "failed", "connection": "failed",
            "errors": [{"url": "turn:t.example.org", "code": 401, "text": "Unauthorized"}],
            "candidate_types": ["host", "srflx"], "pair": "host -> srflx",
            "bytes_received": 10, "packets_received": 2, "frames_decoded": 1,
            "unix_seconds": 1_780_000_000_u64,
            "our_fingerprint": "sha-256 AB", "its_fingerprint": "sha-256 CD", "new": [1],
            "ages_ms": [31, 32.5, -0.5], "buffer_ms": 8.25, "buffer_target_ms": null,
            "decode_ms": 2,
        }));
        let error = IceError {
            url: "turn:t.example.org".to_string(),
            code: 401,
            text: "Unauthorized".to_string(),
        };
        let expected = BrowserReport {
            ice: "failed".to_string(),
            connection: "failed".to_string(),
            errors: vec![error],
            candidate_types: vec!["host".to_string(), "srflx".to_string()],
            pair: Some("host -> srflx".to_string()),
            bytes_received: 10,
            packets_received: 2,
            frames_decoded: 1,
            unix_seconds: Some(1_780_000_000),
            our_fingerprint: Some("sha-256 AB".to_string()),
            its_fingerprint: Some("sha-256 CD".to_string()),
        };
        let us = |us| Duration::from_micros(us);
        let playback = Playback {
            ages: vec![us(31_000), us(32_500), us(0)],
            buffer: Some(us(8_250)),
            buffer_target: None,
            decode: Some(us(2_000)),
        };
        assert_eq!(report, Ok(Report { browser: expected, playback }));
    }

    #[test]
    fn what_a_browser_does_not_tell_may_be_missing_or_null() {
        assert_eq!(read(&json!({})), Ok(Report::default()));
        let nothing = json!({"pair": null, "errors": null, "unix_seconds": null, "ice": null,
            "ages_ms": null, "decode_ms": null});
        assert_eq!(read(&nothing), Ok(Report::default()));
    }

    #[test]
    fn a_line_break_does_not_reach_the_log() {
        let report =
            read(&json!({"ice": "new\r\nviewer 1: forged", "candidate_types": ["a\u{1b}b"]}));
        let report = report.unwrap().browser;
        assert_eq!(report.ice, "new  viewer 1: forged");
        assert_eq!(report.candidate_types, ["a b"]);
    }

    #[test]
    fn a_fault_names_the_field() {
        let long = "x".repeat(TEXT_CHARS_MAX + 1);
        let table = [
            (json!({"ice": 1}), "ice must be a string"),
            (json!({"ice": long}), "ice is longer than 256"),
            (json!({"errors": {}}), "errors must be a list"),
            (json!({"errors": [1]}), "errors must be a list of objects"),
            (json!({"errors": [{"code": -1}]}), "code must be a number"),
            (json!({"errors": [{"code": 65536}]}), "code must be at most 65535"),
            (json!({"errors": [{"url": []}]}), "url must be a string"),
            (json!({"errors": vec![json!({}); LIST_MAX + 1]}), "errors has more than 16"),
            (json!({"candidate_types": [1]}), "candidate_types must be a string"),
            (json!({"candidate_types": vec!["a"; LIST_MAX + 1]}), "candidate_types has more"),
            (json!({"frames_decoded": 1.5}), "frames_decoded must be a number"),
            (json!({"ages_ms": [1, "2"]}), "ages_ms must be milliseconds"),
            (json!({"ages_ms": vec![1; AGES_MAX + 1]}), "ages_ms has more than 512"),
            (json!({"buffer_ms": 60_001}), "buffer_ms must be milliseconds"),
            (json!({"unix_seconds": "now"}), "unix_seconds must be a number"),
        ];
        for (value, part) in table {
            let fault = read(&value).unwrap_err();
            assert!(fault.contains(part), "{value}: {fault}");
        }
        let most = "ä".repeat(TEXT_CHARS_MAX);
        assert!(read(&json!({"ice": most})).is_ok(), "characters are counted, not bytes");
    }
}
