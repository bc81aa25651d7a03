//! The harness's own viewer, judged by a bare str0m sender: nothing of Pinhole takes part.
#![allow(clippy::unwrap_used)]

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use pinhole_tests::viewer::{Candidates, Viewer, ViewerConfig, ViewerPool, ViewerState};
use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc};

const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn a_viewer_connects_and_counts_what_a_str0m_sender_sends() {
    let pool = ViewerPool::spawn().unwrap();
    let config = ViewerConfig { keep_frames: 100, ..ViewerConfig::default() };
    let (viewer, sender) = connect(&pool, &config);

    let seen = viewer.wait_until(LIMIT, "30 frames", |seen| seen.frames >= 30).unwrap();

    assert_eq!(seen.state, ViewerState::Connected);
    assert_eq!((seen.gaps, seen.missing, seen.ssrcs), (0, 0, 1));
    assert_eq!(seen.keyframes, 1, "one IDR was sent");
    assert!(seen.time_to_first_packet().unwrap() < Duration::from_secs(5));
    let units = viewer.take_frames().unwrap();
    assert!(units.len() >= 30 && units[0].keyframe);
    assert_eq!(units[0].data[..10], [0, 0, 0, 1, 0x67, 9, 0, 0, 0, 1]);
    assert_eq!(units[1].data, [0, 0, 0, 1, 0x41, 7, 7]);
    drop(sender);
}

#[test]
fn a_viewer_that_nobody_was_told_of_connects_as_peer_reflexive() {
    let pool = ViewerPool::spawn().unwrap();
    for candidates in [Candidates::Trickled, Candidates::Mdns] {
        let config = ViewerConfig { candidates, ..ViewerConfig::default() };
        let waiting = pool.offer(&config).unwrap();
        let port = format!(" {} typ host", waiting.local().port());
        let told = waiting.offer().contains("a=candidate") && waiting.offer().contains(&port);
        assert_eq!(told, candidates == Candidates::Mdns, "{}", waiting.offer());
        assert!(!waiting.offer().contains("127.0.0.1"), "{}", waiting.offer());
        let (answer, _sender) = Sender::answer(waiting.offer());

        let viewer = waiting.answer(&answer).unwrap();

        viewer.wait_for_picture(LIMIT).unwrap();
    }
}

