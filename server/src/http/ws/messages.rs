//! The JSON messages of the WebSocket, word for word as existing front ends send and expect them.
//!
//! ```text
//! → {"type":"webrtc_offer","session_id":"…","user_id":"…","sdp":"v=0…"}
//! ← {"type":"webrtc_answer","sdp":"v=0…"}
//! ↔ {"type":"webrtc_ice_candidate","user_id":"…",
//!    "candidate":{"candidate":"candidate:…","sdpMid":"0","sdpMLineIndex":0}}
//! ← {"type":"error","code":"…","message":"…"}
//! ```
//!
//! More are for our own page. It sends `{"type":"pinhole_clock","sent":…}`, answered with the
//! server's time and the capture time of an RTP timestamp, so that it can tell the age of a picture,
//! and `{"type":"pinhole_report","user_id":"…",…}` with what the browser sees of the connection
//! ([`report`] has its fields and bounds). Who has sent one of the two is told
//! - `{"type":"pinhole_restart_ice","user_id":"…"}` when the server's addresses have changed, and
//!   answers with a further `webrtc_offer` of the same connection;
//! - `{"type":"pinhole_diagnosis","user_id":"…","code":"forward-missing","severity":"failed",
//!   "sentence":"…","advice":"…"}` when a session does not connect, plays badly (severity
//!   "degraded") or ends for a reason that is known, and with `"code":null` when what was wrong is
//!   over. A page of this machine is told "fix" and "evidence" too: it is the operator's.
//!
//! An offer refused for a reason that has a verdict gets "verdict", its code, and "sentence" and
//! "advice" beside the fields of its error.

use pinhole_core::diagnose::Diagnosis;
use pinhole_core::{Stage, StageTimes};
use serde_json::{Map, Number, Value, json};

use crate::http::latency::stage_label;
use crate::http::report::{self, REPORT_BYTES_MAX, Report};
use crate::verdicts::{Audience, Words};

/// Bytes of a message; a longer one gets an error.
pub(super) const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a user's name.
const USER_ID_BYTES_MAX: usize = 128;

/// What a viewer says.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    /// `webrtc_offer`; its `session_id` is that of the WebSocket's path, and not read.
    Offer { user_id: String, sdp: String },
    /// `webrtc_ice_candidate`; an empty or null candidate, the end of them, is an empty string.
    Candidate { user_id: String, candidate: String },
    /// `pinhole_clock`
    Clock { sent: Number },
    /// `pinhole_report`
    Report { user_id: String, report: Box<Report> },
}

/// What is wrong with a message, or with what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// For programs.
    pub(super) code: &'static str,
    /// For people.
    pub(super) message: String,
    /// What is wrong, if it is more than a wrong message.
    pub(super) diagnosis: Option<Box<Diagnosis>>,
}

impl Fault {
    /// A code and a text.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Fault {
        Fault { code, message: message.into(), diagnosis: None }
    }

    /// Adds a verdict.
    pub(super) fn with(self, diagnosis: Option<Diagnosis>) -> Fault {
        Fault { diagnosis: diagnosis.map(Box::new), ..self }
    }

    /// The message that tells it.
    pub(crate) fn to_json(&self) -> String {
        let mut fault = json!({"type": "error", "code": self.code, "message": self.message});
        if let Some(diagnosis) = &self.diagnosis {
            fault["verdict"] = json!(diagnosis.verdict.code());
            fault["sentence"] = json!(diagnosis.sentence);
            fault["advice"] = json!(diagnosis.advice);
        }
        fault.to_string()
    }
}

/// Reads a message.
pub(crate) fn parse(text: &str) -> Result<Request, Fault> {
    if text.len() > MESSAGE_BYTES_MAX {
        let message =
            format!("the message has {} bytes; at most {MESSAGE_BYTES_MAX} are taken", text.len());
        return Err(Fault::new("too_large", message));
    }
    // The parser's own limit of depth makes an error of deep JSON.
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Fault::new("bad_json", format!("the message is not JSON: {error}")))?;
    let Value::Object(fields) = value else {
        return Err(Fault::new("bad_message", "the message is not a JSON object"));
    };
    match string(&fields, "type")? {
        "webrtc_offer" => Ok(Request::Offer {
            user_id: user_id(&fields)?,
            sdp: string(&fields, "sdp")?.to_string(),
        }),
        "webrtc_ice_candidate" => {
            Ok(Request::Candidate { user_id: user_id(&fields)?, candidate: candidate(&fields)? })
        }
        "pinhole_clock" => match fields.get("sent") {
            Some(Value::Number(sent)) => Ok(Request::Clock { sent: sent.clone() }),
            _ => Err(Fault::new("bad_message", "sent must be a number")),
        },
        "pinhole_report" => {
            if text.len() > REPORT_BYTES_MAX {
                let message = format!("a report has at most {REPORT_BYTES_MAX} bytes");
                return Err(Fault::new("too_large", message));
            }
            let user_id = user_id(&fields)?;
            let report = report::parse(&fields).map_err(|text| Fault::new("bad_report", text))?;
            Ok(Request::Report { user_id, report: Box::new(report) })
        }
        _ => Err(Fault::new(
            "unknown_type",
            "unknown type; this server takes webrtc_offer, webrtc_ice_candidate, pinhole_clock \
             and pinhole_report",
        )),
    }
}

