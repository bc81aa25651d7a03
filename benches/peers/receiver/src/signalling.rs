//! Posts offers on threads of their own, and hands what comes back to the crowd.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::Result;
use mio::Waker;
use peers::http;

/// What a server said to an offer: its description, and where the viewer says goodbye.
pub(crate) type Answer = Result<(String, Option<String>)>;

/// Speaks with a server.
pub(crate) struct Signalling {
    url: String,
    waker: Arc<Waker>,
    sender: Sender<(usize, Answer)>,
    receiver: Receiver<(usize, Answer)>,
}

impl Signalling {
    pub(crate) fn new(url: String, waker: Waker) -> Signalling {
        let (sender, receiver) = channel();
        Signalling { url, waker: Arc::new(waker), sender, receiver }
    }

    /// Posts an offer for a viewer.
    pub(crate) fn post(&self, viewer: usize, offer: String) {
        let (url, sender, waker) = (self.url.clone(), self.sender.clone(), self.waker.clone());
        std::thread::spawn(move || {
            let answer = http::request("POST", &url, &offer).map(|answer| {
                let location = answer.header("location").map(|location| absolute(&url, location));
                (answer.body, location)
            });
            // Nobody waits for it any more at the end of a run.
            let _ = sender.send((viewer, answer));
            let _ = waker.wake();
        });
    }

    /// An answer that has come.
    pub(crate) fn poll(&self) -> Option<(usize, Answer)> {
        self.receiver.try_recv().ok()
    }
}

/// Gives the server an answer to its offer.
pub(crate) fn patch(location: String, answer: String) {
    std::thread::spawn(move || http::request("PATCH", &location, &answer));
}

/// Tells a server that a viewer has gone.
pub(crate) fn delete(location: String) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let _ = http::request("DELETE", &location, "");
    })
}

fn absolute(url: &str, location: &str) -> String {
    if location.starts_with("http") {
        return location.to_owned();
    }
    let origin: Vec<&str> = url.splitn(4, '/').take(3).collect();
    origin.join("/") + location
}
