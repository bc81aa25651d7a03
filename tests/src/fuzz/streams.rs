//! Bytes of TCP connections, cut where the network cuts them.

use std::collections::BTreeMap;
use std::time::Duration;

use pinhole_core::{DropReason, StreamId};

use super::stage::{Stage, TCP_BASE, VIEWER};

/// Longer inputs are cut: three of the longest frames.
const BYTES_MAX: usize = 200_000;

/// Bytes on a connection, whole and in pieces: the same messages come out of both, and the
/// connection ends or lives on alike. The first byte says which connection (128: to a TURN server,
/// otherwise from a viewer) and how small the pieces are.
pub fn streams(data: &[u8]) {
    let Some((&head, bytes)) = data.split_first() else { return };
    let bytes = &bytes[..bytes.len().min(BYTES_MAX)];
    let (to_turn, step) = (head & 128 != 0, usize::from(head & 127) + 1);
    let whole = outcome(to_turn, [bytes]);
    let cut = outcome(to_turn, bytes.chunks(step));
    assert_eq!(whole, cut, "in pieces of {step} bytes");
}

/// What became of them: messages received, messages dropped, and whether the connection is open.
type Outcome = (u64, BTreeMap<DropReason, u64>, u64, bool);

fn outcome<'a>(to_turn: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut stage = Stage::new();
    let stream = if to_turn { to_server(&mut stage) } else { from_viewer(&mut stage) };
    for piece in pieces {
        stage.endpoint.handle_stream_data(stage.now, stream, piece);
        stage.settle("stream data");
    }
    let stats = stage.endpoint.stats();
    let is_open = stage.streams.contains(&stream);
    stage.pass(Duration::from_secs(11));
    assert!(to_turn || !stage.streams.contains(&stream), "nobody proved himself on it");
    (stats.datagrams_received_total, stats.dropped_total, stats.streams_broken_total, is_open)
}

fn to_server(stage: &mut Stage) -> StreamId {
    stage.pass(Duration::from_secs(1));
    let stream = *stage.streams.first().expect("a TURN server is connected to within a second");
    stage.endpoint.handle_stream_connected(stage.now, stream);
    stage.settle("connected");
    stream
}

fn from_viewer(stage: &mut Stage) -> StreamId {
    let accepted = stage.endpoint.accept_stream(stage.now, TCP_BASE, VIEWER);
    let stream = accepted.expect("the first connection is taken");
    stage.streams.insert(stream);
    stage.settle("connection");
    stream
}
