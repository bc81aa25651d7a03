//! What the program finds out about the network around it, piece by piece, and tells the event loop
//! as one.

use std::sync::{Mutex, PoisonError};

use pinhole_core::Findings;
use pinhole_runtime::{Handle, HandleError};
use tokio::time::{Duration, sleep};

/// How often, and after which pause, a busy event loop is told again.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// The one place where pieces come together, so that no part of the program overwrites what another
/// found.
pub(crate) struct FindingsDesk {
    handle: Handle,
    known: Mutex<Findings>,
    /// One teller at a time, so that what is told last is what is known.
    telling: tokio::sync::Mutex<()>,
}

impl FindingsDesk {
    /// Nothing is known yet.
    pub(crate) fn new(handle: Handle) -> FindingsDesk {
        FindingsDesk { handle, known: Mutex::default(), telling: tokio::sync::Mutex::default() }
    }

    /// Notes a piece, and tells the event loop all that is known.
    pub(crate) async fn note(&self, change: impl FnOnce(&mut Findings)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
        let _one = self.telling.lock().await;
        for _ in 0..TRIES {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match self.handle.set_findings(known).await {
                Err(HandleError::Busy) => sleep(PAUSE).await,
                // It was told, or there is nobody left to tell.
                Ok(()) | Err(_) => return,
            }
        }
        tracing::warn!("the event loop takes no commands; a diagnosis may know too little");
    }
}

/// Notes whether a server that is silent over UDP takes a TCP connection; `None`: it is not silent.
pub(crate) fn opens_tcp(findings: &mut Findings, server: usize, opens: Option<bool>) {
    findings.opens_tcp.retain(|(of, _)| *of != server);
    findings.opens_tcp.extend(opens.map(|opens| (server, opens)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_one_server_leaves_the_others_alone() {
        let mut findings = Findings::default();
        opens_tcp(&mut findings, 1, Some(true));
        opens_tcp(&mut findings, 2, Some(false));
        opens_tcp(&mut findings, 1, Some(false));
        assert_eq!(findings.opens_tcp, [(2, false), (1, false)]);
        opens_tcp(&mut findings, 2, None);
        assert_eq!(findings.opens_tcp, [(1, false)]);
    }
}
