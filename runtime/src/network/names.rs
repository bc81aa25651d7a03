//! The addresses behind the names of STUN and TURN servers, by `hickory-resolver`.
//!
//! The system's own resolver blocks a thread a lookup, cannot be cancelled, and does not tell how
//! long an answer holds. Here one thread keeps all names: each is looked up at once, again when its
//! time to live ends, and when its server does not answer. `/etc/resolv.conf` and `/etc/hosts` are
//! read anew each time, and nothing is cached: a machine changes networks.
//!
//! Left out: what else `nsswitch.conf` may name (mDNS, LDAP), and SRV records (RFC 5928).
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, sleep_until};

use crate::Doorbell;

/// Addresses of one name; later ones are left out.
const ADDRESSES_MAX: usize = 8;

/// A server whose host is a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedServer {
    /// Its place in `GatherConfig::servers`.
    pub server: usize,
    /// Its host. An address is told at once, without asking anybody.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// A thread that keeps names resolved. Dropping this ends it.
pub(crate) struct Names {
    shared: Arc<Shared>,
    /// Each name, and how to have it looked up anew.
    kept: Vec<Kept>,
    _stop: Option<oneshot::Sender<()>>,
}

/// One name with the servers it stands for.
#[derive(Clone)]
struct Kept {
    host: String,
    servers: Vec<(usize, u16)>,
    wanted: Arc<Notify>,
}

/// What the thread leaves for the loop.
struct Shared {
    /// The newest addresses of servers, not looked at yet.
    found: Mutex<BTreeMap<usize, Vec<SocketAddr>>>,
    failures: AtomicU64,
    bell: Doorbell,
}

/// When names are looked up, and whom to ask.
#[derive(Clone)]
struct Habits {
    /// Shortest and longest time that an answer is used, whatever it says of itself.
    holds: (Duration, Duration),
    /// After a failure: at first, and at most, doubling in between.
    retry: (Duration, Duration),
    /// Lookups of one name are at least this far apart, however often it is wanted.
    apart: Duration,
    /// `None`: what `/etc/resolv.conf` says.
    dns: Option<ResolverConfig>,
}

const HABITS: Habits = Habits {
    holds: (Duration::from_secs(30), Duration::from_secs(600)),
    retry: (Duration::from_secs(1), Duration::from_secs(60)),
    apart: Duration::from_secs(5),
    dns: None,
};

impl Names {
    /// Begins to resolve them. Without names no thread is started.
    pub(super) fn start(servers: Vec<NamedServer>, bell: &Doorbell) -> io::Result<Names> {
        Names::start_with(servers, bell, HABITS)
    }

    fn start_with(servers: Vec<NamedServer>, bell: &Doorbell, habits: Habits) -> io::Result<Names> {
        let shared = Arc::new(Shared {
            found: Mutex::default(),
            failures: AtomicU64::new(0),
            bell: bell.clone(),
        });
        let mut kept: Vec<Kept> = Vec::new();
        for NamedServer { server, host, port } in servers {
            if let Some(address) = literal(&host) {
                shared.tell(&[(server, port)], &[address]);
                continue;
            }
            match kept.iter_mut().find(|kept| kept.host == host) {
                Some(same) => same.servers.push((server, port)),
                None => kept.push(Kept {
                    host,
                    servers: vec![(server, port)],
                    wanted: Arc::new(Notify::new()),
                }),
            }
        }
        let mut names = Names { shared, kept, _stop: None };
        if !names.kept.is_empty() {
            names._stop = Some(names.run(habits)?);
        }
        Ok(names)
    }

    /// Has the name of a server looked up anew, soon.
    pub(crate) fn want(&self, server: usize) {
        let of = |kept: &&Kept| kept.servers.iter().any(|(place, _)| *place == server);
        if let Some(kept) = self.kept.iter().find(of) {
            kept.wanted.notify_one();
        }
    }

