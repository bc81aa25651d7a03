//! Faults of what is agreed, of what the path carries, and of what happens on the way.

use pinhole_tests::lab::{Altered, Lab, LabConfig, LabPage, LabServer, PageOptions, Tunnel};

use super::{FORWARDED, Plant, SHOWN_LIMIT, grow_all};

const OPEN: (&str, &str) = ("none", "none");

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn what_is_agreed_wrongly_is_told_by_its_cause() {
    grow_all(&[
        Plant {
            page: PageOptions { no_h264: true, ..PageOptions::default() },
            doctor: None,
            ..Plant::new("no H.264", OPEN, "", "no-h264")
        },
        Plant {
            page: PageOptions { altered: Altered::Fingerprint, ..PageOptions::default() },
            doctor: None,
            ..Plant::new("fingerprint altered", OPEN, "", "certificate-mismatch")
        },
    ]);
}

/// The stream keeps its bitrate.
const FULL: &str = "--bitrate-floor off";

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn what_the_path_does_to_packets_is_told_by_its_cause() {
    grow_all(&[
        Plant {
            before: |lab| black_hole(lab, 500),
            doctor: None,
            ..Plant::new("no DTLS through a black hole", OPEN, "", "mtu-black-hole")
        },
        Plant {
            playing: Some(|lab| black_hole(lab, 1_000)),
            doctor: None,
            // Else the stream becomes so thin that some of its packets are small enough.
            ..Plant::new("no media through a black hole", OPEN, FULL, "mtu-black-hole")
        },
        Plant {
            playing: Some(|lab| lab.nft("natA", &drop_udp(""))),
            doctor: None,
            // Else the viewer comes back over TCP.
            ..Plant::new("a firewall that drops after a while", OPEN, "--tcp-port off", "path-cut")
        },
        Plant {
            playing: Some(|lab| lab.renumber("natB", "192.0.2.21")),
            doctor: None,
            reflector: true,
            ..Plant::new("the viewer's address changes", ("fwd", "port"), FORWARDED, "viewer-moves")
        },
    ]);
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn udp_inside_tcp_is_told_as_what_it_is() {
    let lab = Lab::up("port", "port", &LabConfig::default()).unwrap();
    let mut tunnel = Tunnel::open(&lab).unwrap();
    tunnel.connect("127.0.0.1:5000".parse().unwrap()).unwrap();
    let flags = format!("--udp-ports 5000 --map 5000/udp={}", tunnel.public);
    let plant =
        Plant { reflector: true, ..Plant::new("tunnel", ("port", "port"), &flags, "tunnel") };
    let reflect = lab.enter(pinhole_tests::lab::Host::Internet, || plant.reflect()).unwrap();
    let flags = format!("{flags} --reflector {} --reflector-token north", reflect.address);

    println!("{}", plant.examine(&lab, &flags).unwrap());
    let server = LabServer::start(&lab, &flags).unwrap();
    let mut page = LabPage::open(&lab, &server, &PageOptions::default()).unwrap();
    let (code, sentence) = page.wait_for_verdict(SHOWN_LIMIT).unwrap();

    plant.agree(&server, &code, &sentence).unwrap();
}

/// Longer IP packets are lost in silence, in both directions.
fn black_hole(lab: &Lab, bytes: u32) -> anyhow::Result<()> {
    lab.nft("natA", &drop_udp(&format!("meta length > {bytes} ")))
}

fn drop_udp(which: &str) -> String {
    format!(
        "add table ip planted; add chain ip planted through {{ type filter hook forward priority filter - 1; }}; \
         add rule ip planted through meta l4proto udp {which}drop"
    )
}
