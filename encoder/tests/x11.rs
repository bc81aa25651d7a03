//! The screen of a real X server, Xvfb, and what is said of one that cannot be captured.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use common::{Folder, MS, Watched, colours, config, moment};
use pinhole_encoder::source::{Pacing, X11Screen};
use pinhole_encoder::{Content, Frame, FrameRate, Size, Source, SourceKind, Stream, StreamConfig};
use x11rb::connection::Connection;
use x11rb::protocol::randr::{ConnectionExt as _, Rotation};
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateGCAux, CreateWindowAux, Rectangle, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// An X server without a monitor, ended with the test.
struct Server {
    process: Child,
    display: String,
}

impl Server {
    /// Starts one on a display that is free.
    fn start(screen: &str, words: &[&str]) -> Server {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", screen, "-nolisten", "tcp"]);
        command.args(words).stdout(Stdio::piped()).stderr(Stdio::null());
        let started = command.spawn();
        let mut process =
            started.expect("Xvfb is missing: apt-get install xvfb, or cargo xtask test");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "Xvfb {screen} {words:?} does not start");
        Server { process, display: format!(":{}", line.trim()) }
    }

    fn capture(&self) -> X11Screen {
        X11Screen::open(Some(&self.display), rate()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client with windows of one colour each.
struct Client {
    connection: RustConnection,
    root: Window,
}

impl Client {
    fn new(server: &Server) -> Client {
        let (connection, screen) = RustConnection::connect(Some(&server.display)).unwrap();
        let root = connection.setup().roots[screen].root;
        Client { connection, root }
    }

    /// Shows a window without a frame: there is no window manager.
    fn window(&self, (x, y): (i16, i16), (width, height): (u16, u16), rgb: u32) -> Window {
        let id = self.connection.generate_id().unwrap();
        let about = CreateWindowAux::new().background_pixel(rgb).override_redirect(1);
        let class = WindowClass::INPUT_OUTPUT;
        self.connection
            .create_window(24, id, self.root, x, y, width, height, 0, class, 0, &about)
            .unwrap();
        self.connection.map_window(id).unwrap();
        self.connection.sync().unwrap();
        id
    }

    /// Moves the pointer, and gives a window a cursor of one colour, 8x8, its hot spot in the middle.
    fn cursor(&self, window: Window, (x, y): (i16, i16), (red, green, blue): (u16, u16, u16)) {
        let server = &self.connection;
        let [bits, gc, cursor] = [(); 3].map(|()| server.generate_id().unwrap());
        server.create_pixmap(1, bits, self.root, 8, 8).unwrap();
        server.create_gc(gc, bits, &CreateGCAux::new().foreground(1)).unwrap();
        let all = Rectangle { x: 0, y: 0, width: 8, height: 8 };
        server.poly_fill_rectangle(bits, gc, &[all]).unwrap();
        server.create_cursor(cursor, bits, bits, red, green, blue, 0, 0, 0, 4, 4).unwrap();
        let about = x11rb::protocol::xproto::ChangeWindowAttributesAux::new().cursor(cursor);
        server.change_window_attributes(window, &about).unwrap();
        server.warp_pointer(x11rb::NONE, self.root, 0, 0, 0, 0, x, y).unwrap();
        server.sync().unwrap();
    }
}

fn rate() -> FrameRate {
    FrameRate::per_second(30).unwrap()
}

fn next(screen: &mut X11Screen, spare: Option<Frame>) -> Frame {
    screen.next_frame(&moment(), spare).unwrap().unwrap()
}

/// Blue, green and red of a pixel.
fn pixel(frame: &Frame, x: usize, y: usize) -> [u8; 3] {
    let pixels = frame.as_picture().unwrap().rows()[0];
    let at = y * pixels.stride + x * 4;
    pixels.bytes[at..at + 3].try_into().unwrap()
}

#[test]
fn windows_and_the_cursor_are_captured_with_and_without_shared_memory() {
    for (words, shared) in [(&[][..], true), (&["-extension", "MIT-SHM"][..], false)] {
        let server = Server::start("641x481x24", words);
        let client = Client::new(&server);
        let mut screen = server.capture();
        assert_eq!(screen.shares_memory(), shared);
        let format = screen.format();
        assert_eq!(format.size, Size::new(640, 480).unwrap());
        assert_eq!((format.pacing, format.full_range), (Pacing::Clock, false));

        client.window((100, 60), (200, 100), 0x12_34_56);
        let above = client.window((400, 200), (64, 64), 0xff_80_00);
        client.cursor(above, (430, 230), (0, 0xffff, 0));
        let frame = next(&mut screen, None);
        let (window, root) = ([0x56, 0x34, 0x12], [0, 0, 0]);
        for (x, y, want) in [
            (100, 60, window),
            (299, 159, window),
            (99, 60, root),
            (300, 159, root),
            (299, 160, root),
            (0, 479, root),
            (639, 0, root),
            (401, 201, [0, 0x80, 0xff]),
            (426, 226, [0, 255, 0]),
            (433, 233, [0, 255, 0]),
            (435, 230, [0, 0x80, 0xff]),
        ] {
            assert_eq!(pixel(&frame, x, y), want, "{x},{y} {words:?}");
        }
        // What changes is there the next time, in the same memory.
        let address = frame.as_picture().unwrap().rows()[0].bytes.as_ptr();
        client.window((0, 0), (16, 16), 0xff_ff_ff);
        let frame = next(&mut screen, Some(frame));
        assert_eq!(pixel(&frame, 0, 0), [255; 3]);
        assert_eq!(frame.as_picture().unwrap().rows()[0].bytes.as_ptr(), address);
    }
}

#[test]
fn a_screen_is_streamed() {
    let server = Server::start("320x180x24", &[]);
    let client = Client::new(&server);
    client.window((0, 0), (320, 180), 0xff_00_00);
    let source = SourceKind::X11(Some(server.display.clone()));
    let settings = StreamConfig { content: Content::Screen, ..config(source) };
    let mut watched = Watched::new(Stream::start(&settings).unwrap());
    assert_eq!(watched.stream.format().frames_per_1000s, 30_000);
    let (size, seen) = colours(&watched.unit().data);
    assert_eq!(size, (320, 180));
    for corner in seen {
        // Red, as BT.709.
        let off = corner.iter().zip([63, 102, 240]).map(|(got, want)| got.abs_diff(want)).max();
        assert!(off <= Some(3), "{corner:?}");
    }
}

#[test]
fn a_screen_that_changes_its_size_is_followed() {
    let server = Server::start("640x480x24", &[]);
    let client = Client::new(&server);
    // Without an output that needs all of it, the screen may have any size.
    let about = client.connection.randr_get_screen_resources(client.root).unwrap().reply().unwrap();
    for &output in &about.crtcs {
        let (server, now, all) = (&client.connection, about.config_timestamp, Rotation::ROTATE0);
        let off = server.randr_set_crtc_config(output, 0, now, 0, 0, 0, all, &[]);
        off.unwrap().reply().unwrap();
    }
    let mut screen = server.capture();
    let mut frame = next(&mut screen, None);
    for (width, height) in [(320, 240), (640, 480), (400, 300)] {
        let resize = client.connection.randr_set_screen_size(client.root, width, height, 100, 100);
        resize.unwrap().check().unwrap();
        client.window((0, 0), (width, height), u32::from(width));
        frame = next(&mut screen, Some(frame));
        let (x, y) = (u32::from(width), u32::from(height));
        assert_eq!(frame.size(), Size::new(x, y).unwrap());
        let [blue, green, _, _] = x.to_le_bytes();
        // Not where the pointer may be, which the screen takes along.
        let corner = pixel(&frame, usize::from(width) - 1, 0);
        assert_eq!(corner, [blue, green, 0]);
        assert!(screen.shares_memory());
    }
}

#[test]
fn each_reason_not_to_be_captured_has_its_sentence() {
    let refused = |display: &str| {
        let error = X11Screen::open(Some(display), rate()).err().expect(display);
        error.to_string()
    };
    let absent = refused(":4242");
    assert!(absent.contains("x11::4242") && absent.contains("Xvfb :99"), "{absent}");
    assert!(refused("nonsense").contains("write it as :0"), "{}", refused("nonsense"));

    let server = Server::start("320x240x16", &[]);
    let shallow = refused(&server.display);
    assert!(shallow.contains("depth 16") && shallow.contains("depth 24"), "{shallow}");
    let server = Server::start("320x240x24", &[]);
    let screen = refused(&format!("{}.7", server.display));
    assert!(screen.contains("no such screen"), "{screen}");
    let server = Server::start("4000x2400x24", &[]);
    assert!(refused(&server.display).contains("scale the picture"), "{}", refused(&server.display));

    let folder = Folder::new("x11");
    // A cookie that nobody else has: family 256 (local), no host, no display.
    let cookie =
        [&[1, 0, 0, 0, 0, 0, 0, 18][..], b"MIT-MAGIC-COOKIE-1", &[0, 16], &[7; 16]].concat();
    let cookies = folder.file("cookies", &cookie);
    let server = Server::start("320x240x24", &["-auth", cookies.to_str().unwrap()]);
    let locked = refused(&server.display);
    assert!(locked.contains("XAUTHORITY") && locked.contains("lets us not in"), "{locked}");
}

#[test]
fn a_server_that_ends_ends_the_stream_with_a_sentence() {
    let server = Server::start("320x240x24", &[]);
    let mut screen = server.capture();
    next(&mut screen, None);
    drop(server);
    let began = Instant::now();
    let error = loop {
        match screen.next_frame(&moment(), None) {
            Ok(_) => assert!(began.elapsed() < 5000 * MS),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("has gone"), "{error}");
}
