//! Reads Rust sources just well enough to measure functions and see imports.

use std::fs;
use std::path::{Path, PathBuf};

/// A function in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its `fn`, from 1.
    pub line: usize,
    /// Lines from `fn` to the closing brace, both counted.
    pub lines: usize,
}

/// All functions with a body in a source text.
pub fn functions(source: &str) -> Vec<Function> {
    let code = without_text(source);
    let mut found = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        let before = code[..start].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[start + 3..];
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(end) = end_of_body(rest).filter(|_| !name.is_empty()) else { continue };
        let line = 1 + code[..start].matches('\n').count();
        let lines = 1 + rest[..end].matches('\n').count();
        found.push(Function { name, line, lines });
    }
    found
}

/// The modules of the own crate that a source names: `wire` of `crate::wire::demux`.
pub fn crate_modules(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in without_text(source).lines().enumerate() {
        for (start, _) in line.match_indices("crate::") {
            let rest = &line[start + "crate::".len()..];
            let name = |text: &str| -> String {
                text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
            };
            match rest.strip_prefix('{') {
                // One level of a group is enough: rustfmt keeps `use crate::{a, b}` on its line or splits it.
                Some(group) => {
                    let inner = group.split('}').next().unwrap_or_default();
                    found.extend(inner.split(',').map(|n| (index + 1, name(n.trim_start()))));
                }
                None => found.push((index + 1, name(rest))),
            }
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

/// Where the body that begins behind a `fn` ends; `None` for a declaration.
fn end_of_body(rest: &str) -> Option<usize> {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (at, letter) in rest.char_indices() {
        match letter {
            ';' if braces == 0 && brackets == 0 => return None,
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            '{' => braces += 1,
            '}' if braces <= 1 => return Some(at),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}

/// The source with comments, strings and characters blanked; line ends stay.
pub fn without_text(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(letter) = rest.chars().next() {
        let length = text_length(rest, out.chars().next_back());
        let taken = length.unwrap_or(letter.len_utf8());
        if length.is_some() {
            out.extend(rest[..taken].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            out.push(letter);
        }
        rest = &rest[taken..];
    }
    out
}

/// The length of the comment, string or character that begins here, if one does.
fn text_length(rest: &str, before: Option<char>) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(rest.find("*/").map_or(rest.len(), |at| at + 2));
    }
    if rest.starts_with('"') {
        return Some(quoted_length(rest, '"'));
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with('r') && !in_word {
        let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
        if rest[1 + hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = 2 + hashes;
            return Some(
                rest[body..].find(&close).map_or(rest.len(), |at| body + at + close.len()),
            );
        }
    }
    if let Some(inside) = rest.strip_prefix('\'') {
        let mut letters = inside.chars();
        let (first, second) = (letters.next()?, letters.next()?);
        // Otherwise it is a lifetime.
        return (first == '\\' || second == '\'').then(|| quoted_length(rest, '\''));
    }
    None
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Files below `folder` with one of these endings, in order, without build folders and what git ignores by name.
pub fn files_below(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if path.is_dir() {
                let skipped = name.starts_with('.') || ["target", "node_modules"].contains(&&*name);
                folders.extend((!skipped).then_some(path));
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_whatever_stands_in_texts() {
        let source = "fn a() { let x = \"}{\"; }\n\
            // fn comment() {\n\
            trait T { fn declared(&self) -> [u8; 2]; }\n\
            fn b<'a>(x: &'a str) -> char {\n    match x { _ => '{' }\n}\n\
            const R: &str = r#\"fn raw() {\"#;\n\
            pub(crate) async fn c()\nwhere\n    (): Sized,\n{\n    /* } */\n}\n";

        let found = functions(source);

        let short: Vec<(&str, usize, usize)> =
            found.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
        assert_eq!(short, [("a", 1, 1), ("b", 4, 3), ("c", 8, 6)]);
    }

    #[test]
    fn modules_are_seen_alone_and_in_groups() {
        let source = "use crate::{base, wire::demux};\nfn f() { crate::h264::x(); } // crate::no\n";
        let names: Vec<String> = crate_modules(source).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["base", "wire", "h264"]);
    }
}
