//! A real coturn.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::PATIENCE;

/// A coturn on loopback; killed when dropped.
pub(crate) struct Coturn {
    child: Child,
    pub(crate) address: SocketAddr,
    database: PathBuf,
}

impl Coturn {
    pub(crate) fn start(options: &[&str]) -> Coturn {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Coturn::start_on(port, options)
    }

    pub(crate) fn start_on(port: u16, options: &[&str]) -> Coturn {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = Command::new("turnserver");
        command.args([
            "-n",
            "--no-cli",
            "--no-tls",
            "--no-dtls",
            "--log-file=stdout",
            "--lt-cred-mech",
        ]);
        command.args([
            "--listening-ip=127.0.0.1",
            "--relay-ip=127.0.0.1",
            "--allow-loopback-peers",
        ]);
        command.args(["--realm=pinhole", "--user=user:pass", "--pidfile=/dev/null"]);
        command.arg(format!("--listening-port={port}")).args(options);
        // Without one of its own it looks for secrets in that of the machine.
        let name = format!("pinhole-coturn-{}-{port}.sqlite", std::process::id());
        let database = std::env::temp_dir().join(name);
        command.arg("--userdb").arg(&database);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let coturn = Coturn { child, address, database };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < PATIENCE, "coturn does not listen; is it installed?");
            std::thread::sleep(Duration::from_millis(20));
        }
        coturn
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // It may never have been written.
        let _ = std::fs::remove_file(&self.database);
    }
}
