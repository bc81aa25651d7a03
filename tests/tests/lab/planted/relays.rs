//! Faults of TURN servers.

use pinhole_tests::lab::ice::{STUN, TURN_UDP};
use pinhole_tests::lab::{DEAD_SERVER, LabConfig, PageOptions};

use super::{Plant, grow_all};

/// Behind these two, only a relay helps.
const NATS: (&str, &str) = ("sym", "sym");
/// MD5 of `lab:lab.test:lab`, the key of these credentials in the realm lab.test (RFC 8489 §9.2.2), which coturn takes in
/// place of a password.
const KEY: &str = "0xbd37de063562f18e24a32b700b977ab8";
const TURN: &str = "turn:192.0.2.1:3478?transport=udp";

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_turn_server_that_refuses_is_told_by_its_reason() {
    let secret = "--use-auth-secret --static-auth-secret=hush";
    let minted = format!("--ice-server {TURN} --turn-secret hush");
    grow_all(&[
        Plant::new(
            "wrong password",
            NATS,
            &format!("--ice-server {TURN},lab,wrong"),
            "turn-wrong-password",
        ),
        Plant {
            config: with(secret),
            ..Plant::new(
                "credentials expired",
                NATS,
                &format!("--ice-server {TURN},1000000000:lab,d2hhdGV2ZXI="),
                "turn-credentials-expired",
            )
        },
        Plant {
            config: LabConfig { turn_ahead: Some("+3d"), ..with(secret) },
            reflector: true,
            ..Plant::new("our clock is three days behind", NATS, &minted, "clock-skew")
        },
        Plant {
            gathered: |lab| {
                lab.stop_turn()?;
                lab.start_turn(&format!("lab:{KEY}"), "--realm other.test")
            },
            // Before that, all is well.
            doctor: None,
            ..Plant::new("another realm", NATS, &relay_alone(), "turn-realm-changed")
        },
        Plant {
            config: with("--user-quota=1"),
            others: 1,
            ..Plant::new("quota used up", NATS, &relay_alone(), "turn-quota")
        },
    ]);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_turn_server_that_does_not_relay_is_told_by_its_reason() {
    let own = |servers: &[&str]| PageOptions {
        ice_servers: Some(servers.iter().map(|server| (*server).to_owned()).collect()),
        ..PageOptions::default()
    };
    grow_all(&[
        Plant {
            before: |lab| {
                lab.nft("pub", "add table ip planted")?;
                lab.nft(
                    "pub",
                    "add chain ip planted in { type filter hook input priority filter; }",
                )?;
                lab.nft("pub", "add rule ip planted in udp dport { 3478, 3479 } drop")
            },
            ..Plant::new(
                "over TCP only",
                NATS,
                &format!("--ice-server {TURN_UDP}"),
                "turn-tcp-only",
            )
        },
        Plant::new(
            "TURN server dead",
            NATS,
            &format!("--ice-server turn:{DEAD_SERVER}:3478?transport=udp,lab,lab"),
            "turn-silent",
        ),
        Plant {
            config: with("--denied-peer-ip=192.0.2.20"),
            page: own(&[STUN]),
            doctor: None,
            ..Plant::new("peer refused", NATS, &relay_alone(), "turn-peer-refused")
        },
    ]);
}

/// The server has a relay, and browsers have none of their own.
fn relay_alone() -> String {
    format!("--ice-server {TURN_UDP} --ice-for server")
}

fn with(turn_args: &str) -> LabConfig {
    LabConfig { turn: true, turn_args: turn_args.to_owned(), ..LabConfig::default() }
}
