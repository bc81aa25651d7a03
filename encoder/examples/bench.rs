//! Measures drawing and encoding of the test picture, in milliseconds a frame.
//!
//! `cargo run --release -p pinhole-encoder --example bench [WIDTHxHEIGHT] [FPS] [BITRATE]`

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use pinhole_encoder::encoder::{Encoded, FrameControl};
use pinhole_encoder::frame::I420;
use pinhole_encoder::source::{Moment, TestPicture};
use pinhole_encoder::{
    Content, Encoder, EncoderChoice, EncoderSettings, Frame, FrameRate, Media, OpenH264, Size,
    SourceKind, Stream, StreamConfig,
};

const FRAMES: u32 = 300;
const JOINS: usize = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let size = arguments.next().unwrap_or_else(|| "1280x720".into());
    let (width, height) = size.split_once('x').ok_or("WIDTHxHEIGHT")?;
    let size = Size::new(width.parse()?, height.parse()?)?;
    let rate = FrameRate::per_second(arguments.next().map_or(Ok(30), |fps| fps.parse())?)?;
    let bitrate = arguments.next().map_or(Ok(3_000_000), |bitrate| bitrate.parse())?;
    for content in [Content::Camera, Content::Screen] {
        for threads in [1, 2] {
            let settings =
                EncoderSettings { size, rate, bitrate, content, full_range: false, threads };
            measure(&settings)?;
        }
    }
    measure_joining(size)
}

/// From the first viewer to the first access unit, with the threads and the wake-up in between.
fn measure_joining(size: Size) -> Result<(), Box<dyn std::error::Error>> {
    let mut stream = Stream::start(&StreamConfig {
        source: SourceKind::Test,
        encoder: EncoderChoice::Auto,
        size: (size.width(), size.height()),
        fps: None,
        bitrate: 3_000_000,
        content: Content::Camera,
        openh264_library: None,
    })?;
    let (sender, woken) = channel();
    stream.set_wake(Arc::new(move || _ = sender.send(())));
    let mut times = Vec::new();
    for _ in 0..JOINS {
        std::thread::sleep(Duration::from_millis(50));
        while woken.try_recv().is_ok() {}
        let began = Instant::now();
        stream.set_active(true);
        woken.recv_timeout(Duration::from_secs(5))?;
        stream.poll_access_unit().ok_or("woken for nothing")?;
        times.push(began.elapsed());
        stream.set_active(false);
    }
    println!("{size} {}: joining {}", stream.format().encoder, percentiles(&mut times));
    Ok(())
}

fn measure(settings: &EncoderSettings) -> Result<(), Box<dyn std::error::Error>> {
    let source = TestPicture::new(settings.size, settings.rate)?;
    let mut encoder = OpenH264::new(settings)?;
    let mut frame = Frame::I420(I420::black(settings.size));
    let (mut draw, mut encode) = (Vec::new(), Vec::new());
    let (mut bytes, mut first, mut idrs) = (0, 0, 0);
    let mut out = Vec::new();
    for n in 0..FRAMES {
        let at = settings.rate.due(n.into());
        let since_epoch = Duration::from_secs(1_700_000_000) + at;
        let moment = Moment { sequence: n.into(), due: Instant::now(), since_epoch };
        let began = Instant::now();
        if let Frame::I420(picture) = &mut frame {
            source.draw(&moment, picture);
        }
        let drawn = Instant::now();
        out.clear();
        let encoded = encoder.encode(&frame, FrameControl { force_idr: false, at }, &mut out)?;
        idrs += u32::from(encoded == Encoded::Idr);
        encode.push(drawn.elapsed());
        draw.push(drawn - began);
        bytes += out.len();
        if n == 0 {
            first = out.len();
        }
    }
    let seconds = settings.rate.due(FRAMES.into()).as_secs_f64();
    println!(
        "{} {} fps {:?}, {}: draw {}, encode {}, first {} (IDR {first} bytes), {:.2} Mbit/s, {idrs} IDR",
        settings.size,
        settings.rate,
        settings.content,
        encoder.describe(),
        percentiles(&mut draw),
        percentiles(&mut encode.split_off(1)),
        ms(encode[0]),
        bytes as f64 * 8.0 / seconds / 1e6,
    );
    Ok(())
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    format!("{} ms p50 {} ms p99", ms(p50), ms(p99))
}

fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}
