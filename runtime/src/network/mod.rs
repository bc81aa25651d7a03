//! What changes around the sockets while they run: the addresses behind names of servers
//! ([`names`]), and this machine's own ([`watch`]). Each is looked at on a thread of its own, which
//! leaves what it found here and rings; nobody waits for either.

mod bases;
mod names;
mod watch;

use rustls::pki_types::CertificateDer;

pub use self::bases::Bases;
pub(crate) use self::bases::reaching;
pub use self::names::NamedServer;
use self::names::Names;
pub(crate) use self::watch::Watch;
use crate::{Doorbell, RuntimeError};

/// What a runtime looks at beyond its sockets. By default nothing.
#[derive(Default)]
pub struct NetworkConfig {
    /// The servers of `GatherConfig::servers` whose host is a name: it is resolved at start, when
    /// its time to live ends, and when the server does not answer.
    pub names: Vec<NamedServer>,
    /// Which addresses reach the sockets; the endpoint is told when they change. `None`: they stay.
    pub bases: Option<Bases>,
    /// Certificates that TURN servers over TLS are trusted by, besides the system's.
    pub roots: Vec<CertificateDer<'static>>,
}

/// Both lookouts. Dropping it ends their threads.
pub(crate) struct Network {
    pub(crate) names: Names,
    pub(crate) watch: Option<Watch>,
}

impl Network {
    /// Begins to look. `bell` rings when something was found.
    pub(crate) fn start(
        names: Vec<NamedServer>,
        bases: Option<Bases>,
        bell: &Doorbell,
    ) -> Result<Network, RuntimeError> {
        let names = Names::start(names, bell)
            .map_err(RuntimeError::io("cannot start the thread that resolves names"))?;
        let watch = bases
            .map(|bases| Watch::start(bases, bell))
            .transpose()
            .map_err(RuntimeError::io("cannot start the thread that watches interfaces"))?;
        Ok(Network { names, watch })
    }
}
