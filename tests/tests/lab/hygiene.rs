//! A lab is what it says, and leaves nothing behind.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pinhole_tests::lab::{Host, Lab, LabConfig};

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_lab_that_is_dropped_leaves_no_namespace_process_or_file() {
    let config = LabConfig { turn: true, ..LabConfig::default() };
    let lab = Lab::up("port", "port+sym", &config).unwrap();
    let folder = lab.certificate().parent().unwrap().to_owned();
    let sleep = || Ok(Command::new("sleep").arg("60").stdin(Stdio::null()).spawn()?);
    let mut child = lab.enter(Host::Viewer, sleep).unwrap();
    assert_eq!(lab.processes(Host::Viewer).unwrap(), [child.id()]);
    let id = lab.id().to_owned();
    assert!(namespaces(&id).len() >= 6, "{:?}", namespaces(&id));

    drop(lab);

    assert_eq!(namespaces(&id), [""; 0]);
    assert!(!folder.exists());
    assert!(!child.wait().unwrap().success(), "it was ended");
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn a_lab_goes_down_when_its_owner_is_killed() {
    let mut owner = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
    let id = format!("o{}", owner.id() % 1_000_000);
    let mut up = script(&id);
    up.args(["up", "none", "none"]).env("NATLAB_OWNER", owner.id().to_string());
    let up = up.output().unwrap();
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    assert!(!namespaces(&id).is_empty());

    owner.kill().unwrap();
    owner.wait().unwrap();

    let begin = Instant::now();
    while !namespaces(&id).is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(10), "the lab outlives its owner");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn an_unknown_nat_is_refused_and_leaves_nothing() {
    // Other labs come and go meanwhile, so this one has a name that is known.
    let id = format!("r{}", std::process::id() % 1_000_000);
    let refused = script(&id).args(["up", "port", "cone"]).output().unwrap();

    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("unknown NAT type 'cone'"));
    assert_eq!(namespaces(&id), [""; 0]);
    let refused = Lab::up("cone", "port", &LabConfig::default()).unwrap_err();
    assert!(refused.to_string().contains("unknown NAT type 'cone'"));
}

/// natlab.sh for a lab of this name, without STUN and TURN.
fn script(id: &str) -> Command {
    let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/natlab/natlab.sh"));
    script.envs([("NATLAB_ID", id), ("NATLAB_TURN", "0")]).stdin(Stdio::null());
    script
}

/// Those whose names begin so.
fn namespaces(prefix: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}
