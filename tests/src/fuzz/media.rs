//! H.264 that nobody checked before us: files and foreign encoders.

use pinhole_core::h264::{
    Nal, NalType, Packetizer, PayloadLimit, ProfileLevelId, Sps, best_match, nals,
};

use crate::viewer::append_annex_b;

/// Cuts an access unit, any bytes, twice with limits from the first byte: payloads keep the limit, the last alone has
/// the marker, and the pictures come out as they went in.
pub fn annex_b(data: &[u8]) {
    let Some((&limit, unit)) = data.split_first() else { return };
    let limit = 64 + 6 * usize::from(limit);
    let checked = PayloadLimit::new(limit).expect("64 to 1594 is allowed");
    let mut packetizer = Packetizer::new(checked);
    for _ in 0..2 {
        let cut = packetizer.packetize(unit);
        let mut again = Vec::new();
        for (index, packet) in cut.packets.iter().enumerate() {
            assert!((1..=limit).contains(&packet.payload.len()), "{} bytes", packet.payload.len());
            assert_eq!(packet.marker, index + 1 == cut.packets.len());
            append_annex_b(&mut again, &packet.payload);
        }
        assert_eq!(pictures(&again), pictures(unit));
        let has_idr = nals(unit).any(|nal| nal.kind() == NalType::Idr);
        assert_eq!(cut.keyframe, has_idr);
    }
}

/// NAL units that hold pictures.
fn pictures(annex_b: &[u8]) -> Vec<&[u8]> {
    nals(annex_b).filter(|nal| nal.kind().is_picture()).map(Nal::bytes).collect()
}

/// Reads a sequence parameter set and a profile-level-id as text.
pub fn parameter_sets(data: &[u8]) {
    if let Some(nal) = Nal::new(data) {
        // Whatever is read is a picture that can exist, or an error.
        if let Ok(sps) = Sps::parse(nal) {
            assert!(sps.width > 0 && sps.height > 0, "{sps:?}");
        }
        if let Some(id) = ProfileLevelId::from_sps(nal) {
            assert_eq!(id.to_string().parse(), Ok(id));
            assert!(best_match(id, [id]).is_some() || id.level().is_none() || unknown(id));
        }
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(id) = text.parse::<ProfileLevelId>()
    {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
}

fn unknown(id: ProfileLevelId) -> bool {
    matches!(id.profile(), pinhole_core::h264::Profile::Unknown(_))
}
