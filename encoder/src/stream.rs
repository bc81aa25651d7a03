//! A running stream, and what its owner does with it.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::access_unit::AccessUnit;
use crate::config::{EncoderConfig, SourceKind, StreamConfig, StreamFormat};
use crate::encoder::{Encoder, EncoderSettings, Starter};
use crate::error::StreamError;
use crate::frame::{FrameRate, Size};
use crate::media::{Media, MediaEvent, Wake};
use crate::plan::{self, threads};
use crate::source::{
    H264File, Pacing, SharedMemory, Source, Stopper, TestPicture, X11Screen, Y4mFile, Y4mStream,
};
use crate::stats::StreamStats;
use crate::thread::{Begin, Charge, Shared, Watchdog, Worker};

/// A running stream: source thread, encoder thread, and the queue between them and the event loop.
///
/// Starts inactive, see [`Media::set_active`]. Dropping it ends its threads; one that hangs in a back end
/// or in a blocked read is left behind.
pub struct Stream {
    shared: Arc<Shared>,
    format: StreamFormat,
    threads: Vec<(Worker, JoinHandle<()>, Duration)>,
    /// Ends a source that blocks.
    stopper: Option<Stopper>,
}

impl Stream {
    /// Frames a second of the test picture and of screens, if nobody says.
    pub const FPS_DEFAULT: u32 = 30;
    /// How long [`Stream::start`] waits for a header on standard input.
    pub const HEADER_PATIENCE: Duration = Duration::from_secs(30);
    /// How long dropping waits for a thread that has work in hand.
    const PATIENCE: Duration = Duration::from_millis(1000);
    /// How long for one that may be blocked in a read.
    const READ_PATIENCE: Duration = Duration::from_millis(20);

    /// Opens the source, makes the encoder (both checked now, so that errors come at start), starts the
    /// threads. Blocks for up to [`Stream::HEADER_PATIENCE`] when standard input is the source.
    pub fn start(config: &StreamConfig) -> Result<Stream, StreamError> {
        let rate = config.fps.map(FrameRate::per_second).transpose()?;
        let source: Box<dyn Source> = match &config.source {
            SourceKind::Test => {
                let size = Size::new(config.size.0, config.size.1)?;
                let rate = rate.map_or_else(|| FrameRate::per_second(Self::FPS_DEFAULT), Ok)?;
                Box::new(TestPicture::new(size, rate)?)
            }
            SourceKind::Y4mFile(path) if is_live(path) => {
                let failed = |error| {
                    let path = path.clone();
                    StreamError::Source(crate::source::SourceError::File { path, error })
                };
                let file = std::fs::File::open(path).map_err(failed)?;
                let name = path.display().to_string();
                Box::new(Y4mStream::open(file, &name, rate, Self::HEADER_PATIENCE)?)
            }
            SourceKind::Y4mFile(path) => Box::new(Y4mFile::open(path, rate)?),
            SourceKind::Stdin => {
                let (input, name) = (std::io::stdin(), "standard input");
                Box::new(Y4mStream::open(input, name, rate, Self::HEADER_PATIENCE)?)
            }
            SourceKind::SharedMemory(name) => {
                let size = Size::new(config.size.0, config.size.1)?;
                Box::new(SharedMemory::open(name, size, rate)?)
            }
            SourceKind::X11(display) => {
                let rate = rate.map_or_else(|| FrameRate::per_second(Self::FPS_DEFAULT), Ok)?;
                Box::new(X11Screen::open(display.as_deref(), rate)?)
            }
            SourceKind::H264File(path) => return Stream::pass_through(H264File::open(path, rate)?),
        };
        Stream::of_source(source, &config.encoder())
    }

    /// Starts a stream of an embedder's own source, such as an
    /// [`AppSource`](crate::source::AppSource), with the encoder that `config` means.
    pub fn of_source(
        source: Box<dyn Source>,
        config: &EncoderConfig,
    ) -> Result<Stream, StreamError> {
        let format = source.format();
        let settings = EncoderSettings {
            size: format.size,
            rate: format.rate,
            bitrate: config.bitrate,
            content: config.content,
            full_range: format.full_range,
            threads: threads(format.size.macroblocks()),
        };
        let started = plan::start(config.encoder, &settings, config.openh264_library.as_deref())?;
        let mut stream = Stream::from_parts(source, started.encoder, settings, started.chain)?;
        stream.format.encoder = started.line;
        Ok(stream)
    }

