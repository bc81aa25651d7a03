//! The program on the server's host.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Host, Lab};
use crate::server::{Server, WhepSession};
use crate::ws::WsClient;

/// A small picture, so that two cores play several labs; frames often, so that sixty come soon. Signalling is open, for
/// the same port takes ICE over TCP.
const PICTURE: &str = "--encoder openh264 --size 320x240 --fps 60 --bitrate 800k";

/// A running program in a lab. Dropped, it is killed.
pub struct LabServer<'lab> {
    lab: &'lab Lab,
    server: Server,
    /// Its flags, as given.
    pub flags: String,
}

impl<'lab> LabServer<'lab> {
    /// Starts `pinhole serve` with these flags besides those of the picture. HTTP listens on all addresses of the host,
    /// on any free port, unless the flags say where. `{cert}` in the flags is the certificate of the lab's TURN server.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(lab: &'lab Lab, flags: &str) -> Result<LabServer<'lab>> {
        let listen = if flags.contains("--listen") { "" } else { "--listen [::]:0" };
        let certificate = lab.certificate().display().to_string();
        let all = format!("{listen} --open {PICTURE} {flags}").replace("{cert}", &certificate);
        let server = lab.enter(Host::Server, || Server::launch(&all))?;
        Ok(LabServer { lab, server, flags: flags.to_owned() })
    }

    /// Hands in an offer, from the server's own host.
    ///
    /// # Errors
    /// Anything but an answer.
    pub fn whep(&self, offer: &str) -> Result<WhepSession> {
        self.lab.enter(Host::Server, || self.server.whep(offer))
    }

    /// Ends a session that [`LabServer::whep`] made.
    ///
    /// # Errors
    /// Anything but success.
    pub fn delete(&self, location: &str) -> Result<()> {
        self.lab.enter(Host::Server, || self.server.delete(location))
    }

    /// Opens a WebSocket, from the server's own host.
    ///
    /// # Errors
    /// The server refuses.
    pub fn websocket(&self) -> Result<WsClient> {
        self.lab.enter(Host::Server, || WsClient::connect(self.server.http, "lab"))
    }

    /// All values of `/metrics`, by name with labels.
    ///
    /// # Errors
    /// The program does not answer.
    pub fn metrics(&self) -> Result<BTreeMap<String, f64>> {
        self.lab.enter(Host::Server, || self.server.metrics())
    }

    /// How many sessions go by each kind of path, of those with any: `[("direct", 1)]`.
    ///
    /// # Errors
    /// The program does not answer.
    pub fn paths(&self) -> Result<Vec<(String, u32)>> {
        let metrics = self.metrics()?;
        let path = |name: &str| {
            let label = name.strip_prefix("pinhole_sessions_by_path{path=\"")?;
            Some(label.strip_suffix("\"}")?.to_owned())
        };
        let paths = metrics.iter().filter_map(|(name, &value)| Some((path(name)?, value as u32)));
        Ok(paths.filter(|&(_, sessions)| sessions > 0).collect())
    }

    /// What HTTP answers to a `GET`, as JSON.
    ///
    /// # Errors
    /// The program does not answer, or not with JSON.
    pub fn json(&self, path: &str) -> Result<serde_json::Value> {
        let answer = self.lab.enter(Host::Server, || self.server.get(path))?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// The sum over all labels of a metric.
    ///
    /// # Errors
    /// There is no such metric.
    pub fn metric(&self, name: &str) -> Result<f64> {
        self.lab.enter(Host::Server, || self.server.metric(name))
    }

    /// Where HTTP listens.
    pub fn http_port(&self) -> u16 {
        self.server.http.port()
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        self.server.log()
    }
}