#[test]
fn a_keyframe_is_asked_for_and_goodbye_is_heard() {
    let pool = ViewerPool::spawn().unwrap();
    let (viewer, sender) = connect(&pool, &ViewerConfig::default());
    viewer.wait_for_picture(LIMIT).unwrap();

    viewer.request_keyframe().unwrap();
    viewer.wait_until(LIMIT, "second keyframe", |seen| seen.keyframes == 2).unwrap();
    assert!(sender.requests.load(Ordering::Relaxed) >= 1);

    viewer.close().unwrap();
    let begin = Instant::now();
    while !sender.closed.load(Ordering::Relaxed) {
        assert!(begin.elapsed() < LIMIT, "the sender heard no close_notify");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_viewer_that_vanishes_answers_nothing_more() {
    let pool = ViewerPool::spawn().unwrap();
    let (viewer, sender) = connect(&pool, &ViewerConfig::default());
    viewer.wait_for_picture(LIMIT).unwrap();

    viewer.vanish().unwrap();
    let before = viewer.stats().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let heard = sender.heard.load(Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(700));

    assert_eq!(viewer.stats().unwrap(), before);
    assert_eq!(sender.heard.load(Ordering::Relaxed), heard);
}

#[test]
fn an_ice_restart_goes_on_playing() {
    let pool = ViewerPool::spawn().unwrap();
    let (viewer, sender) = connect(&pool, &ViewerConfig::default());
    viewer.wait_for_picture(LIMIT).unwrap();

    let offer = viewer.restart_offer().unwrap();
    viewer.renegotiated(&sender.renegotiate(offer)).unwrap();

    viewer.wait_for_picture(LIMIT).unwrap();
}

#[test]
fn a_hundred_viewers_fit_in_one_pool() {
    let pool = ViewerPool::spawn().unwrap();
    let mut viewers = Vec::new();
    for _ in 0..100 {
        viewers.push(pool.offer(&ViewerConfig::default()).unwrap());
    }
    let ports: std::collections::BTreeSet<u16> =
        viewers.iter().map(|viewer| viewer.local().port()).collect();
    assert_eq!(ports.len(), 100);
}

fn connect(pool: &ViewerPool, config: &ViewerConfig) -> (Viewer, Sender) {
    let waiting = pool.offer(config).unwrap();
    let (answer, sender) = Sender::answer(waiting.offer());
    (waiting.answer(&answer).unwrap(), sender)
}

/// A str0m sender on a thread: an IDR of four packets first and on request, a small frame each 10 ms.
struct Sender {
    stop: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
    requests: Arc<AtomicU64>,
    heard: Arc<AtomicU64>,
    offers: mpsc::Sender<(String, mpsc::Sender<String>)>,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Sender {
    fn answer(offer: &str) -> (String, Sender) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let mut rtc = Rtc::builder().set_rtp_mode(true).build(Instant::now());
        let local = socket.local_addr().unwrap();
        rtc.add_local_candidate(Candidate::host(local, "udp").unwrap()).unwrap();
        let offer = SdpOffer::from_sdp_string(offer).unwrap();
        let answer = rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string();
        let (offers, renegotiations) = mpsc::channel();
        let sender = Sender {
            stop: Arc::default(),
            closed: Arc::default(),
            requests: Arc::default(),
            heard: Arc::default(),
            offers,
        };
        let (stop, closed) = (sender.stop.clone(), sender.closed.clone());
        let (requests, heard) = (sender.requests.clone(), sender.heard.clone());
        std::thread::spawn(move || {
            let (sequence, time) = (65_530, 4_000_000_000);
            let mut work = Work { rtc, socket, video: None, sequence, time, keyframes: 0 };
            let (mut connected, mut next) = (false, Instant::now());
            for _ in 0..60_000 {
                if stop.load(Ordering::Relaxed) || closed.load(Ordering::Relaxed) {
                    return;
                }
                work.turn(&mut connected, &requests, &heard, &closed);
                if connected && next <= Instant::now() {
                    next = Instant::now() + Duration::from_millis(10);
                    let wanted = requests.load(Ordering::Relaxed) + 1;
                    work.send(wanted);
                }
                if let Ok((offer, reply)) = renegotiations.try_recv() {
                    let offer = SdpOffer::from_sdp_string(&offer).unwrap();
                    let answer = work.rtc.sdp_api().accept_offer(offer).unwrap();
                    reply.send(answer.to_sdp_string()).unwrap();
                }
            }
        });
        (answer, sender)
    }

    fn renegotiate(&self, offer: String) -> String {
        let (reply, answer) = mpsc::channel();
        self.offers.send((offer, reply)).unwrap();
        answer.recv_timeout(LIMIT).unwrap()
    }
}

struct Work {
    rtc: Rtc,
    socket: UdpSocket,
    video: Option<Mid>,
    sequence: u64,
    time: u32,
    keyframes: u64,
}

impl Work {
    /// Drains, receives for a millisecond, fires the timeout.
    fn turn(
        &mut self,
        connected: &mut bool,
        requests: &AtomicU64,
        heard: &AtomicU64,
        closed: &AtomicBool,
    ) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => break,
                Output::Transmit(t) => drop(self.socket.send_to(&t.contents, t.destination)),
                Output::Event(Event::Connected) => *connected = true,
                Output::Event(Event::Closed) => closed.store(true, Ordering::Relaxed),
                Output::Event(Event::KeyframeRequest(_)) => {
                    requests.fetch_add(1, Ordering::Relaxed);
                }
                Output::Event(Event::MediaAdded(added)) if added.kind == MediaKind::Video => {
                    self.video = Some(added.mid);
                }
                Output::Event(_) => {}
            }
        }
        let mut buffer = [0; 2048];
        let local = self.socket.local_addr().unwrap();
        match self.socket.recv_from(&mut buffer) {
            Ok((len, source)) => {
                heard.fetch_add(1, Ordering::Relaxed);
                let receive = Receive::new(Protocol::Udp, source, local, &buffer[..len]).unwrap();
                self.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
            }
            Err(_) => {}
        }
    }

    /// Sends the `wanted`-th keyframe if it was not sent yet, or a small frame.
    fn send(&mut self, wanted: u64) {
        let Some(video) = self.video else { return };
        let frame: &[&[u8]] = if self.keyframes < wanted {
            self.keyframes += 1;
            &[&[24, 0, 2, 0x67, 9, 0, 1, 0x68], &[0x7c, 0x85, 1], &[0x7c, 5, 2], &[0x7c, 0x45, 3]]
        } else {
            &[&[0x41, 7, 7]]
        };
        let media = self.rtc.media(video).unwrap();
        let pts = media.remote_pts().to_vec();
        let config = self.rtc.codec_config().params().to_vec();
        let pt = config.iter().find(|p| p.spec().codec == Codec::H264 && pts.contains(&p.pt()));
        let pt = pt.unwrap().pt();
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(video, None).unwrap();
        for (index, payload) in frame.iter().enumerate() {
            let last = index + 1 == frame.len();
            let write = RtpWrite::new(
                pt,
                self.sequence.into(),
                self.time,
                Instant::now(),
                payload.to_vec(),
            );
            stream.write_rtp(write.marker(last).nackable(true));
            self.sequence += 1;
        }
        self.time = self.time.wrapping_add(900);
    }
}
