//! Each mapped port proved from outside while the server is at work, where there is a reflector:
//! what came of it stands in every diagnosis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pinhole_core::diagnose::{ClockOffset, Severity, Verdict, examine};
use pinhole_core::gather::GatherConfig;
use pinhole_runtime::Handle;
use tokio::sync::watch;
use tokio::time::sleep;

use super::addresses::Bound;
use crate::doctor::ports::Ports;
use crate::findings::FindingsDesk;
use crate::http::App;
use crate::reflect::client::ReflectorError;
use crate::settings::{Addresses, ReflectorSettings};

/// How long one proof may take.
const PROOF_TIME: Duration = Duration::from_secs(8);
/// Between two proofs, while a port is not proved and once all are.
const AGAIN: Duration = Duration::from_secs(60);
const AGAIN_PROVED: Duration = Duration::from_secs(600);

/// What is to be proved.
pub(super) struct Provable {
    gather: GatherConfig,
    addresses: Addresses,
    /// The UDP ports that are bound.
    ports: Vec<u16>,
}

impl Provable {
    /// What these sockets and settings make of the port map.
    pub(super) fn of(bound: &Bound, addresses: &Addresses) -> Provable {
        let (gather, ports) = (bound.gather.clone(), bound.sockets.ports());
        Provable { gather, addresses: addresses.clone(), ports }
    }

    /// The same, and who proves it.
    pub(super) fn by(self, reflector: ReflectorSettings, app: &App) -> Proving {
        let (handle, findings) = (app.handle.clone(), app.findings.clone());
        Proving { handle, findings, provable: self, reflector }
    }
}

/// What is to be proved, and by whom.
pub(super) struct Proving {
    handle: Handle,
    findings: Arc<FindingsDesk>,
    provable: Provable,
    reflector: ReflectorSettings,
}

impl Proving {
    /// Proves the ports, now and again, until the server stops.
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut said = None;
        loop {
            let proved = self.prove(&mut said).await;
            let wait = if proved { AGAIN_PROVED } else { AGAIN };
            tokio::select! {
                () = sleep(wait) => {}
                _ = stopped.changed() => return,
            }
        }
    }

    /// Whether all is well.
    async fn prove(&self, said: &mut Option<Verdict>) -> bool {
        let address = &self.reflector.address;
        let (ports, clock) = match self.ask().await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!("{address}: {error}");
                return false;
            }
        };
        let facts = ports.facts();
        self.findings
            .note(|known| {
                known.ports = facts;
                known.clock = Some(clock);
            })
            .await;
        let Ok(surroundings) = self.handle.surroundings().await else { return true };
        let fault = examine(&surroundings).into_iter().find(|it| it.severity == Severity::Failed);
        let verdict = fault.as_ref().map(|fault| fault.verdict);
        if verdict != *said {
            match &fault {
                Some(fault) => {
                    let code = fault.verdict.code();
                    tracing::warn!("[{code}] {} — {}", fault.sentence, fault.fix);
                }
                None => tracing::info!("the mapped ports are reached from outside"),
            }
        }
        *said = verdict;
        fault.is_none()
    }

    async fn ask(&self) -> Result<(Ports, ClockOffset), ReflectorError> {
        let server = self.handle.clone();
        let Provable { gather, addresses, ports } = &self.provable;
        let mut ports = Ports::of_server(gather, addresses, ports, server);
        let until = Instant::now() + PROOF_TIME;
        let testimony = ports.prove_by_reflector(&self.reflector, until).await?;
        Ok((ports, testimony.clock))
    }
}
