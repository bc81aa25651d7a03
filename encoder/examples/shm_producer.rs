//! Writes the test picture into shared memory, for `pinhole --source shm:NAME` in another terminal:
//!
//! ```text
//! cargo run --release -p pinhole-encoder --example shm_producer -- NAME [WIDTHxHEIGHT [FPS [PICTURES]]]
//! ```

use std::error::Error;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use pinhole_encoder::source::shared_memory::{RingFormat, RingWriter};
use pinhole_encoder::source::{Moment, Source, TestPicture};
use pinhole_encoder::{FrameRate, Size};

fn main() -> Result<(), Box<dyn Error>> {
    produce(std::env::args().skip(1))
}

/// Writes until the pictures are written.
pub(crate) fn produce(mut words: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let name = words.next().ok_or("name the ring, as in: shm_producer game 1280x720 30")?;
    let size = words.next().unwrap_or_else(|| "1280x720".into());
    let (width, height) = size.split_once('x').ok_or("write the size as 1280x720")?;
    let size = Size::new(width.parse()?, height.parse()?)?;
    let rate = FrameRate::per_second(words.next().map_or(Ok(30), |fps| fps.parse())?)?;
    let pictures: u64 = words.next().map_or(Ok(u64::MAX), |count| count.parse())?;

    let mut source = TestPicture::new(size, rate)?;
    let format = pinhole_encoder::frame::PixelFormat::I420;
    let mut ring = RingWriter::create(&name, &RingFormat { format, size, rate })?;
    println!("writing {size} at {rate} fps; show it with: pinhole --source shm:{name}");

    let (start, mut spare) = (Instant::now(), None);
    for sequence in 0..pictures {
        let due = start + rate.due(sequence);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let moment = Moment { sequence, due, since_epoch };
        let frame = source.next_frame(&moment, spare.take())?.ok_or("a test picture never ends")?;
        if let Some(picture) = frame.as_picture() {
            ring.write(&picture, due)?;
        }
        spare = Some(frame);
    }
    Ok(())
}