    /// The servers whose addresses were found, or asked for, since this was last called.
    pub(crate) fn take(&self) -> BTreeMap<usize, Vec<SocketAddr>> {
        std::mem::take(&mut self.shared.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lookups that failed so far.
    pub(crate) fn failures(&self) -> u64 {
        self.shared.failures.load(Ordering::Relaxed)
    }

    fn run(&self, habits: Habits) -> io::Result<oneshot::Sender<()>> {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (all, shared) = (self.kept.clone(), Arc::clone(&self.shared));
        thread::Builder::new().name("pinhole-names".to_owned()).spawn(move || {
            executor.block_on(async {
                for kept in all {
                    tokio::spawn(keep(kept, Arc::clone(&shared), habits.clone()));
                }
                // Ends when the other half is dropped; the tasks end with the executor.
                let _ = stopped.await;
            });
        })?;
        Ok(stop)
    }
}

impl Shared {
    fn tell(&self, servers: &[(usize, u16)], addresses: &[IpAddr]) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for (server, port) in servers {
            let at_port = addresses.iter().map(|address| SocketAddr::new(*address, *port));
            found.insert(*server, at_port.collect());
        }
        drop(found);
        self.bell.ring();
    }
}

/// Keeps one name resolved, for ever.
async fn keep(kept: Kept, shared: Arc<Shared>, habits: Habits) {
    let mut known = Known::default();
    let mut failures = 0;
    let mut wanted = false;
    loop {
        let began = Instant::now();
        let looked_up = known.look_up(&kept, &shared, &habits, wanted).await;
        let pause = match looked_up {
            Ok(until) => {
                if failures > 0 {
                    tracing::info!("the name {} is resolved again", kept.host);
                }
                failures = 0;
                until.saturating_duration_since(began).clamp(habits.holds.0, habits.holds.1)
            }
            Err(error) => {
                shared.failures.fetch_add(1, Ordering::Relaxed);
                log_failure(&kept.host, &error, failures);
                let (least, most) = habits.retry;
                let doubled = least.saturating_mul(1 << failures.min(16));
                failures += 1;
                doubled.min(most)
            }
        };
        let soon = async {
            kept.wanted.notified().await;
            sleep_until((began + habits.apart).into()).await;
        };
        wanted = tokio::select! {
            () = sleep(pause) => false,
            () = soon => true,
        };
    }
}

fn log_failure(host: &str, error: &NetError, earlier: u32) {
    if earlier == 0 {
        tracing::warn!(
            "the server name {host} cannot be resolved: {error}; check its spelling, and that this \
             machine's DNS works (/etc/resolv.conf). Viewers connect without it meanwhile, where \
             they can"
        );
    } else {
        tracing::debug!("the server name {host} cannot be resolved: {error}");
    }
}

/// The addresses that a name had when each family was last answered.
#[derive(Default)]
struct Known {
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
    told: BTreeSet<IpAddr>,
}

impl Known {
    /// Asks for both families side by side. The one that answers first is told without the other
    /// where nothing is known yet. An answer holds until the moment returned.
    async fn look_up(
        &mut self,
        kept: &Kept,
        shared: &Shared,
        habits: &Habits,
        wanted: bool,
    ) -> Result<Instant, NetError> {
        let resolver = resolver(habits)?;
        let v4 = addresses(&resolver, &kept.host, RecordType::A);
        let v6 = addresses(&resolver, &kept.host, RecordType::AAAA);
        tokio::pin!(v4, v6);
        let (first, second) = tokio::select! {
            v4_answer = &mut v4 => {
                let until = self.take_v4(v4_answer);
                self.tell_first(kept, shared);
                (until, self.take_v6(v6.await))
            }
            v6_answer = &mut v6 => {
                let until = self.take_v6(v6_answer);
                self.tell_first(kept, shared);
                (until, self.take_v4(v4.await))
            }
        };
        let until = match (first, second) {
            (Ok(first), Ok(second)) => first.min(second),
            (Ok(until), Err(_)) | (Err(_), Ok(until)) => until,
            (Err(error), Err(_)) => return Err(error),
        };
        self.tell(kept, shared, wanted);
        Ok(until)
    }

    fn take_v4(&mut self, answer: Answer) -> Result<Instant, NetError> {
        take(&mut self.v4, answer)
    }

    fn take_v6(&mut self, answer: Answer) -> Result<Instant, NetError> {
        take(&mut self.v6, answer)
    }

    fn tell_first(&mut self, kept: &Kept, shared: &Shared) {
        if self.told.is_empty() {
            self.tell(kept, shared, false);
        }
    }

    /// Tells the addresses, one family after the other by turns, where they are others than before
    /// (a server may turn them around each time), or where they are wanted.
    fn tell(&mut self, kept: &Kept, shared: &Shared, wanted: bool) {
        let longest = self.v4.len().max(self.v6.len());
        let by_turns = (0..longest).flat_map(|place| [self.v4.get(place), self.v6.get(place)]);
        let addresses: Vec<IpAddr> = by_turns.flatten().copied().take(ADDRESSES_MAX).collect();
        let now: BTreeSet<IpAddr> = addresses.iter().copied().collect();
        if addresses.is_empty() || (now == self.told && !wanted) {
            return;
        }
        tracing::debug!(host = kept.host, ?addresses, "resolved");
        self.told = now;
        shared.tell(&kept.servers, &addresses);
    }
}

/// Addresses and how long they hold.
type Answer = Result<(Vec<IpAddr>, Instant), NetError>;

/// Takes one family's answer. What was known stays where nobody answered; it goes where the answer
/// is that there is none.
fn take(known: &mut Vec<IpAddr>, answer: Answer) -> Result<Instant, NetError> {
    match answer {
        Ok((addresses, until)) => {
            *known = addresses;
            Ok(until)
        }
        Err(error) => {
            if error.is_no_records_found() && !error.is_nx_domain() {
                known.clear();
            }
            Err(error)
        }
    }
}

async fn addresses(resolver: &TokioResolver, host: &str, family: RecordType) -> Answer {
    let found = resolver.lookup(host, family).await?;
    let addresses = found.answers().iter().filter_map(|record| match &record.data {
        RData::A(v4) => Some(IpAddr::V4(v4.0)),
        RData::AAAA(v6) => Some(IpAddr::V6(v6.0)),
        _ => None,
    });
    let mut addresses: Vec<IpAddr> = addresses.collect();
    addresses.truncate(ADDRESSES_MAX);
    Ok((addresses, found.valid_until()))
}

fn resolver(habits: &Habits) -> Result<TokioResolver, NetError> {
    let mut builder = match &habits.dns {
        None => TokioResolver::builder_tokio()?,
        Some(config) => {
            let provider = TokioRuntimeProvider::default();
            TokioResolver::builder_with_config(config.clone(), provider)
        }
    };
    builder.options_mut().cache_size = 0;
    builder.build()
}

/// An address that stands where a name may, with or without brackets.
fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

#[cfg(test)]
mod tests;
