//! Words about paths that carry little, and pictures that do not come.

use super::Words;
use crate::diagnose::Verdict;

pub(super) fn words(verdict: Verdict) -> Option<Words> {
    let (sentence, fix, advice): (&str, String, &'static str) = match verdict {
        Verdict::MtuBlackHole => (
            "Small packets get through and large ones do not, so there is no picture.",
            "Somewhere on the path (a VPN, PPPoE, a tunnel) the MTU is too small, and the messages that would say so are \
             blocked: lower the MTU of the VPN's interface on both of its ends (ip link set dev wg0 mtu 1280), let ICMP \
             through, and see that UDP datagrams of 1250 bytes pass (ping -M do -s 1222 HOST).".to_owned(),
            "Leave the VPN, or lower its MTU to 1280.",
        ),
        Verdict::DtlsBlocked => (
            "Viewer and server reach one another, but the encryption between them does not come about.",
            "A firewall on the way may inspect and drop DTLS: allow it, or offer a relay over TLS (--ice-server \
             turns:HOST:443,USER,CREDENTIAL).".to_owned(),
            "Try another network.",
        ),
        Verdict::EncoderStalled => (
            "The server makes no pictures at the moment: its encoder, or what feeds it, stands still.",
            "Look at the source first (does it still write frames?), then at the log for the encoder; a GPU that hangs \
             shows in dmesg.".to_owned(),
            "The connection is fine; wait, or tell whoever runs this server.",
        ),
        Verdict::PacketsLost => (
            "Many packets are lost on the way to the viewer, so the picture breaks or freezes.",
            "Lower --bitrate below what the path carries; on the way, look for a saturated uplink, Wi-Fi, or a traffic policer."
                .to_owned(),
            "Use a cable instead of Wi-Fi, or end downloads on this network.",
        ),
        Verdict::PathCut => (
            "The path to the viewer was good and then was cut, while the viewer is still there.",
            "A firewall or NAT on the way drops long-lived UDP: look for session limits or UDP timeouts (30 s and more) on \
             both sides, and for an interface or route that went away. A relay over TLS (--ice-server \
             turns:HOST:443,USER,CREDENTIAL) gets through such firewalls.".to_owned(),
            "Reload the page; if it happens each time after the same while, try another network.",
        ),
        Verdict::ViewerMoves => (
            "The viewer's address changes while it watches; each change costs a moment of picture.",
            "A VPN, a mobile network or a router with several uplinks on the viewer's side does this. Nothing need be done \
             here; a relay over TLS (--ice-server turns:HOST:443,USER,CREDENTIAL) suffers as well.".to_owned(),
            "Leave the VPN or stay on one network, if the picture halts too often.",
        ),
        Verdict::ViewerGone => (
            "The viewer is gone: it fell silent by every way at once.",
            "Most likely a closed lid, a lost network or a killed browser; nothing need be done here.".to_owned(),
            "",
        ),
        _ => return None,
    };
    Some(Words { sentence: sentence.to_owned(), fix, advice })
}
