//! A connection to an X server, and pictures of its root window.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{AddressFamily, getsockname};
use x11rb::connection::{Connection, RequestConnection};
use x11rb::cookie::Cookie;
use x11rb::errors::{ConnectError, ReplyError};
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xfixes::{ConnectionExt as _, GetCursorImageReply};
use x11rb::protocol::xproto::{
    ConnectionExt as _, GetGeometryReply, ImageFormat, ImageOrder, Setup,
};
use x11rb::rust_connection::RustConnection;

use super::cursor::Cursor;
use crate::frame::Size;
use crate::source::SourceError;

/// A screen that is captured.
pub(super) struct Screen {
    /// As it was given, for people.
    display: String,
    connection: RustConnection,
    root: u32,
    size: Size,
    /// Memory that the server writes pictures into; `None`: they come through the socket.
    segment: Option<Segment>,
    has_cursor: bool,
}

/// Memory shared with the server.
struct Segment {
    id: shm::Seg,
    file: File,
    bytes: u64,
}

/// What the server says at one moment.
struct Answers {
    geometry: GetGeometryReply,
    cursor: Option<GetCursorImageReply>,
    /// The pixels, unless they are in shared memory. An error where the screen has become smaller.
    image: Result<Option<Vec<u8>>, ReplyError>,
}

impl Screen {
    /// Least version of MIT-SHM that takes memory by its file descriptor.
    const SHM_VERSION: (u16, u16) = (1, 2);
    /// Version of XFixes that tells the cursor's picture.
    const XFIXES_VERSION: (u32, u32) = (2, 0);

    pub(super) fn connect(display: Option<&str>) -> Result<Screen, SourceError> {
        let named = display.map(ToOwned::to_owned).or_else(|| std::env::var("DISPLAY").ok());
        let named = named.filter(|name| !name.is_empty());
        let display = named.clone().unwrap_or_else(|| "DISPLAY".to_owned());
        let failed = |reason| SourceError::X11 { display: display.clone(), reason };
        if named.is_none() {
            let text = "the variable is not set; name the display, as in --source x11::0";
            return Err(failed(text.to_owned()));
        }
        let (connection, screen) =
            RustConnection::connect(named.as_deref()).map_err(|error| failed(explain(&error)))?;
        let (root, size) = root_of(connection.setup(), screen).map_err(failed)?;
        let mut screen =
            Screen { display, connection, root, size, segment: None, has_cursor: false };
        match screen.share() {
            Ok(()) => {}
            Err(why) => tracing::warn!(
                "x11:{}: no memory is shared with the X server ({why}); pictures come through its \
                 socket, which costs more",
                screen.display
            ),
        }
        let (major, minor) = Self::XFIXES_VERSION;
        // Without it there is a picture without a cursor.
        let version = screen.connection.xfixes_query_version(major, minor).map(Cookie::reply);
        screen.has_cursor = matches!(version, Ok(Ok(_)));
        Ok(screen)
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    pub(super) fn shares_memory(&self) -> bool {
        self.segment.is_some()
    }

    /// An error with the display's name.
    pub(super) fn error(&self, reason: String) -> SourceError {
        SourceError::X11 { display: self.display.clone(), reason }
    }

    /// Puts a picture, BGRA of [`Screen::size`] without padding, into `pixels`. False, where the screen
    /// has another size by now, which is then the size.
    pub(super) fn capture(&mut self, pixels: &mut [u8]) -> Result<bool, SourceError> {
        let failed = |error: ReplyError, display: &str| SourceError::X11 {
            display: display.to_owned(),
            reason: format!(
                "the X server has gone or fails ({error}); start again when it is back"
            ),
        };
        let answers = self.ask().map_err(|error| failed(error, &self.display))?;
        let (width, height) = (answers.geometry.width, answers.geometry.height);
        let now = even(width, height).map_err(|reason| self.error(reason))?;
        if now != self.size {
            tracing::info!("x11:{}: the screen is {now} now", self.display);
            self.size = now;
            self.share_again();
            return Ok(false);
        }
        match answers.image.map_err(|error| failed(error, &self.display))? {
            None => self.read(pixels)?,
            Some(data) => {
                let short = || format!("{} bytes for a picture of {}", data.len(), pixels.len());
                let data = data.get(..pixels.len()).ok_or_else(|| self.error(short()))?;
                pixels.copy_from_slice(data);
            }
        }
        if let Some(image) = answers.cursor {
            let corner = |at: i16, hot: u16| i32::from(at) - i32::from(hot);
            let corner = (corner(image.x, image.xhot), corner(image.y, image.yhot));
            let (width, drawn) = (usize::from(image.width), image.cursor_image.as_slice());
            Cursor { corner, width, pixels: drawn }.draw(pixels, self.size);
        }
        Ok(true)
    }

    /// Asks for all at once, which costs one way there and back. A picture in shared memory is there when
    /// this returns.
    fn ask(&self) -> Result<Answers, ReplyError> {
        let (server, root) = (&self.connection, self.root);
        let geometry = server.get_geometry(root)?;
        let cursor = self.has_cursor.then(|| server.xfixes_get_cursor_image()).transpose()?;
        let (width, height) = sides(self.size);
        let (format, planes) = (ImageFormat::Z_PIXMAP, u32::MAX);
        let image = match &self.segment {
            Some(Segment { id, .. }) => {
                let format = format.into();
                let asked =
                    server.shm_get_image(root, 0, 0, width, height, planes, format, *id, 0)?;
                asked.reply().map(|_| None)
            }
            None => {
                let asked = server.get_image(format, root, 0, 0, width, height, planes)?;
                asked.reply().map(|reply| Some(reply.data))
            }
        };
        let cursor = cursor.map(Cookie::reply).transpose()?;
        Ok(Answers { geometry: geometry.reply()?, cursor, image })
    }

    fn read(&self, pixels: &mut [u8]) -> Result<(), SourceError> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let failed = |error| self.error(format!("the shared memory cannot be read: {error}"));
        segment.file.read_exact_at(pixels, 0).map_err(failed)
    }

