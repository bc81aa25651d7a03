//! The ways in which a secret may stand in a text.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter pieces stand in any text by chance.
const CHARS_MIN: usize = 6;

/// What a text would hold that gives `secret` away: it itself, hexadecimal, base64 at each alignment, bytes in decimal,
/// percent-encoded, backwards.
pub(super) fn spellings(secret: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    if let Ok(text) = std::str::from_utf8(secret) {
        all.push(text.to_owned());
        all.push(text.to_ascii_lowercase());
        all.push(text.to_ascii_uppercase());
        all.push(text.chars().rev().collect());
        all.push(serde_json::to_string(text).unwrap().trim_matches('"').to_owned());
    }
    for joint in ["", ":", " ", "-", "%", "\\x", ", 0x"] {
        let hex: Vec<String> = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        all.push(hex.join(joint));
        all.push(hex.join(joint).to_ascii_uppercase());
    }
    for joint in [",", ", ", " "] {
        all.push(secret.iter().map(u8::to_string).collect::<Vec<_>>().join(joint));
    }
    all.push(secret.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:08b}");
        text
    }));
    for before in 0..3 {
        let mut shifted = vec![0; before];
        shifted.extend(secret);
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&shifted);
            // The signs at both ends hang on what stands beside the secret.
            let first = (before * 8).div_ceil(6);
            let whole = shifted.len() * 8 / 6;
            all.push(text[first..whole].to_owned());
        }
    }
    all.retain(|text| text.len() >= CHARS_MIN);
    all.sort();
    all.dedup();
    all
}

/// Which spelling of the secret stands in the text.
pub(super) fn find(text: &str, secret: &[u8]) -> Option<String> {
    spellings(secret).into_iter().find(|spelling| text.contains(spelling.as_str()))
}

#[test]
fn a_secret_is_found_in_every_spelling() {
    let secret = b"geheim-77/+?";
    for text in [
        "xx geheim-77/+? xx".to_owned(),
        "67:65:68:65:69:6D:2D:37:37:2F:2B:3F".to_owned(),
        STANDARD_NO_PAD.encode(b"a geheim-77/+? b"),
        STANDARD_NO_PAD.encode(b"ab geheim-77/+? b"),
        URL_SAFE_NO_PAD.encode(b"abc geheim-77/+? b"),
        format!("{secret:?}"),
    ] {
        assert!(find(&text, secret).is_some(), "{text}");
    }
    assert_eq!(find("gehe im-77", secret), None);
}
