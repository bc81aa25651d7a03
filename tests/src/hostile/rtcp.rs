//! RTCP packets, RFC 3550 §6, RFC 4585 §6.

/// The sender's SSRC in all of them.
const OWN: u32 = 1;

/// One packet: count or format, type, body after the first SSRC.
pub fn compound(format: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let words = u16::try_from(1 + body.len().div_ceil(4)).expect("a datagram's worth");
    let mut out = vec![0x80 | format, kind];
    out.extend(words.to_be_bytes());
    out.extend(OWN.to_be_bytes());
    out.extend(body);
    out.resize((usize::from(words) + 1) * 4, 0);
    out
}

/// Feedback on a stream: PLI (206, 1), FIR (206, 4), NACK (205, 1) …
pub fn feedback(format: u8, kind: u8, media: u32, body: &[u8]) -> Vec<u8> {
    compound(format, kind, &[&media.to_be_bytes()[..], body].concat())
}

/// NACKs for the `count` packets up to and with `last`, in one packet.
pub fn nacks(media: u32, last: u16, count: u16) -> Vec<u8> {
    let mut body = Vec::new();
    let mut first = last.wrapping_sub(count);
    for _ in 0..count.div_ceil(17) {
        body.extend(first.to_be_bytes());
        body.extend([0xff, 0xff]);
        first = first.wrapping_add(17);
    }
    feedback(1, 205, media, &body)
}

/// A receiver report with 31 blocks, on this stream and others.
pub fn report(media: u32) -> Vec<u8> {
    let block = |number: u32| {
        let mut block = media.wrapping_add(number).to_be_bytes().to_vec();
        block.resize(24, 0x11);
        block
    };
    compound(31, 201, &(0..31).flat_map(block).collect::<Vec<u8>>())
}

/// Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1) that says of
/// as many packets as there can be that they were lost.
pub fn transport_feedback(media: u32, base: u16, number: u8) -> Vec<u8> {
    let mut body = base.to_be_bytes().to_vec();
    body.extend([0xff, 0xff, 0, 0, 1, number]);
    // Runs of 8,191 that did not come.
    for _ in 0..8 {
        body.extend([0x1f, 0xff]);
    }
    feedback(15, 205, media, &body)
}
