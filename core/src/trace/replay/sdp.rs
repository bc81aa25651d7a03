//! What a replay reads in SDP, and puts in its place.

use crate::session::Certificate;

/// Pairs of ufrag and password, in their order.
pub(super) fn credentials(sdp: &str) -> Vec<(String, String)> {
    let values = |name: &str| {
        let lines = sdp.lines().filter_map(|line| line.strip_prefix("a=")?.strip_prefix(name));
        lines.map(|value| value.trim().to_owned()).collect::<Vec<_>>()
    };
    values("ice-ufrag:").into_iter().zip(values("ice-pwd:")).collect()
}

/// The stream that the answer announces first.
pub(super) fn ssrc(answer: &str) -> Option<u32> {
    let mut values = answer.lines().filter_map(|line| line.strip_prefix("a=ssrc:"));
    values.next()?.split(' ').next()?.parse().ok()
}

/// Whether the viewer is to begin the DTLS handshake, RFC 8842 §5.3.
pub(super) fn viewer_is_client(answer: &str) -> bool {
    !answer.lines().any(|line| line.trim() == "a=setup:active")
}

/// `sha-256 AB:CD…` of a certificate, RFC 8122 §5.
pub(super) fn fingerprint(certificate: &Certificate) -> String {
    let provider = str0m::crypto::from_feature_flags().sha256_provider;
    let print = provider.sha256(&certificate.0.certificate);
    let pairs: Vec<String> = print.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("sha-256 {}", pairs.join(":"))
}

/// The SDP with this fingerprint in place of each that is of the same kind.
pub(super) fn with_fingerprint(sdp: &str, fingerprint: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    for piece in sdp.split_inclusive('\n') {
        let line = piece.trim_end_matches(['\r', '\n']);
        let value = line.strip_prefix("a=fingerprint:").map(str::to_ascii_lowercase);
        match value.is_some_and(|value| value.starts_with("sha-256 ")) {
            true => {
                out.push_str("a=fingerprint:");
                out.push_str(fingerprint);
                out.push_str(&piece[line.len()..]);
            }
            false => out.push_str(piece),
        }
    }
    out
}

/// The fingerprints that an SDP names.
pub(super) fn fingerprints(sdp: &str) -> impl Iterator<Item = &str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=fingerprint:")).map(str::trim)
}
