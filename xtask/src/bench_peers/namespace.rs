//! A network namespace with an address besides loopback, for peers that offer no loopback address. What is sent to it
//! goes over the namespace's own loopback; nothing leaves it.

use std::cell::OnceCell;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::run::{output, program, succeeds};

/// The address. It is seen nowhere else.
pub(crate) const ADDRESS: &str = "10.99.0.1";
/// Longest time of one step in making it.
const LIMIT: Duration = Duration::from_secs(10);

/// Made when it is first needed, and removed at the end.
#[derive(Default)]
pub(crate) struct Namespace {
    name: OnceCell<String>,
}

impl Namespace {
    /// A program that will run in it.
    ///
    /// # Errors
    /// It cannot be made: not root.
    pub(crate) fn program(&self, name: &str) -> Result<Command> {
        let namespace = match self.name.get() {
            Some(namespace) => namespace,
            None => {
                let made = make()?;
                self.name.get_or_init(|| made)
            }
        };
        let mut command = program("ip", "netns exec");
        command.args([namespace, name]);
        Ok(command)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Some(name) = self.name.get() {
            succeeds("ip", &["netns", "delete", name]);
        }
    }
}

fn make() -> Result<String> {
    let name = format!("peers-{}", std::process::id());
    let steps = [
        format!("netns add {name}"),
        format!("-n {name} link set lo up"),
        // libnice, which is GStreamer's, passes over interfaces whose names begin with "veth".
        format!("-n {name} link add wire0 type veth peer name wire1"),
        format!("-n {name} address add {ADDRESS}/24 dev wire0"),
        format!("-n {name} link set wire0 up"),
        format!("-n {name} link set wire1 up"),
    ];
    for words in steps {
        if let Err(error) = output(&mut program("ip", &words), LIMIT) {
            succeeds("ip", &["netns", "delete", &name]);
            return Err(error.context("a network namespace needs root"));
        }
    }
    Ok(name)
}