    /// Starts a stream from an embedder's own source and encoder. The encoder is set to `settings` already.
    ///
    /// `chain` are the back ends that take over, each with an IDR and within about a second, when the one
    /// in use hangs, fails, panics or writes what viewers must not get: one after the other, and from the
    /// first again. After four replacements within 60 s the next failure is final
    /// ([`MediaEvent::Failed`]), as is the fifth back end that hangs at the same time. What they write is
    /// to be of the size set, and of the profile that `encoder` promised or one below it. Without a chain
    /// the first failure is final, and a back end that hangs is only reported.
    pub fn from_parts(
        source: Box<dyn Source>,
        encoder: Box<dyn Encoder>,
        settings: EncoderSettings,
        chain: impl IntoIterator<Item = Starter>,
    ) -> Result<Stream, StreamError> {
        let given = source.format();
        let format = StreamFormat {
            width: given.size.width(),
            height: given.size.height(),
            frames_per_1000s: given.rate.per_1000s(),
            profile_level_id: encoder.profile_level_id(),
            encoder: encoder.describe(),
        };
        let live = given.pacing == Pacing::Arrival;
        let patience = if live { Self::READ_PATIENCE } else { Self::PATIENCE };
        let mut stream = Stream::new(format, live);
        stream.stopper = source.stopper();
        let promised = stream.format.profile_level_id;
        let watchdog = Watchdog::new(chain.into_iter().collect(), settings, promised);
        let charge = Charge { set: settings, settings, promised, hung: 0, instead_of: None };
        let begun = stream.shared.spawn_encoder(Begin::With(encoder), charge);
        begun.map_err(StreamError::Thread)?;
        stream.spawn(Worker::Watchdog, "pinhole-watch", Self::PATIENCE, |shared| {
            watchdog.run(shared);
        })?;
        stream.spawn(Worker::Source, "pinhole-source", patience, |shared| {
            crate::thread::pictures(shared, source);
        })?;
        Ok(stream)
    }

    /// Starts a stream of a file that is encoded already.
    pub fn pass_through(file: H264File) -> Result<Stream, StreamError> {
        let (size, rate) = (file.size(), file.rate());
        let assumed = if file.rate_is_assumed() {
            format!("; {rate} frames a second assumed, since the file does not say: --fps sets it")
        } else {
            String::new()
        };
        let format = StreamFormat {
            width: size.width(),
            height: size.height(),
            frames_per_1000s: rate.per_1000s(),
            profile_level_id: file.profile_level_id(),
            encoder: format!("none (the file is H.264 already and passed through{assumed})"),
        };
        let mut stream = Stream::new(format, false);
        stream.spawn(Worker::Source, "pinhole-source", Self::PATIENCE, |shared| {
            crate::thread::passthrough(shared, file);
        })?;
        Ok(stream)
    }

    /// What comes out.
    #[must_use]
    pub fn format(&self) -> &StreamFormat {
        &self.format
    }

    /// A handle to counters that outlives the move of the stream into a runtime.
    #[must_use]
    pub fn stats(&self) -> Arc<StreamStats> {
        Arc::clone(&self.shared.stats)
    }

    fn new(format: StreamFormat, live: bool) -> Stream {
        Stream { shared: Arc::new(Shared::new(live)), format, threads: Vec::new(), stopper: None }
    }

    fn spawn(
        &mut self,
        worker: Worker,
        name: &str,
        patience: Duration,
        run: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) -> Result<(), StreamError> {
        let shared = Arc::clone(&self.shared);
        let handle = Builder::new()
            .name(name.into())
            .spawn(move || run(&shared))
            .map_err(StreamError::Thread)?;
        self.threads.push((worker, handle, patience));
        Ok(())
    }
}

impl Media for Stream {
    fn set_wake(&mut self, wake: Wake) {
        self.shared.set_wake(wake);
    }

    fn poll_access_unit(&mut self) -> Option<AccessUnit> {
        self.shared.pop_unit()
    }

    fn poll_event(&mut self) -> Option<MediaEvent> {
        self.shared.pop_event()
    }

    fn request_keyframe(&mut self) {
        self.shared.request_keyframe();
    }

    fn set_active(&mut self, active: bool) {
        self.shared.set_active(active);
    }

    fn set_bitrate(&mut self, bits_per_second: u32) {
        self.shared.set_bitrate(bits_per_second);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.stop();
        self.stopper.iter().for_each(|stop| stop());
        for (worker, handle, patience) in self.threads.drain(..) {
            if self.shared.wait_ended(worker, patience) {
                // It has run its last line; a panic was reported before.
                let _ = handle.join();
            } else {
                tracing::debug!(?worker, "a thread does not end and is left behind");
            }
        }
        // Without its watchdog no other takes its place any more.
        if let Some(handle) = self.shared.encoder_handle() {
            if self.shared.wait_ended(Worker::Encoder, Self::PATIENCE) {
                let _ = handle.join();
            } else {
                tracing::debug!("an encoder does not come back and is left behind");
            }
        }
    }
}

/// Whether a path is a pipe or device, which cannot be read from its start again.
fn is_live(path: &std::path::Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}
