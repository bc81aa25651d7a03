//! A text as lines with their ends, and put together again.

/// A line and what ends it: CRLF, LF, or nothing at the end of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    pub(super) end: &'a str,
}

/// What becomes of a line: nothing, or these lines come in its place, which may be none.
pub(super) type Edit = Option<Vec<String>>;

/// Cuts a text into lines; put together again they are the text.
pub(super) fn split(text: &str) -> Vec<Line<'_>> {
    let cut = |line: &'_ str| {
        let text = line.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
        text.unwrap_or(line).len()
    };
    let lines = text.split_inclusive('\n').map(|line| line.split_at(cut(line)));
    lines.map(|(text, end)| Line { text, end }).collect()
}

/// Puts lines together again, each text once more through `finish`; `None` leaves it out.
pub(super) fn join(
    lines: &[Line<'_>],
    edits: Vec<Edit>,
    finish: impl Fn(&str) -> Option<String>,
) -> String {
    let usual = lines.iter().map(|line| line.end).find(|end| !end.is_empty()).unwrap_or("\r\n");
    let mut out = String::new();
    for (line, edit) in lines.iter().zip(edits) {
        let texts = edit.unwrap_or_else(|| vec![line.text.to_owned()]);
        let texts: Vec<String> = texts.iter().filter_map(|text| finish(text)).collect();
        for (place, text) in texts.iter().enumerate() {
            out.push_str(text);
            // The last line of a text may have no end; one that others follow has.
            let last = place + 1 == texts.len();
            out.push_str(if last || !line.end.is_empty() { line.end } else { usual });
        }
    }
    out
}
