//! The story for programs. Names of fields are promised in docs/replay.md; others may be added.

use pinhole_core::trace::Recording;
use serde_json::{Value, json};

use super::Again;
use super::story::Row;

/// Raised when a field goes or changes its meaning.
const VERSION: u32 = 1;

/// The whole of it.
pub(super) fn json(recording: &Recording, again: &Again, rows: &[Row]) -> Value {
    let comparison = &again.comparison;
    let differences = comparison.differences.iter().map(
        |difference| json!({ "recorded": difference.recorded, "replayed": difference.replayed }),
    );
    json!({
        "version": VERSION,
        "pinhole": env!("CARGO_PKG_VERSION"),
        "recorded_by": recording.header.program,
        "same": comparison.is_same(),
        "same_decisions": comparison.same,
        "differences": differences.collect::<Vec<_>>(),
        "notes": again.replayed.caveats.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "until_us": again.replayed.until_us,
        "story": rows,
    })
}
