//! Everything of the test picture but number and clock.

use std::ops::Range;

use crate::frame::{I420, Size};

/// 75 % colour bars in BT.709, limited range: white, yellow, cyan, green, magenta, red, blue.
const BARS: [[u8; 3]; 7] = [
    [180, 128, 128],
    [168, 44, 136],
    [145, 147, 44],
    [133, 63, 52],
    [63, 193, 204],
    [51, 109, 212],
    [28, 212, 120],
];
/// The ball: orange.
const BALL: [u8; 3] = [150, 60, 190];
/// Milliseconds in which the ball crosses the picture and comes back, and bounces once.
const CROSSING_MS: u64 = 4_000;
const BOUNCE_MS: u64 = 1_100;
/// Milliseconds in which the texture scrolls by one pixel.
const SCROLL_MS: u64 = 8;

/// The ground, and what moves over it.
pub(super) struct Scene {
    ground: I420,
    /// Rows of luma, twice as wide as the picture and repeating after one width.
    texture: Vec<u8>,
    texture_rows: Range<usize>,
    /// The lower rows of the texture, which do not scroll but jump like snow on an old screen: nothing
    /// predicts them, so that the stream needs the bits that a camera would.
    snow_rows: Range<usize>,
}

impl Scene {
    pub(super) fn new(size: Size) -> Scene {
        let (width, height) = size.pixels();
        let (ramp, texture_top) = (height / 2, height * 9 / 16);
        let texture_rows = texture_top..height * 3 / 4;
        let snow_rows = height * 21 / 32..texture_rows.end;
        let mut ground = I420::black(size);
        for (n, plane) in ground.planes_mut().into_iter().enumerate() {
            let stride = plane.stride();
            let half = usize::from(n > 0);
            for (y, row) in plane.bytes_mut().chunks_mut(stride).enumerate() {
                if y < ramp >> half {
                    for (x, sample) in row.iter_mut().enumerate() {
                        *sample = BARS[x * BARS.len() / stride][n];
                    }
                } else if n == 0 && y < texture_top {
                    for (x, sample) in row.iter_mut().enumerate() {
                        // At most 16 + 219.
                        *sample = (16 + x * 220 / width) as u8;
                    }
                }
            }
        }
        let texture = texture(width, texture_rows.len());
        Scene { ground, texture, texture_rows, snow_rows }
    }

    pub(super) fn size(&self) -> Size {
        self.ground.size()
    }

    /// Draws the picture of a moment. The size must be the scene's.
    pub(super) fn draw(&self, unix_ms: u64, into: &mut I420) {
        for (from, into) in self.ground.planes().iter().zip(into.planes_mut()) {
            into.bytes_mut().copy_from_slice(from.bytes());
        }
        self.draw_texture(unix_ms, into);
        self.draw_ball(unix_ms, into);
        self.draw_hand(unix_ms, into);
    }

    fn draw_texture(&self, unix_ms: u64, into: &mut I420) {
        let (width, _) = self.size().pixels();
        // Below the width, which is a usize.
        let offset = (unix_ms / SCROLL_MS % width as u64) as usize;
        let [luma, ..] = into.planes_mut();
        let rows = luma.bytes_mut().chunks_mut(width).enumerate().skip(self.texture_rows.start);
        for ((y, row), texture) in rows.zip(self.texture.chunks(2 * width)) {
            let offset = if self.snow_rows.contains(&y) {
                // Fibonacci hashing: far apart for neighbouring rows and moments.
                let hash = (unix_ms ^ (y as u64 / 2) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                ((hash >> 32) % width as u64) as usize
            } else {
                offset
            };
            row.copy_from_slice(&texture[offset..offset + width]);
        }
    }

    fn draw_ball(&self, unix_ms: u64, into: &mut I420) {
        let (width, height) = self.size().pixels();
        let radius = height as f32 / 12.0;
        let phase = |period: u64| (unix_ms % period) as f32 / period as f32;
        let across = 1.0 - (2.0 * phase(CROSSING_MS) - 1.0).abs();
        let up = 1.0 - (2.0 * phase(BOUNCE_MS) - 1.0).powi(2);
        let x = radius + across * (width as f32 - 2.0 * radius);
        let y = height as f32 / 2.0 - radius - up * (height as f32 / 2.0 - 2.0 * radius);
        for (n, plane) in into.planes_mut().into_iter().enumerate() {
            let scale = if n > 0 { 0.5 } else { 1.0 };
            let (x, y, radius) = (x * scale, y * scale, radius * scale);
            let stride = plane.stride();
            let (top, rows) = ((y - radius).max(0.0) as usize, (2.0 * radius) as usize + 1);
            let lines = plane.bytes_mut().chunks_mut(stride).enumerate().skip(top).take(rows);
            for (line, row) in lines {
                let reach = radius.powi(2) - (line as f32 - y).powi(2);
                if reach > 0.0 {
                    let begin = (x - reach.sqrt()).max(0.0) as usize;
                    let end = ((x + reach.sqrt()) as usize).min(stride);
                    row[begin.min(end)..end].fill(BALL[n]);
                }
            }
        }
    }

    /// A bright line that crosses the lowest quarter once a second.
    fn draw_hand(&self, unix_ms: u64, into: &mut I420) {
        let (width, _) = self.size().pixels();
        let at = (unix_ms % 1000) as usize * width / 1000;
        let end = (at + width / 160).min(width);
        let [luma, ..] = into.planes_mut();
        for row in luma.bytes_mut().chunks_mut(width).skip(self.texture_rows.end) {
            row[at..end].fill(235);
        }
    }
}

/// Soft noise, from a fixed seed: neighbours are averaged, so that it costs bits but not all of them.
fn texture(width: usize, rows: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state >> 24
    };
    let coarse: Vec<u32> = (0..(width / 4 + 1) * (rows / 4 + 1)).map(|_| noise()).collect();
    let mut texture = Vec::with_capacity(2 * width * rows);
    for y in 0..rows {
        let line = &coarse[y / 4 * (width / 4 + 1)..][..width / 4 + 1];
        let sample = |x: usize| {
            let (cell, part) = (x / 4, (x % 4) as u32);
            let value = line[cell] * (4 - part) + line[(cell + 1) % (width / 4)] * part;
            // At most 48 + 255 * 4 / 8.
            (48 + value / 8) as u8
        };
        texture.extend((0..2 * width).map(|x| sample(x % width)));
    }
    texture
}
