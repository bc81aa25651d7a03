//! Counts packets by their RTP headers, which are not encrypted.

/// What came of one SSRC.
#[derive(Debug, Clone, Copy)]
struct Counted {
    ssrc: u32,
    packets: u64,
    frames: u64,
    /// The highest sequence number, counted on beyond 16 bits.
    highest: i64,
}

/// What one viewer received.
#[derive(Debug, Default)]
pub(crate) struct Media {
    /// When the first packet came; 0 before.
    pub(crate) first_ns: u64,
    streams: Vec<Counted>,
    before: Vec<Counted>,
}

/// What came since the begin of a window.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) packets: u64,
    pub(crate) frames: u64,
    pub(crate) lost: i64,
}

impl Media {
    /// Notes an RTP packet: at least 12 bytes.
    pub(crate) fn on_packet(&mut self, packet: &[u8], at_ns: u64) {
        let Some((header, _)) = packet.split_first_chunk::<12>() else { return };
        let sequence = u16::from_be_bytes([header[2], header[3]]);
        let ssrc = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        if self.first_ns == 0 {
            self.first_ns = at_ns;
        }
        let known = self.streams.iter().position(|stream| stream.ssrc == ssrc);
        let index = known.unwrap_or_else(|| {
            let highest = i64::from(sequence) - 1;
            self.streams.push(Counted { ssrc, packets: 0, frames: 0, highest });
            self.streams.len() - 1
        });
        let stream = &mut self.streams[index];
        // Its place beside the highest, around the end of 16 bits too.
        let beyond = sequence.wrapping_sub(stream.highest as u16) as i16;
        stream.highest += i64::from(beyond.max(0));
        stream.packets += 1;
        stream.frames += u64::from(header[1] >> 7);
    }

    /// Begins a window.
    pub(crate) fn begin_window(&mut self) {
        self.before = self.streams.clone();
    }

    /// What came since, of the stream with the most packets: others are packets sent again.
    pub(crate) fn window(&self) -> Received {
        let Some(stream) = self.streams.iter().max_by_key(|stream| stream.packets) else {
            return Received::default();
        };
        let before = self.before.iter().find(|before| before.ssrc == stream.ssrc);
        let Some(before) = before else { return Received::default() };
        let packets = stream.packets - before.packets;
        Received {
            packets,
            frames: stream.frames - before.frames,
            lost: stream.highest - before.highest - packets as i64,
        }
    }
}
