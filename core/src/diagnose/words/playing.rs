//! Words about paths that carry little, and pictures that do not come.

use super::Words;
use crate::diagnose::Verdict;

pub(super) fn words(verdict: Verdict) -> Option<Words> {
    let (sentence, fix, advice) = match verdict {
        Verdict::MtuBlackHole => (
            "Small packets get through and large ones do not, so there is no picture.",
            "A link on the way (VPN, PPPoE, tunnel) carries only smaller packets than its ends believe, and ICMP, which would \
             report it, is blocked. Lower the MTU of the VPN on both of its ends (ip link set dev wg0 mtu 1280) and let ICMP \
             through. From the viewer's machine `ping -M do -s 1236 SERVER` (Windows: ping -f -l 1236 SERVER) should pass.",
            "Leave the VPN, or lower its MTU to 1280.",
        ),
        Verdict::DtlsBlocked => (
            "Viewer and server reach each other, but the encrypted connection between them is not made.",
            "A firewall that inspects traffic drops DTLS (encryption over UDP): exempt this server's UDP port, or add a relay \
             with TLS: --ice-server turns:HOST:443,USER,CREDENTIAL.",
            "Try another network.",
        ),
        Verdict::EncoderStalled => (
            "The server makes no pictures: its encoder, or the source that feeds it, has stopped.",
            "Look at the source first (does it still write frames?), then at the log for the encoder; a GPU that hangs shows in \
             dmesg.",
            "The connection is fine; wait, or tell whoever runs this server.",
        ),
        Verdict::PacketsLost => (
            "Many packets are lost on the way to the viewer, so the picture breaks or freezes.",
            "Try --bitrate 1500k; if the loss ends, raise it step by step. On the way, look for a full uplink, Wi-Fi, or a limit \
             on UDP traffic.",
            "Use a cable instead of Wi-Fi, or end downloads on this network.",
        ),
        Verdict::PathCut => (
            "The connection was good and was then cut by something on the way; the viewer is still there.",
            "Note after how many seconds it happens, and find the firewall or NAT that ends UDP sessions then; on Linux routers \
             net.netfilter.nf_conntrack_udp_timeout_stream should be 120 or more. A relay with TLS gets through such \
             firewalls: --ice-server turns:HOST:443,USER,CREDENTIAL.",
            "Reload the page; if it happens each time after the same while, try another network.",
        ),
        Verdict::ViewerMoves => (
            "The viewer's address changes while it watches; each change costs a moment of picture.",
            "A VPN, a mobile network or a router with several uplinks on the viewer's side does this. Nothing need be done here, \
             and a relay does not help.",
            "Leave the VPN or stay on one network, if the picture halts too often.",
        ),
        Verdict::ViewerGone => (
            "Nothing is heard from the viewer any more.",
            "Most likely a closed lid, a lost network or a killed browser. If all viewers go at once, look at this machine's \
             own network (ip -s link, dmesg).",
            "",
        ),
        _ => return None,
    };
    Some(Words { sentence: sentence.to_owned(), fix: fix.to_owned(), advice })
}
