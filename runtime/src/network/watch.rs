//! Watches this machine's addresses: an interface that comes or goes, another network.
//!
//! It lists the interfaces every two seconds instead of listening to netlink: the list takes some
//! ten microseconds, it cannot miss a message, and addresses that flicker are told once.
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use if_addrs::Interface;

use super::Bases;
use crate::Doorbell;

/// How often the interfaces are listed.
const EVERY: Duration = Duration::from_secs(2);

/// Addresses of UDP and of TCP.
type Found = (Vec<SocketAddr>, Vec<SocketAddr>);

/// A thread that watches. Dropping this ends it.
pub(crate) struct Watch {
    /// What is newest and was not looked at.
    news: Arc<Mutex<Option<Found>>>,
    _stop: Sender<()>,
}

impl Watch {
    pub(super) fn start(bases: Bases, bell: &Doorbell) -> io::Result<Watch> {
        Watch::start_with(bases, bell, EVERY, if_addrs::get_if_addrs)
    }

    fn start_with(
        bases: Bases,
        bell: &Doorbell,
        every: Duration,
        list: impl FnMut() -> io::Result<Vec<Interface>> + Send + 'static,
    ) -> io::Result<Watch> {
        let (stop, stopped) = channel();
        let news = Arc::new(Mutex::new(None));
        let (told, bell) = (Arc::clone(&news), bell.clone());
        let tell = move |found| {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
            bell.ring();
        };
        thread::Builder::new()
            .name("pinhole-watch".to_owned())
            .spawn(move || watch(&bases, every, &stopped, list, tell))?;
        Ok(Watch { news, _stop: stop })
    }

    /// What was found since this was last asked, where anything changed.
    pub(crate) fn take(&self) -> Option<Found> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Lists until nobody listens any more.
fn watch(
    bases: &Bases,
    every: Duration,
    stopped: &Receiver<()>,
    mut list: impl FnMut() -> io::Result<Vec<Interface>>,
    tell: impl Fn(Found),
) {
    let mut last = list().ok().map(|interfaces| bases.among(&interfaces));
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
        match list() {
            Ok(interfaces) => {
                let found = bases.among(&interfaces);
                if last.as_ref() != Some(&found) {
                    tracing::debug!(udp = ?found.0, tcp = ?found.1, "addresses have changed");
                    last = Some(found.clone());
                    tell(found);
                }
            }
            Err(error) => tracing::debug!(%error, "this machine's addresses cannot be listed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use super::*;
    use crate::Sockets;
    use crate::udp::interface;

    /// Longer than anything takes on a busy machine.
    const LATE: Duration = Duration::from_secs(10);

    #[test]
    fn an_interface_that_comes_or_goes_is_told_once_and_the_thread_ends_with_its_watch() {
        let sockets = Sockets::bind(None, None).unwrap();
        let port = sockets.port();
        let bases = Bases::new(&sockets, vec!["0.0.0.0:8080".parse().unwrap()], false);
        let stage = Arc::new(AtomicUsize::new(0));
        let shown = Arc::clone(&stage);
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let list = move || {
            let _held = &held;
            let eth0 = interface("eth0", "10.0.0.5");
            let noise = interface("docker0", "172.17.0.1");
            Ok(match shown.load(Ordering::SeqCst) {
                0 => vec![eth0],
                1 => vec![eth0, noise, interface("wlan0", "192.168.7.9")],
                2 => return Err(io::ErrorKind::Other.into()),
                _ => vec![interface("wlan0", "192.168.7.9")],
            })
        };
        let rings = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&rings);
        let bell = Doorbell::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let every = Duration::from_millis(5);

        let watch = Watch::start_with(bases, &bell, every, list).unwrap();
        thread::sleep(20 * every);
        assert_eq!(watch.take(), None, "nothing has changed yet");
        let next = |number| {
            stage.store(number, Ordering::SeqCst);
            let begin = Instant::now();
            while begin.elapsed() < LATE {
                if let Some(found) = watch.take() {
                    return found;
                }
                thread::sleep(every);
            }
            panic!("nothing was told");
        };
        let udp = |ips: &[&str]| -> Vec<SocketAddr> {
            ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect()
        };

        let (both, tcp) = next(1);
        assert_eq!(both, udp(&["10.0.0.5", "192.168.7.9"]));
        assert_eq!(tcp[1], "192.168.7.9:8080".parse().unwrap());
        stage.store(2, Ordering::SeqCst);
        thread::sleep(20 * every);
        assert_eq!(watch.take(), None, "a list that fails says nothing");
        assert_eq!(next(3).0, udp(&["192.168.7.9"]));
        thread::sleep(20 * every);
        assert_eq!(watch.take(), None, "each change is told once");
        assert_eq!(rings.load(Ordering::SeqCst), 1, "the bell is rung and nobody has answered");

        drop(watch);
        let begin = Instant::now();
        while Arc::strong_count(&alive) > 1 {
            assert!(begin.elapsed() < LATE, "the thread is still there");
            thread::sleep(every);
        }
    }
}
