//! Words about what was agreed, or was not.

use super::Words;
use crate::diagnose::Verdict;

pub(super) fn words(verdict: Verdict) -> Option<Words> {
    let (sentence, fix, advice) = match verdict {
        Verdict::NoH264 => (
            "The viewer's browser cannot play the H.264 video that this server sends.",
            "Viewers need a browser with H.264: Chrome, Edge, Safari, or Firefox with its OpenH264 plug-in; on Linux the \
             distribution's Chromium may come without it.",
            "Use a browser with H.264 video: Chrome, Edge, Safari or Firefox (in Firefox, look under about:addons, Plugins, \
             whether OpenH264 is enabled).",
        ),
        Verdict::NeverBegan => (
            "The viewer's browser received everything it needs and never began to connect.",
            "With Pinhole's own page: reload it, and keep the tab in front. A page of your own must hand the answer to \
             setRemoteDescription before it closes the connection; its error is in the browser's console (F12).",
            "Reload the page.",
        ),
        Verdict::GaveUp => (
            "The viewer left before the connection was made.",
            "Nothing is wrong if this is rare. If it is frequent, the front end gives up too early: let it wait 15 seconds.",
            "",
        ),
        Verdict::CertificateMismatch => (
            "Something between the viewer and the server changed the messages that set up the connection, so the encryption \
             does not match.",
            "Serve HTTPS directly (--tls-cert FILE --tls-key FILE), without a proxy that changes what messages say. A program \
             that changes addresses in them must use `pinhole rewrite-sdp`, or be replaced by --map. A front end of your own \
             must not mix up the answers of two viewers.",
            "Leave proxies and VPNs that inspect traffic, or tell whoever runs this server.",
        ),
        Verdict::StaleAnswer => (
            "The viewer's browser uses the connection data of another or an earlier session.",
            "Behind a load balancer, send all requests of one viewer to the same server, and cache no answers to POST. A front \
             end of your own must use each answer only for the offer that it belongs to.",
            "Reload the page.",
        ),
        _ => return None,
    };
    Some(Words { sentence: sentence.to_owned(), fix: fix.to_owned(), advice })
}