/// `webrtc_answer`
pub(super) fn answer(sdp: &str) -> String {
    json!({"type": "webrtc_answer", "sdp": sdp}).to_string()
}

/// `webrtc_ice_candidate`; `index` counts the m-lines of the answer, of which the picture's is not
/// always the first.
pub(super) fn late_candidate(
    user_id: &str,
    candidate: &str,
    mid: &str,
    index: Option<usize>,
) -> String {
    json!({
        "type": "webrtc_ice_candidate",
        "user_id": user_id,
        "candidate": {"candidate": candidate, "sdpMid": mid, "sdpMLineIndex": index},
    })
    .to_string()
}

/// The message that asks a viewer to restart ICE.
pub(super) fn restart_ice(user_id: &str) -> String {
    json!({"type": "pinhole_restart_ice", "user_id": user_id}).to_string()
}

/// What is wrong with a user's session, as far as it is meant for this audience; `None`: nothing any
/// more.
pub(super) fn diagnosis(
    user_id: &str,
    diagnosis: Option<&Diagnosis>,
    audience: Audience,
) -> String {
    let mut message = match diagnosis {
        None => json!({"code": null}),
        Some(diagnosis) => json!(Words::of(diagnosis, audience)),
    };
    message["type"] = json!("pinhole_diagnosis");
    message["user_id"] = json!(user_id);
    message.to_string()
}

/// `pinhole_clock`: both times in milliseconds since the Unix epoch, and how many each stage of a
/// frame took of late.
pub(super) fn clock(
    sent: &Number,
    server_ms: f64,
    rtp_time: u32,
    rtp_ms: f64,
    stages: &StageTimes,
) -> String {
    let told = Stage::ALL.into_iter().filter_map(|stage| {
        let ms = stages.of(stage)?.as_secs_f64() * 1e3;
        Some((stage_label(stage).to_string(), json!(ms)))
    });
    json!({
        "type": "pinhole_clock",
        "sent": sent,
        "server_ms": server_ms,
        "rtp_time": rtp_time,
        "rtp_ms": rtp_ms,
        "stages_ms": told.collect::<Map<_, _>>(),
    })
    .to_string()
}

fn string<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, Fault> {
    match fields.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Fault::new("bad_message", format!("{name} must be a string"))),
        None => Err(Fault::new("bad_message", format!("{name} is missing"))),
    }
}

/// A string; a number is taken too, because front ends have numbered users.
fn user_id(fields: &Map<String, Value>) -> Result<String, Fault> {
    let id = match fields.get("user_id") {
        Some(Value::Number(number)) => number.to_string(),
        _ => string(fields, "user_id")?.to_string(),
    };
    if id.len() > USER_ID_BYTES_MAX {
        let message = format!("user_id is longer than {USER_ID_BYTES_MAX} bytes");
        return Err(Fault::new("bad_message", message));
    }
    Ok(id)
}

