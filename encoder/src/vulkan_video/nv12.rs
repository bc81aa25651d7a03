//! Pictures as gpu-video takes them: NV12 without padding. Colours by the `yuv` crate.

use yuv::{BufferStoreMut, YuvBiPlanarImageMut, YuvConversionMode, YuvRange, YuvStandardMatrix};

use crate::frame::{Bgra, Frame, I420, Nv12, Size};

/// Bytes of a picture.
pub(super) fn bytes(size: Size) -> usize {
    let (width, height) = size.pixels();
    width * height * 3 / 2
}

/// Converts a picture into `into`, of [`bytes`] length: BGRA becomes BT.709, limited range; 4:2:0 is
/// rearranged and keeps its values. Returns false where the picture is of another kind or length.
pub(super) fn write(frame: &Frame, into: &mut [u8]) -> bool {
    let size = frame.size();
    if into.len() != bytes(size) {
        return false;
    }
    let (width, height) = size.pixels();
    let (luma, chroma) = into.split_at_mut(width * height);
    match frame {
        Frame::I420(from) => from_i420(from, luma, chroma),
        Frame::Nv12(from) => from_nv12(from, luma, chroma),
        Frame::Bgra(from) => return from_bgra(from, luma, chroma),
        Frame::Device(_) => return false,
    }
    true
}

fn from_nv12(from: &Nv12, luma: &mut [u8], chroma: &mut [u8]) {
    let (width, _) = from.size().pixels();
    for (plane, into) in from.planes().iter().zip([luma, chroma]) {
        for (from, into) in plane.bytes().chunks(plane.stride()).zip(into.chunks_exact_mut(width)) {
            into.copy_from_slice(&from[..width]);
        }
    }
}

fn from_i420(from: &I420, luma: &mut [u8], chroma: &mut [u8]) {
    let (width, _) = from.size().pixels();
    let [y, u, v] = from.planes();
    for (from, into) in y.bytes().chunks(y.stride()).zip(luma.chunks_exact_mut(width)) {
        into.copy_from_slice(&from[..width]);
    }
    let halves = u.bytes().chunks(u.stride()).zip(v.bytes().chunks(v.stride()));
    for ((u, v), into) in halves.zip(chroma.chunks_exact_mut(width)) {
        for ((pair, u), v) in into.chunks_exact_mut(2).zip(u).zip(v) {
            (pair[0], pair[1]) = (*u, *v);
        }
    }
}

fn from_bgra(from: &Bgra, luma: &mut [u8], chroma: &mut [u8]) -> bool {
    let (width, height) = (from.size().width(), from.size().height());
    let mut image = YuvBiPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(luma),
        y_stride: width,
        uv_plane: BufferStoreMut::Borrowed(chroma),
        uv_stride: width,
        width,
        height,
    };
    yuv::bgra_to_yuv_nv12(
        &mut image,
        from.plane().bytes(),
        // Bounded by the buffer, which 32 bits count for any picture that `Size` allows.
        from.plane().stride() as u32,
        YuvRange::Limited,
        YuvStandardMatrix::Bt709,
        YuvConversionMode::Balanced,
    )
    .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Plane, to_i420};

    const WIDTH: u32 = 32;

    fn plane(row: usize, rows: usize, seed: usize) -> Plane {
        let stride = row + 6;
        let bytes = (0..stride * rows).map(|i| (i * 7 + seed * 31) as u8).collect();
        Plane::new(bytes, stride)
    }

    #[test]
    fn every_format_gives_the_same_picture_as_the_software_encoder_gets() {
        let size = Size::new(WIDTH, 16).unwrap();
        let (y, uv) = (|| plane(32, 16, 1), plane(32, 8, 2));
        let (u, v) = (plane(16, 8, 3), plane(16, 8, 4));
        let frames = [
            Frame::I420(I420::new(size, [y(), u, v]).unwrap()),
            Frame::Nv12(Nv12::new(size, [y(), uv]).unwrap()),
            Frame::Bgra(Bgra::new(size, plane(128, 16, 5)).unwrap()),
        ];
        for frame in frames {
            let mut ours = vec![0; bytes(size)];
            assert!(write(&frame, &mut ours));
            let chroma = ours.split_off(32 * 16);
            let nv12 = Nv12::new(size, [Plane::new(ours, 32), Plane::new(chroma, 32)]).unwrap();
            let (mut ours, mut theirs) = (I420::black(size), I420::black(size));
            assert!(to_i420(&Frame::Nv12(nv12), &mut ours) && to_i420(&frame, &mut theirs));
            assert!(ours == theirs, "{:?}", frame.format());
            assert!(!write(&frame, &mut [0; 9]), "another length");
        }
    }
}
