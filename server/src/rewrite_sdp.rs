//! `pinhole rewrite-sdp`: the SDP of another program, its addresses rewritten by the port map.
//!
//! Either one offer, answer or fragment on standard input, or with `--messages` a message a line:
//! candidates as they are trickled, bare or in JSON, as a filter between a program and its
//! signalling. What is refused leaves nothing on standard output but the messages before it. In
//! JSON only `candidate` and `sdp` are rewritten; what else a message says is its program's word.

use std::io::{BufRead, Read as _, Write};

use pinhole_core::portmap::{Audience, PortMap};
use pinhole_core::sdp::rewrite::{Mdns, RewriteError, Rewriter};
use serde_json::Value;

use crate::serve::StartError;
use crate::serve::addresses::{audience, port_map};
use crate::settings::RewriteSettings;

/// The longest text, and the longest message. Chromium's offer of 30 m-lines has 78 kB.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// How deep a `candidate` may be wrapped in others: `{"candidate":{"candidate":"candidate:…"}}`.
const NESTING_MAX: usize = 4;

/// Why nothing is rewritten; the text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum RewriteSdpError {
    /// The port map, or a host name in it.
    #[error(transparent)]
    Map(#[from] StartError),
    /// Nothing is mapped, and nobody said that this is meant.
    #[error(
        "there is no port map, so nothing would be rewritten; give one with \
         --map LOCAL/udp=HOST:PORT or --public-ip ADDR, or say --advertise public to have private \
         addresses removed only"
    )]
    NoMap,
    /// The text is refused.
    #[error(transparent)]
    Refused(#[from] RewriteError),
    /// JSON where SDP was to come.
    #[error("this is JSON, not SDP; with --messages, JSON is read, a message a line")]
    Json,
    /// A message is refused.
    #[error("message {line}: {error}")]
    Message {
        /// Which line, from 1.
        line: usize,
        /// Why.
        error: Box<RewriteSdpError>,
    },
    /// A message that is neither.
    #[error("it is neither `candidate:…` nor JSON; put each message on one line")]
    NoMessage,
    /// JSON that is none.
    #[error("its JSON is broken ({0}); put each message on one line")]
    BrokenJson(serde_json::Error),
    /// Longer than any SDP.
    #[error("it is longer than {TEXT_BYTES_MAX} bytes, which no SDP is; hand in the SDP alone")]
    TooLong,
    /// Not text.
    #[error("it is not UTF-8, as SDP is (RFC 8866 §4.5)")]
    NotUtf8,
    /// Standard input or output.
    #[error("cannot read or write: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads, rewrites, writes. Blocks while host names of the map are resolved and until the input
/// ends.
pub fn run(
    settings: &RewriteSettings,
    input: impl BufRead,
    mut output: impl Write,
) -> Result<(), RewriteSdpError> {
    let (map, _) = port_map(&settings.addresses, &mut Vec::new())?;
    let wanted = settings.addresses.advertise;
    if map.is_empty() && !matches!(wanted, Some(Audience::Public | Audience::Lan)) {
        return Err(RewriteSdpError::NoMap);
    }
    let rewriter = rewriter(settings, &map);
    if settings.messages {
        return messages(&rewriter, input, output);
    }
    let sdp = text(input)?;
    let rewritten = rewriter.rewrite(&sdp).map_err(|error| match error {
        RewriteError::Json => RewriteSdpError::Json,
        other => other.into(),
    })?;
    output.write_all(rewritten.as_bytes())?;
    Ok(output.flush()?)
}

fn rewriter<'a>(settings: &RewriteSettings, map: &'a PortMap) -> Rewriter<'a> {
    let rewriter = Rewriter::new(map, audience(&settings.addresses, map, false));
    match settings.keep_mdns {
        true => rewriter.with_mdns(Mdns::Keep),
        false => rewriter,
    }
}

/// All of the input.
fn text(input: impl BufRead) -> Result<String, RewriteSdpError> {
    let mut bytes = Vec::new();
    input.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(RewriteSdpError::TooLong);
    }
    String::from_utf8(bytes).map_err(|_| RewriteSdpError::NotUtf8)
}

fn messages(
    rewriter: &Rewriter<'_>,
    mut input: impl BufRead,
    mut output: impl Write,
) -> Result<(), RewriteSdpError> {
    for line in 1.. {
        let mut bytes = Vec::new();
        let mut rest = (&mut input).take(TEXT_BYTES_MAX as u64 + 1);
        if rest.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let at_line = |error| RewriteSdpError::Message { line, error: Box::new(error) };
        for message in message(rewriter, &bytes).map_err(at_line)? {
            writeln!(output, "{message}")?;
        }
        // Whoever trickles waits for no second candidate.
        output.flush()?;
    }
    Ok(())
}

/// What comes in place of one message.
fn message(rewriter: &Rewriter<'_>, line: &[u8]) -> Result<Vec<String>, RewriteSdpError> {
    if line.len() > TEXT_BYTES_MAX {
        return Err(RewriteSdpError::TooLong);
    }
    let text = str::from_utf8(line).map_err(|_| RewriteSdpError::NotUtf8)?;
    let text = text.trim_end_matches(['\r', '\n']);
    if !text.trim_start().starts_with('{') {
        let candidates = rewriter.rewrite_candidate(text);
        let claims = text.contains("candidate:");
        return candidates
            .map_err(|error| if claims { error.into() } else { RewriteSdpError::NoMessage });
    }
    let value: Value = serde_json::from_str(text).map_err(RewriteSdpError::BrokenJson)?;
    let rewritten = json(rewriter, &value, NESTING_MAX)?;
    // What nothing is rewritten in keeps its spelling.
    Ok(match rewritten.as_slice() {
        [only] if *only == value => vec![text.to_owned()],
        _ => rewritten.iter().map(Value::to_string).collect(),
    })
}

/// The messages in place of one: a candidate may become several, or none.
fn json(
    rewriter: &Rewriter<'_>,
    value: &Value,
    nesting: usize,
) -> Result<Vec<Value>, RewriteSdpError> {
    let with = |key: &str, inner: Value| {
        let mut value = value.clone();
        if let Some(place) = value.get_mut(key) {
            *place = inner;
        }
        value
    };
    if let Some(sdp) = value.get("sdp").and_then(Value::as_str) {
        return Ok(vec![with("sdp", rewriter.rewrite(sdp)?.into())]);
    }
    let candidates = match value.get("candidate") {
        Some(Value::String(text)) => {
            let candidates = rewriter.rewrite_candidate(text)?;
            candidates.into_iter().map(Value::String).collect()
        }
        Some(inner @ Value::Object(_)) if nesting > 0 => json(rewriter, inner, nesting - 1)?,
        _ => return Ok(vec![value.clone()]),
    };
    Ok(candidates.into_iter().map(|inner| with("candidate", inner)).collect())
}