    /// Shares memory that holds a picture of the size, or says why that is not possible.
    fn share(&mut self) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let local = getsockname(self.connection.stream().as_fd());
        if !local.is_ok_and(|address| address.address_family() == AddressFamily::UNIX) {
            return Err("it is on another machine".to_owned());
        }
        let there = self.connection.extension_information(shm::X11_EXTENSION_NAME);
        if there.map_err(|error| text(&error))?.is_none() {
            return Err("it has no MIT-SHM".to_owned());
        }
        let version = self.connection.shm_query_version().map_err(|error| text(&error))?;
        let version = version.reply().map_err(|error| text(&error))?;
        let version = (version.major_version, version.minor_version);
        if version < Self::SHM_VERSION {
            return Err(format!("its MIT-SHM is {}.{}, before 1.2", version.0, version.1));
        }
        let (width, height) = self.size.pixels();
        let bytes = (width * height * 4) as u64;
        let memory = memfd_create("pinhole-x11", MemfdFlags::CLOEXEC);
        let file = File::from(memory.map_err(|error| text(&error))?);
        file.set_len(bytes).map_err(|error| text(&error))?;
        let servers = OwnedFd::from(file.try_clone().map_err(|error| text(&error))?);
        let id = self.connection.generate_id().map_err(|error| text(&error))?;
        let asked =
            self.connection.shm_attach_fd(id, servers, false).map_err(|error| text(&error))?;
        asked.check().map_err(|error| text(&error))?;
        self.segment = Some(Segment { id, file, bytes });
        Ok(())
    }

    /// Shares memory for a larger picture, if memory is shared at all.
    fn share_again(&mut self) {
        let (width, height) = self.size.pixels();
        let small = |segment: &Segment| segment.bytes < (width * height * 4) as u64;
        let Some(old) = self.segment.take_if(|segment| small(segment)) else { return };
        // Gone when the server hears of it; what it answers does not matter.
        let _ = self.connection.shm_detach(old.id);
        if let Err(why) = self.share() {
            tracing::warn!("x11:{}: no memory is shared any more ({why})", self.display);
        }
    }
}

/// The root window, which must have pixels as we take them, and its size.
fn root_of(setup: &Setup, screen: usize) -> Result<(u32, Size), String> {
    let screen = setup.roots.get(screen).ok_or("the display has no such screen")?;
    let depth = screen.root_depth;
    let bits = setup.pixmap_formats.iter().find(|format| format.depth == depth);
    let visuals = screen.allowed_depths.iter().flat_map(|depth| &depth.visuals);
    let masks = visuals
        .filter(|visual| visual.visual_id == screen.root_visual)
        .map(|visual| (visual.red_mask, visual.green_mask, visual.blue_mask))
        .next();
    let is_bgra = setup.image_byte_order == ImageOrder::LSB_FIRST
        && bits.is_some_and(|format| format.bits_per_pixel == 32)
        && masks == Some((0xff_0000, 0xff00, 0xff));
    if !is_bgra {
        return Err(format!(
            "its pixels of depth {depth} are not of 8 bits for each colour in 32; start the X server \
             with depth 24"
        ));
    }
    Ok((screen.root, even(screen.width_in_pixels, screen.height_in_pixels)?))
}

/// The size without what is odd.
fn even(width: u16, height: u16) -> Result<Size, String> {
    Size::new(u32::from(width & !1), u32::from(height & !1)).map_err(|error| error.to_string())
}

fn sides(size: Size) -> (u16, u16) {
    // Sizes are bounded far below.
    let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
    (side(size.width()), side(size.height()))
}

/// What to do about a server that does not let us in.
fn explain(error: &ConnectError) -> String {
    let words = |reason: &[u8]| String::from_utf8_lossy(reason).trim().to_owned();
    let refused = |reason: String| {
        format!(
            "the X server lets us not in ({reason}); set XAUTHORITY to the cookie file of whoever \
             runs it, or let us in from there: xhost +si:localuser:USER"
        )
    };
    match error {
        ConnectError::SetupFailed(failed) => refused(words(&failed.reason)),
        ConnectError::SetupAuthenticate(failed) => refused(words(&failed.reason)),
        ConnectError::DisplayParsingError(_) => {
            "this names no display; write it as :0 or HOST:0".to_owned()
        }
        ConnectError::InvalidScreen => "the display has no such screen".to_owned(),
        ConnectError::IoError(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            format!("the socket of the X server may not be opened ({error}); run as its user")
        }
        ConnectError::IoError(error) => format!(
            "no X server answers ({error}); is it running? One without a monitor: \
             Xvfb :99 -screen 0 1280x720x24"
        ),
        error => format!("the X server is not understood: {error}"),
    }
}
