//! The screen of an X server: Xorg, Xvfb, Xwayland with a root window.
//!
//! The root window is asked for at each tick of the clock, with the cursor drawn in. The server writes it
//! into memory that we made and gave it (MIT-SHM 1.2), which we then read with `pread`, so that nothing
//! here is mapped; a server that takes no such memory sends the picture through its socket. The size is
//! asked for with each picture, since a screen may change it at any time (RandR). A side that is odd
//! loses its last row or column.

mod cursor;
mod screen;

use crate::frame::{Frame, FrameRate, PixelFormat, Size};
use screen::Screen;

use super::{Moment, Pacing, Source, SourceError, SourceFormat};

/// Captures the screen of an X server.
pub struct X11Screen {
    screen: Screen,
    rate: FrameRate,
}

impl X11Screen {
    /// How often a picture is asked for again when the screen changes its size meanwhile.
    const TRIES: usize = 5;

    /// Connects to a display, such as `:0`, or to that of the environment (`DISPLAY`). The credentials
    /// are those that `XAUTHORITY` or `~/.Xauthority` holds.
    pub fn open(display: Option<&str>, rate: FrameRate) -> Result<X11Screen, SourceError> {
        Ok(X11Screen { screen: Screen::connect(display)?, rate })
    }

    /// Whether pictures come through shared memory rather than through the server's socket.
    #[must_use]
    pub fn shares_memory(&self) -> bool {
        self.screen.shares_memory()
    }
}

impl Source for X11Screen {
    fn format(&self) -> SourceFormat {
        let (size, rate) = (self.screen.size(), self.rate);
        SourceFormat { size, rate, pacing: Pacing::Clock, full_range: false }
    }

    fn next_frame(
        &mut self,
        _moment: &Moment,
        mut spare: Option<Frame>,
    ) -> Result<Option<Frame>, SourceError> {
        for _ in 0..Self::TRIES {
            let size = self.screen.size();
            let mut frame = buffer(spare.take(), size);
            let [pixels] = frame.all_planes_mut() else { continue };
            if self.screen.capture(pixels.bytes_mut())? {
                return Ok(Some(frame));
            }
            spare = Some(frame);
        }
        Err(self.screen.error("its size changes faster than it can be captured".to_owned()))
    }
}

fn buffer(spare: Option<Frame>, size: Size) -> Frame {
    Frame::reuse(spare, PixelFormat::Bgra, size, [size.pixels().0 * 4, 0, 0])
}
