//! Words about what was agreed, or was not.

use super::Words;
use crate::diagnose::Verdict;

pub(super) fn words(verdict: Verdict) -> Option<Words> {
    let (sentence, fix, advice): (&str, String, &'static str) = match verdict {
        Verdict::NoH264 => (
            "The viewer's browser offers no H.264 video that this server sends.",
            "Viewers need a browser with H.264: Chrome, Edge, Safari, or Firefox with its OpenH264 plug-in; on Linux \
             the distribution's Chromium may come without it.".to_owned(),
            "Use a browser with H.264 video: Chrome, Edge, Safari or Firefox (in Firefox, look under about:addons, Plugins, \
             whether OpenH264 is enabled).",
        ),
        Verdict::NeverBegan => (
            "The viewer's browser was given the answer, and never began to connect.",
            "The page must hand the answer to setRemoteDescription before the peer connection is closed; look into the \
             browser's console for an error.".to_owned(),
            "Reload the page.",
        ),
        Verdict::GaveUp => (
            "The viewer left before a connection stood.",
            "Nothing is wrong if this is rare.".to_owned(),
            "",
        ),
        Verdict::CertificateMismatch => (
            "Something between the viewer and the server has altered their agreement: the certificate is not the one it names.",
            "A proxy or program on the signalling path rewrites SDP, or answers of two sessions are mixed up: a=fingerprint \
             and a=ice-* must pass untouched (what may be rewritten: `pinhole rewrite-sdp`). Use HTTPS or WSS end to end.".to_owned(),
            "Leave proxies and VPNs that inspect traffic, or tell whoever runs this server.",
        ),
        Verdict::StaleAnswer => (
            "The viewer uses an answer that is not the one this server gave it.",
            "The answer of an older offer, or of another viewer, is handed to the browser, or ice-pwd is altered on the way: \
             each offer needs its own answer.".to_owned(),
            "Reload the page.",
        ),
        _ => return None,
    };
    Some(Words { sentence: sentence.to_owned(), fix, advice })
}