/// The line of an `RTCIceCandidateInit`, alone or in its object.
fn candidate(fields: &Map<String, Value>) -> Result<String, Fault> {
    let wrong = || {
        Fault::new(
            "bad_message",
            "candidate must be {\"candidate\":\"candidate:…\",\"sdpMid\":…} or null",
        )
    };
    match fields.get("candidate") {
        None => Err(Fault::new("bad_message", "candidate is missing")),
        Some(Value::Null) => Ok(String::new()),
        Some(Value::String(line)) => Ok(line.clone()),
        Some(Value::Object(init)) => match init.get("candidate") {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(line)) => Ok(line.clone()),
            Some(_) => Err(wrong()),
        },
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use pinhole_core::diagnose::{BrowserReport, Severity, Verdict};

    use super::*;

    #[test]
    fn the_messages_of_existing_front_ends_are_understood() {
        let offer = r#"{"type":"webrtc_offer","session_id":"s","user_id":"u","sdp":"v=0"}"#;
        assert_eq!(parse(offer), Ok(Request::Offer { user_id: "u".into(), sdp: "v=0".into() }));

        let line = "candidate:1 1 udp 1 192.0.2.1 9 typ host";
        let trickled = json!({"type": "webrtc_ice_candidate", "user_id": 7,
            "candidate": {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0}});
        let expected = Request::Candidate { user_id: "7".into(), candidate: line.into() };
        assert_eq!(parse(&trickled.to_string()), Ok(expected));
    }

    #[test]
    fn every_way_to_say_that_candidates_end_is_taken() {
        for end in
            ["null", "\"\"", "{}", r#"{"candidate":""}"#, r#"{"candidate":null,"sdpMid":"0"}"#]
        {
            let text =
                format!(r#"{{"type":"webrtc_ice_candidate","user_id":"u","candidate":{end}}}"#);
            let expected = Request::Candidate { user_id: "u".into(), candidate: String::new() };
            assert_eq!(parse(&text), Ok(expected), "{end}");
        }
    }

    #[test]
    fn a_fault_names_what_is_wrong() {
        let deep = "[".repeat(10_000);
        let long = format!("{{\"type\":\"{}\"}}", "x".repeat(MESSAGE_BYTES_MAX));
        let large = format!("{{\"type\":\"pinhole_report\",\"x\":\"{}\"}}", "x".repeat(8192));
        let table = [
            ("", "bad_json", "not JSON"),
            ("{", "bad_json", "not JSON"),
            (&deep, "bad_json", "recursion"),
            (&long, "too_large", "262144"),
            ("[]", "bad_message", "object"),
            ("{}", "bad_message", "type is missing"),
            (r#"{"type":1}"#, "bad_message", "type must be a string"),
            (r#"{"type":"dance"}"#, "unknown_type", "webrtc_offer"),
            (r#"{"type":"webrtc_offer"}"#, "bad_message", "user_id is missing"),
            (r#"{"type":"webrtc_offer","user_id":"u"}"#, "bad_message", "sdp is missing"),
            (r#"{"type":"webrtc_offer","user_id":"u","sdp":1}"#, "bad_message", "sdp must be"),
            (r#"{"type":"webrtc_offer","user_id":[],"sdp":""}"#, "bad_message", "user_id must be"),
            (
                r#"{"type":"webrtc_ice_candidate","user_id":"u"}"#,
                "bad_message",
                "candidate is missing",
            ),
            (
                r#"{"type":"webrtc_ice_candidate","user_id":"u","candidate":1}"#,
                "bad_message",
                "or null",
            ),
            (&large, "too_large", "8192"),
            (r#"{"type":"pinhole_report"}"#, "bad_message", "user_id is missing"),
            (
                r#"{"type":"pinhole_report","user_id":"u","ice":1}"#,
                "bad_report",
                "ice must be a string",
            ),
            (r#"{"type":"pinhole_clock","sent":"now"}"#, "bad_message", "sent must be a number"),
        ];
        for (text, code, part) in table {
            let fault = parse(text).unwrap_err();
            assert_eq!(fault.code, code, "{text:.80}");
            assert!(fault.message.contains(part), "{text:.80}: {}", fault.message);
        }
    }

    #[test]
    fn a_report_is_taken_and_a_diagnosis_told() {
        let text = r#"{"type":"pinhole_report","user_id":"u","ice":"checking"}"#;
        let browser = BrowserReport { ice: "checking".to_string(), ..BrowserReport::default() };
        let report = Report { browser, ..Report::default() };
        let expected = Request::Report { user_id: "u".into(), report: Box::new(report) };
        assert_eq!(parse(text), Ok(expected));

        let found = Diagnosis {
            verdict: Verdict::NoH264,
            severity: Severity::Failed,
            sentence: "s".to_string(),
            fix: "f".to_string(),
            advice: "a".to_string(),
            evidence: vec!["e".to_string()],
        };
        let viewer: Value =
            serde_json::from_str(&diagnosis("u", Some(&found), Audience::Anybody)).unwrap();
        let expected = json!({"type": "pinhole_diagnosis", "user_id": "u", "code": "no-h264",
            "severity": "failed", "sentence": "s", "advice": "a"});
        assert_eq!(viewer, expected);
        let operator: Value =
            serde_json::from_str(&diagnosis("u", Some(&found), Audience::Operator)).unwrap();
        assert_eq!((&operator["fix"], &operator["evidence"]), (&json!("f"), &json!(["e"])));
        let over: Value = serde_json::from_str(&diagnosis("u", None, Audience::Anybody)).unwrap();
        assert_eq!(over, json!({"type": "pinhole_diagnosis", "user_id": "u", "code": null}));
        let refused = Fault::new("no_h264", "m").with(Some(found)).to_json();
        let refused: Value = serde_json::from_str(&refused).unwrap();
        let expected = json!({"type": "error", "code": "no_h264", "message": "m",
            "verdict": "no-h264", "sentence": "s", "advice": "a"});
        assert_eq!(refused, expected);
    }

    #[test]
    fn a_late_candidate_is_said_as_browsers_take_it() {
        assert_eq!(
            late_candidate("u", "candidate:1", "v", Some(2)),
            "{\"candidate\":{\"candidate\":\"candidate:1\",\"sdpMLineIndex\":2,\"sdpMid\":\"v\"},\
             \"type\":\"webrtc_ice_candidate\",\"user_id\":\"u\"}"
        );
    }

    #[test]
    fn what_we_say_is_what_the_front_ends_expect() {
        assert_eq!(restart_ice("u"), r#"{"type":"pinhole_restart_ice","user_id":"u"}"#);
        assert_eq!(answer("v=0\r\n"), r#"{"sdp":"v=0\r\n","type":"webrtc_answer"}"#);
        assert_eq!(Fault::new("c", "m").to_json(), r#"{"code":"c","message":"m","type":"error"}"#);
    }
}
