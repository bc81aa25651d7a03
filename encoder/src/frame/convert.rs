//! Conversion to I420, the only format that software encoders take. Colours by the `yuv` crate.

use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix};

use super::picture::Planes;
use super::{Frame, I420, Picture, Plane, Rows};

/// Converts a picture into `into`, whose size must be the same: BGRA becomes BT.709, limited range;
/// 4:2:0 is rearranged and keeps its values. Returns false, and leaves `into` as it was, when the
/// sizes differ; one in a device's memory that cannot be read may leave anything.
pub fn to_i420(frame: &Frame, into: &mut I420) -> bool {
    if let Frame::Device(picture) = frame {
        return picture.0.size() == into.size() && picture.0.read_into(into).is_ok();
    }
    frame.as_picture().is_some_and(|picture| copy_to_i420(&picture, into, false))
}

/// Like [`to_i420`], of a picture that belongs to somebody else. `full_range`: BGRA becomes samples from
/// 0 to 255 rather than 16 to 235.
pub fn copy_to_i420(picture: &Picture<'_>, into: &mut I420, full_range: bool) -> bool {
    if picture.size() != into.size() {
        return false;
    }
    match picture.planes() {
        Planes::I420(from) => copy_i420(from, into),
        Planes::Nv12(from) => split_nv12(from, into),
        Planes::Bgra(from) => return convert_bgra(from, into, full_range),
    }
    true
}

/// Copies the uppermost rows of a picture of the same size; `height`, in luma, is even.
pub(crate) fn copy_top(picture: &I420, into: &mut I420, height: usize) {
    copy_rows_of(picture.planes().each_ref().map(Plane::rows), into, height);
}

fn copy_i420(from: [Rows<'_>; 3], into: &mut I420) {
    let (_, height) = into.size().pixels();
    copy_rows_of(from, into, height);
}

fn copy_rows_of(from: [Rows<'_>; 3], into: &mut I420, height: usize) {
    let (width, _) = into.size().pixels();
    let rows = [(width, height), (width / 2, height / 2), (width / 2, height / 2)];
    for ((from, into), (row, count)) in from.into_iter().zip(into.planes_mut()).zip(rows) {
        copy_rows(from, into, row, count);
    }
}

/// Copies so many rows, which both planes have.
fn copy_rows(from: Rows<'_>, into: &mut Plane, row: usize, count: usize) {
    let stride = into.stride();
    // In one go where nothing lies between rows.
    if let (true, true, Some(whole)) =
        (from.stride == row, stride == row, from.bytes.get(..row * count))
    {
        into.bytes_mut()[..row * count].copy_from_slice(whole);
        return;
    }
    for (from, into) in from.iter().zip(into.bytes_mut().chunks_mut(stride)).take(count) {
        into[..row].copy_from_slice(&from[..row]);
    }
}

fn split_nv12([luma, chroma]: [Rows<'_>; 2], into: &mut I420) {
    let (width, height) = into.size().pixels();
    let [y, u, v] = into.planes_mut();
    let (u_stride, v_stride) = (u.stride(), v.stride());
    copy_rows(luma, y, width, height);
    let halves = u.bytes_mut().chunks_mut(u_stride).zip(v.bytes_mut().chunks_mut(v_stride));
    for (from, (u, v)) in chroma.iter().zip(halves).take(height / 2) {
        for ((pair, u), v) in from[..width].chunks_exact(2).zip(u.iter_mut()).zip(v.iter_mut()) {
            (*u, *v) = (pair[0], pair[1]);
        }
    }
}

fn convert_bgra(from: Rows<'_>, into: &mut I420, full_range: bool) -> bool {
    let size = into.size();
    let [y, u, v] = into.planes_mut();
    // Strides are bounded by the buffers, which 32 bits count for any picture that `Size` allows.
    let (y_stride, u_stride, v_stride) = (y.stride() as u32, u.stride() as u32, v.stride() as u32);
    let Ok(stride) = u32::try_from(from.stride) else { return false };
    let mut image = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y.bytes_mut()),
        y_stride,
        u_plane: BufferStoreMut::Borrowed(u.bytes_mut()),
        u_stride,
        v_plane: BufferStoreMut::Borrowed(v.bytes_mut()),
        v_stride,
        width: size.width(),
        height: size.height(),
    };
    let range = if full_range { YuvRange::Full } else { YuvRange::Limited };
    let (matrix, mode) = (YuvStandardMatrix::Bt709, YuvConversionMode::Balanced);
    yuv::bgra_to_yuv420(&mut image, from.bytes, stride, range, matrix, mode).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Bgra, Nv12, Size};

    fn size() -> Size {
        Size::new(32, 16).unwrap()
    }

    #[test]
    fn bgra_becomes_bt709_limited() {
        let colours = [
            ([255, 255, 255, 0], [235, 128, 128]),
            ([0, 0, 0, 0], [16, 128, 128]),
            ([0, 0, 255, 0], [63, 102, 240]),
            ([255, 0, 0, 0], [32, 240, 118]),
        ];
        for (bgra, want) in colours {
            let stride = 32 * 4 + 12;
            let mut bytes = vec![0; stride * 16];
            for row in bytes.chunks_mut(stride) {
                row[..128].chunks_mut(4).for_each(|pixel| pixel.copy_from_slice(&bgra));
            }
            let frame = Frame::Bgra(Bgra::new(size(), Plane::new(bytes, stride)).unwrap());
            let mut into = I420::black(size());

            assert!(to_i420(&frame, &mut into));

            for (plane, want) in into.planes().iter().zip(want) {
                let off = plane.bytes().iter().map(|&got| got.abs_diff(want)).max();
                assert!(off.is_some_and(|off| off <= 1), "{bgra:?}: {:?}", &plane.bytes()[..4]);
            }
        }
    }

    #[test]
    fn nv12_is_split_and_i420_with_strides_is_packed() {
        let luma: Vec<u8> = (0..40 * 16).map(|i| (i % 251) as u8).collect();
        let chroma: Vec<u8> = (0..36 * 8).map(|i| (i % 36) as u8).collect();
        let nv12 = Nv12::new(size(), [Plane::new(luma.clone(), 40), Plane::new(chroma, 36)]);
        let mut from_nv12 = I420::black(size());
        assert!(to_i420(&Frame::Nv12(nv12.unwrap()), &mut from_nv12));
        assert_eq!(from_nv12.planes()[0].bytes()[32..64], luma[40..72]);
        let even: Vec<u8> = (0..16).map(|i| i * 2).collect();
        let odd: Vec<u8> = (0..16).map(|i| i * 2 + 1).collect();
        assert_eq!(from_nv12.planes()[1].bytes()[16..32], even);
        assert_eq!(from_nv12.planes()[2].bytes()[16..32], odd);

        let half = |n: u8| Plane::new(vec![n; 20 * 8], 20);
        let wide = I420::new(size(), [Plane::new(luma.clone(), 40), half(1), half(2)]).unwrap();
        let mut packed = I420::black(size());
        assert!(to_i420(&Frame::I420(wide), &mut packed));
        assert_eq!(packed.planes()[0].bytes()[32..64], luma[40..72]);
        assert!(packed.planes()[2].bytes().iter().all(|&v| v == 2));
    }

    #[test]
    fn another_size_is_refused() {
        let frame = Frame::I420(I420::black(Size::new(64, 64).unwrap()));
        assert!(!to_i420(&frame, &mut I420::black(size())));
    }
}
