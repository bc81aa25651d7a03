//! What each of several loops is started with.
use std::num::NonZeroU32;
use std::sync::mpsc::Sender;
use std::time::Instant;

use pinhole_core::{EndpointConfig, Limits, Place};

use super::share::SharedMedia;
use crate::feed::Supply;
use crate::outlets::{Inlets, Outlets, outlets};
use crate::{NetworkConfig, RecordFile, RuntimeConfig, RuntimeError, Sockets};

/// What one event loop is started with: all of a [`RuntimeConfig`], or its part of one.
pub struct LoopConfig {
    pub(crate) endpoint: EndpointConfig,
    /// Among the others; `None`: it is alone.
    pub(crate) place: Option<Place>,
    pub(crate) sockets: Sockets,
    pub(crate) supply: Supply,
    pub(crate) network: NetworkConfig,
    pub(crate) record: Option<RecordFile>,
    pub(crate) outlets: Outlets,
    pub(crate) inlets: Inlets,
    pub(crate) farewell: Option<Farewell>,
}

/// Says that a loop has ended, when it is dropped.
pub(crate) struct Farewell {
    index: usize,
    ended: Sender<usize>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        // Whoever waited may have gone.
        let _ = self.ended.send(self.index);
    }
}

impl From<RuntimeConfig> for LoopConfig {
    /// The one loop, with all that there is.
    fn from(config: RuntimeConfig) -> LoopConfig {
        let (outlets, inlets) = outlets();
        LoopConfig {
            endpoint: config.endpoint,
            place: None,
            sockets: config.sockets,
            supply: Supply::Whole(config.media),
            network: config.network,
            record: config.record,
            outlets,
            inlets,
            farewell: None,
        }
    }
}

impl LoopConfig {
    /// A loop for each port. Each says on `ended` that it has, by its index.
    pub(super) fn parts(
        now: Instant,
        config: RuntimeConfig,
        ended: &Sender<usize>,
    ) -> Result<(Vec<LoopConfig>, Outlets), RuntimeError> {
        let RuntimeConfig { endpoint, sockets, media, network, record } = config;
        if record.is_some() {
            return Err(RuntimeError::RecordsOneLoop);
        }
        let ports = sockets.by_port();
        let count = u32::try_from(ports.len()).ok().and_then(NonZeroU32::new);
        let count = count.expect("there are two ports or more, and 65535 at most");
        let mut seeds = endpoint.seed.children(ports.len() + 1).into_iter();
        let of_all = seeds.next().expect("one more than there are ports");
        let places = Place::row(now, &of_all, count);
        let shares = SharedMedia::split(media, ports.len(), endpoint.estimator);
        let (outlets, inlets) = outlets();
        let parts = ports.into_iter().zip(places).zip(seeds).zip(shares).enumerate();
        let parts = parts.map(|(index, (((sockets, place), seed), share))| LoopConfig {
            endpoint: EndpointConfig {
                seed,
                limits: part_of(endpoint.limits, index, count),
                ..of_port(&endpoint, sockets.port())
            },
            place: Some(place),
            network: NetworkConfig {
                names: network.names.clone(),
                bases: network.bases.as_ref().map(|bases| bases.of_port(sockets.port())),
                roots: network.roots.clone(),
            },
            sockets,
            supply: Supply::Share(share),
            record: None,
            outlets: outlets.clone(),
            inlets: inlets.clone(),
            farewell: Some(Farewell { index, ended: ended.clone() }),
        });
        Ok((parts.collect(), outlets.clone()))
    }

    /// Viewers at once.
    pub(crate) fn viewers_max(&self) -> usize {
        self.endpoint.limits.sessions
    }
}

/// The same endpoint behind one of its ports. TCP is everybody's.
fn of_port(endpoint: &EndpointConfig, port: u16) -> EndpointConfig {
    let mut endpoint = endpoint.clone();
    endpoint.gather.bases.retain(|base| base.port() == port);
    endpoint
}

/// Places for viewers, shared out: together they are as many as before.
fn part_of(limits: Limits, index: usize, count: NonZeroU32) -> Limits {
    let count = count.get() as usize;
    let sessions = limits.sessions / count + usize::from(index < limits.sessions % count);
    Limits { sessions, ..limits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_for_viewers_are_shared_out_and_none_is_lost() {
        for (sessions, count) in [(64, 3), (2, 2), (7, 4), (1, 3)] {
            let count = NonZeroU32::new(count).unwrap();
            let limits = Limits { sessions, ..Limits::default() };
            let parts = (0..count.get() as usize).map(|index| part_of(limits, index, count));
            let parts: Vec<usize> = parts.map(|limits| limits.sessions).collect();
            assert_eq!(parts.iter().sum::<usize>(), sessions, "{parts:?}");
            let (least, most) = (parts.iter().min().unwrap(), parts.iter().max().unwrap());
            assert!(most - least <= 1, "{parts:?}");
        }
    }
}
