//! Pictures from the program that embeds us: its render thread sends, the source thread takes.
//!
//! Sending copies the picture into a buffer of ours, as I420, which every back end on the CPU takes as it
//! is: one pass over the samples, in the sender's thread, after which the caller's memory is its own
//! again. It waits for nothing but that copy; the lock is held to exchange buffers. Of two pictures the
//! newer wins. Buffers come back from the encoder, so that nothing of a picture's size is allocated once
//! the first few have gone through.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Moment, Pacing, Source, SourceError, SourceFormat, Stopper};
use crate::frame::{
    DeviceFrame, DevicePicture, Frame, FrameRate, I420, Picture, Size, copy_to_i420,
};

/// Sends pictures into a stream, from any thread. Clones send into the same stream. See [`AppSource`].
pub struct FrameSender {
    shared: Arc<Shared>,
}

/// The end of a [`FrameSender`] that a stream takes its pictures from.
///
/// It ends, and [`MediaEvent::Ended`](crate::MediaEvent::Ended) is reported, when the last sender is
/// dropped and its last picture has been taken.
///
/// ```
/// use pinhole_encoder::frame::{Picture, Rows};
/// use pinhole_encoder::source::AppSource;
/// use pinhole_encoder::{EncoderConfig, FrameRate, Media, Size, Stream};
/// use std::time::{Duration, Instant};
///
/// let size = Size::new(640, 360)?;
/// let (sender, source) = AppSource::new(size, FrameRate::per_second(60)?);
/// let mut stream = Stream::of_source(Box::new(source), &EncoderConfig::default())?;
/// stream.set_active(true); // A runtime does this when somebody watches.
///
/// let render = std::thread::spawn(move || {
///     let pixels = vec![0; 640 * 4 * 360]; // Read back from the GPU, say.
///     let picture = Picture::bgra(size, Rows::new(&pixels, 640 * 4))?;
///     sender.send(&picture, Instant::now())?;
///     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// });
/// render.join().expect("no panic").map_err(|error| error.to_string())?;
/// let until = Instant::now() + Duration::from_secs(10);
/// let unit = loop {
///     assert!(Instant::now() < until);
///     match stream.poll_access_unit() {
///         Some(unit) => break unit,
///         None => std::thread::sleep(Duration::from_millis(1)),
///     }
/// };
/// assert!(unit.keyframe);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AppSource {
    shared: Arc<Shared>,
    format: SourceFormat,
    captured: Option<Instant>,
}

/// Why a picture could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The stream was dropped.
    #[error("the stream has ended; stop sending, or make another with AppSource::new")]
    Closed,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    full_range: bool,
}

struct State {
    /// A picture that the stream has not taken yet.
    newest: Option<(Frame, Instant)>,
    /// When the newest picture so far was captured, taken or not.
    newest_at: Option<Instant>,
    spare: Vec<I420>,
    senders: usize,
    closed: bool,
}

impl AppSource {
    /// Makes both ends. `size` is that of the first pictures: the encoder is set to it, and a picture of
    /// another size sets it anew, with an IDR. `rate`: how often pictures come, which rate control
    /// counts with; more or fewer are taken as they come. Samples of I420 and NV12 are limited range.
    #[must_use]
    pub fn new(size: Size, rate: FrameRate) -> (FrameSender, AppSource) {
        AppSource::with_range(size, rate, false)
    }

    /// Like [`AppSource::new`], with samples from 0 to 255 if `full_range`.
    #[must_use]
    pub fn with_range(size: Size, rate: FrameRate, full_range: bool) -> (FrameSender, AppSource) {
        let state = State {
            newest: None,
            newest_at: None,
            spare: Vec::with_capacity(Shared::SPARE_MAX),
            senders: 1,
            closed: false,
        };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), full_range });
        let format = SourceFormat { size, rate, pacing: Pacing::Arrival, full_range };
        (FrameSender { shared: Arc::clone(&shared) }, AppSource { shared, format, captured: None })
    }
}

impl FrameSender {
    /// Copies a picture into the stream, which shows it as captured at `captured`: when it was rendered
    /// or came off a camera, not later than now. One that is older than another sent before is left out.
    ///
    /// Takes as long as the copy. The size may differ from the one before; see [`AppSource::new`].
    pub fn send(&self, picture: &Picture<'_>, captured: Instant) -> Result<(), SendError> {
        let mut buffer = {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(SendError::Closed);
            }
            Frame::reuse_i420(state.spare.pop().map(Frame::I420), picture.size())
        };
        // It cannot fail: the buffer was made for this size, and the planes were checked.
        let copied = copy_to_i420(picture, &mut buffer, self.shared.full_range);
        debug_assert!(copied, "a checked picture of the buffer's size");
        self.put(Frame::I420(buffer), captured)
    }

    /// Puts a picture in the memory of a device into the stream, without looking at it: see
    /// [`DevicePicture`]. Otherwise like [`FrameSender::send`].
    pub fn send_device(
        &self,
        picture: Arc<dyn DevicePicture>,
        captured: Instant,
    ) -> Result<(), SendError> {
        self.put(Frame::Device(DeviceFrame(picture)), captured)
    }

    fn put(&self, frame: Frame, captured: Instant) -> Result<(), SendError> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(SendError::Closed);
        }
        if state.newest_at.is_some_and(|newest| captured < newest) {
            state.keep(frame);
            return Ok(());
        }
        state.newest_at = Some(captured);
        if let Some((old, _)) = state.newest.replace((frame, captured)) {
            state.keep(old);
        }
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Says whether the stream was dropped, so that nothing need be rendered for it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.lock().closed
    }
}

impl Clone for FrameSender {
    fn clone(&self) -> FrameSender {
        self.shared.lock().senders += 1;
        FrameSender { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for FrameSender {
    fn drop(&mut self) {
        self.shared.lock().senders -= 1;
        self.shared.changed.notify_one();
    }
}

impl Source for AppSource {
    fn format(&self) -> SourceFormat {
        self.format
    }

    fn next_frame(
        &mut self,
        _moment: &Moment,
        spare: Option<Frame>,
    ) -> Result<Option<Frame>, SourceError> {
        let mut state = self.shared.lock();
        if let Some(spare) = spare {
            state.keep(spare);
        }
        loop {
            if let Some((frame, captured)) = state.newest.take() {
                self.captured = Some(captured);
                return Ok(Some(frame));
            }
            if state.senders == 0 || state.closed {
                return Ok(None);
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn captured(&self) -> Option<Instant> {
        self.captured
    }

    fn stopper(&self) -> Option<Stopper> {
        let shared = Arc::clone(&self.shared);
        Some(Box::new(move || shared.close()))
    }
}

impl Drop for AppSource {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    /// Buffers kept for senders: one for each of two that send at once.
    const SPARE_MAX: usize = 2;

    /// Nothing panics under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.newest = None;
        state.spare.clear();
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    /// Keeps a buffer to be written again; what is a device's goes back to it.
    fn keep(&mut self, frame: Frame) {
        if let Frame::I420(buffer) = frame
            && self.spare.len() < Shared::SPARE_MAX
            && !self.closed
        {
            self.spare.push(buffer);
        }
    }
}
