//! The newest pictures, from the last IDR on, for a viewer that comes when the next IDR would be too
//! soon: it gets what the others have just had, at once, and goes on with them. Who joins in a storm
//! waits for no IDR, and the others get none that they do not need.
//!
//! Kept for as long as an IDR is refused after another ([`super::keyframes`]), and nothing after that;
//! the payloads are those that all viewers share.

use std::time::Instant;

use super::keyframes::{INTERVAL, KeyframeCause};
use super::{Endpoint, SessionId};
use crate::h264::Packet;

/// Pictures kept: those of 250 ms at 120 a second.
const PICTURES_MAX: usize = 32;
/// Bytes of payload kept: those of 250 ms at 64 Mbit/s.
const BYTES_MAX: usize = 2 << 20;

/// From the last IDR to the newest picture, if that is not long.
#[derive(Debug, Default)]
pub(super) struct Recent {
    begun: Option<Instant>,
    pictures: Vec<Picture>,
    bytes: usize,
    /// Lists that were used before, kept for their capacity.
    spare: Vec<Vec<Packet>>,
}

/// One access unit, cut into packets.
#[derive(Debug)]
struct Picture {
    captured: Instant,
    rtp_time: u32,
    keyframe: bool,
    packets: Vec<Packet>,
}

impl Recent {
    /// Takes a picture that goes out to all.
    pub(super) fn on_picture(
        &mut self,
        now: Instant,
        (captured, rtp_time): (Instant, u32),
        packets: &[Packet],
        keyframe: bool,
    ) {
        if keyframe {
            self.clear();
            self.begun = Some(now);
        }
        if !self.is_young(now) {
            return self.clear();
        }
        self.bytes += packets.iter().map(|packet| packet.payload.len()).sum::<usize>();
        if self.pictures.len() == PICTURES_MAX || self.bytes > BYTES_MAX {
            return self.clear();
        }
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.extend_from_slice(packets);
        self.pictures.push(Picture { captured, rtp_time, keyframe, packets: kept });
    }

    /// The IDR and all that came after it, oldest first, with the bytes of it; nothing once that is
    /// long ago.
    fn since_idr(&self, now: Instant) -> (&[Picture], usize) {
        if self.is_young(now) { (&self.pictures, self.bytes) } else { (&[], 0) }
    }

    fn is_young(&self, now: Instant) -> bool {
        self.begun.is_some_and(|begun| now < begun + INTERVAL)
    }

    fn clear(&mut self) {
        self.begun = None;
        self.bytes = 0;
        for Picture { mut packets, .. } in self.pictures.drain(..) {
            packets.clear();
            self.spare.push(packets);
        }
    }
}

impl Endpoint {
    /// A viewer is there and has no picture yet: it gets those since an IDR that has just left, or an
    /// IDR is asked for.
    pub(super) fn begin_picture(&mut self, now: Instant, id: SessionId) {
        if !self.send_recent(now, id) {
            self.need_keyframe(now, KeyframeCause::Joined);
        }
    }

    fn send_recent(&mut self, now: Instant, id: SessionId) -> bool {
        let recent = std::mem::take(&mut self.recent);
        let (pictures, bytes) = recent.since_idr(now);
        let sent = self.with_session(id, |session| {
            let fits = !pictures.is_empty() && session.takes_at_once(bytes);
            fits && pictures.iter().all(|picture| {
                let Picture { captured, rtp_time, keyframe, packets } = picture;
                session.send_frame(now, *captured, *rtp_time, packets, *keyframe)
            })
        });
        self.recent = recent;
        sent == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn packets(bytes: usize) -> Vec<Packet> {
        vec![Packet { payload: vec![0; bytes].into(), marker: true }]
    }

    fn at(ms: u64) -> Instant {
        crate::test_clock() + Duration::from_millis(ms)
    }

    fn times(recent: &Recent, ms: u64) -> Vec<u32> {
        recent.since_idr(at(ms)).0.iter().map(|picture| picture.rtp_time).collect()
    }

    #[test]
    fn pictures_are_kept_from_an_idr_on_for_as_long_as_another_is_too_soon() {
        let mut recent = Recent::default();
        recent.on_picture(at(0), (at(0), 1), &packets(10), false);
        assert_eq!(times(&recent, 0), Vec::<u32>::new(), "they cannot be shown without their IDR");

        recent.on_picture(at(10), (at(0), 2), &packets(10), true);
        recent.on_picture(at(40), (at(30), 3), &packets(20), false);
        assert_eq!((times(&recent, 259), recent.since_idr(at(259)).1), (vec![2, 3], 30));
        assert_eq!(times(&recent, 260), Vec::<u32>::new());

        recent.on_picture(at(50), (at(50), 4), &packets(10), true);
        assert_eq!(times(&recent, 60), [4]);
        recent.on_picture(at(300), (at(300), 5), &packets(10), false);
        assert_eq!(times(&recent, 300), Vec::<u32>::new());
        assert_eq!(recent.pictures.len(), 0, "nothing is held that serves nobody");
    }

    #[test]
    fn what_is_kept_is_bounded_and_never_has_a_hole() {
        let mut recent = Recent::default();
        recent.on_picture(at(0), (at(0), 0), &packets(10), true);
        for number in 1..100 {
            recent.on_picture(at(number), (at(number), 1), &packets(10), false);
            assert!(recent.pictures.len() <= PICTURES_MAX);
        }
        assert_eq!(times(&recent, 100), Vec::<u32>::new(), "not from the middle");

        recent.on_picture(at(100), (at(100), 2), &packets(BYTES_MAX), true);
        assert_eq!(times(&recent, 100), [2]);
        recent.on_picture(at(101), (at(101), 3), &packets(1), false);
        assert_eq!(times(&recent, 101), Vec::<u32>::new());
    }
}
