//! Frames of two sizes, each with the moment at which it was handed over.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pinhole_encoder::{AccessUnit, Media, MediaEvent, Wake};

/// Bytes of an ordinary frame, and of a keyframe.
const SMALL: usize = 17_000;
const LARGE: usize = 100_000;
/// One frame in so many is a keyframe.
const KEYFRAME_EVERY: u64 = 10;
/// Frames that wait for the loop at most; more, and it is not keeping up, so the oldest goes.
const WAITING_MAX: usize = 8;

/// An SPS of 1280x720 and a PPS, as the other servers of these benches send them.
const SETS: &[u8] = &[
    0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8, 0x06, 0xd0, 0xa1, 0x35, 0, 0,
    0, 1, 0x68, 0xce, 0x3c, 0x80,
];
/// Names the SEI of these benches.
const STAMP_ID: &[u8; 16] = b"PEERS-S3-LATENCY";

/// What the thread that makes frames and the loop that sends them share.
#[derive(Default)]
struct Shared {
    waiting: VecDeque<AccessUnit>,
    wake: Option<Wake>,
}

/// A source of frames that look encoded and are not: no picture comes of them.
pub(crate) struct StampedMedia {
    shared: Arc<Mutex<Shared>>,
}

impl StampedMedia {
    /// Makes frames from now on, one each `interval`, on a thread that ends with the process.
    pub(crate) fn start(interval: Duration) -> StampedMedia {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let media = StampedMedia { shared: shared.clone() };
        std::thread::spawn(move || make_frames(&shared, interval));
        media
    }
}

impl Media for StampedMedia {
    fn set_wake(&mut self, wake: Wake) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).wake = Some(wake);
    }

    fn poll_access_unit(&mut self) -> Option<AccessUnit> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).waiting.pop_front()
    }

    fn poll_event(&mut self) -> Option<MediaEvent> {
        None
    }

    /// One comes soon in any case.
    fn request_keyframe(&mut self) {}

    fn set_active(&mut self, _active: bool) {}
}

fn make_frames(shared: &Mutex<Shared>, interval: Duration) {
    let (small, large) = (slice(0x41, SMALL), [SETS, &slice(0x65, LARGE)].concat());
    let mut due = Instant::now();
    for sequence in 0.. {
        due += interval;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let keyframe = sequence % KEYFRAME_EVERY == 0;
        let frame = if keyframe { &large } else { &small };
        let mut data = Vec::with_capacity(frame.len() + 64);
        write_stamp(&mut data);
        data.extend_from_slice(frame);
        let unit = AccessUnit { data, keyframe, captured: due, encoded: Instant::now(), sequence };
        let wake = {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if shared.waiting.len() == WAITING_MAX {
                shared.waiting.pop_front();
            }
            shared.waiting.push_back(unit);
            shared.wake.clone()
        };
        wake.into_iter().for_each(|wake| wake());
    }
}

/// A NAL unit of this header and size, without a start code in it.
fn slice(header: u8, size: usize) -> Vec<u8> {
    let mut nal = vec![0, 0, 0, 1, header];
    let mut state = 0x9e37_79b9_u32;
    while nal.len() < size {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        // Never 0.
        nal.push(state.to_le_bytes()[0] | 1);
    }
    nal
}

/// An SEI (user data, unregistered) with the system's time in hexadecimal, where no byte needs escaping.
fn write_stamp(out: &mut Vec<u8>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    out.extend_from_slice(&[0, 0, 0, 1, 0x06, 0x05, 32]);
    out.extend_from_slice(STAMP_ID);
    out.extend_from_slice(format!("{now:016x}").as_bytes());
    out.push(0x80);
}
