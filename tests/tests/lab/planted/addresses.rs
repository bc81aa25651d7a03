//! Faults of addresses, forwards and firewalls.

use pinhole_tests::lab::DEAD_SERVER;
use pinhole_tests::lab::ice::STUN;

use super::{FORWARDED, Plant, grow_all};

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_forward_that_does_not_lead_here_is_told_from_its_neighbours() {
    let forwarded = |name, nat, flags: &str, verdict| Plant {
        reflector: true,
        ..Plant::new(name, (nat, "port"), flags, verdict)
    };
    grow_all(&[
        forwarded("forward missing", "port", FORWARDED, "forward-missing"),
        Plant {
            before: |lab| lab.nft("natA", &redirect("10.10.0.2:6000")),
            ..forwarded("to another port", "fwd", FORWARDED, "forward-to-another-port")
        },
        Plant {
            before: |lab| lab.nft("natA", &redirect("10.10.0.99:5000")),
            ..forwarded("to another host", "fwd", FORWARDED, "forward-to-another-host")
        },
        forwarded(
            "map off by one",
            "fwd",
            "--udp-ports 5000 --map 5000/udp=192.0.2.10:30001",
            "map-shifted",
        ),
    ]);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn what_nobody_outside_can_reach_is_told_by_its_cause() {
    let blocked_there = format!("{FORWARDED} --ice-server {STUN} --ice-for browsers");
    grow_all(&[
        Plant::new("private candidates only", ("port", "port"), "", "private-candidates-only"),
        Plant::new(
            "UDP blocked here",
            ("noudp", "port"),
            "--ice-server stun:192.0.2.1 --ice-server stun:192.0.2.2",
            "udp-blocked-here",
        ),
        Plant {
            reflector: true,
            doctor: None,
            ..Plant::new("UDP blocked there", ("fwd", "noudp"), &blocked_there, "udp-blocked-there")
        },
        Plant::new(
            "STUN server dead",
            ("port", "port"),
            &format!("--ice-server stun:{DEAD_SERVER}"),
            "stun-silent",
        ),
        Plant::new(
            "symmetric on both sides, no relay",
            ("sym", "sym"),
            &format!("--ice-server {STUN}"),
            "symmetric-nats",
        ),
    ]);
}

/// Sends what comes to 30000 elsewhere.
fn redirect(to: &str) -> String {
    format!(
        "add chain ip nat planted {{ type nat hook prerouting priority dstnat - 1; }}; \
         add rule ip nat planted ip daddr 192.0.2.10 udp dport 30000 dnat to {to}"
    )
}
