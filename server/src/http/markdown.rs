//! The little Markdown that the pages on verdicts are written in, as HTML: headings, paragraphs, lists,
//! tables, code and links.
//!
//! Our own few lines instead of the crate `pulldown-cmark`: the texts are ours, a test reads them all,
//! and whatever is not among these forms stands there as it is written.

/// A page with its title, from Markdown.
pub(super) fn page(title: &str, markdown: &str) -> String {
    let body = blocks(markdown);
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"dark light\">\n<title>{title} · Pinhole</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/docs.css\">\n</head>\n\
         <body>\n<nav><a href=\"/verdicts/README\">All verdicts</a></nav>\n<main>\n{body}</main>\n\
         </body>\n</html>\n"
    )
}

/// What a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Paragraph,
    Bullets,
    Numbers,
    Table,
}

impl Block {
    fn tag(self) -> &'static str {
        match self {
            Block::Paragraph => "p",
            Block::Bullets => "ul",
            Block::Numbers => "ol",
            Block::Table => "table",
        }
    }
}

fn blocks(markdown: &str) -> String {
    let mut html = String::new();
    for block in markdown.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let mut open: Option<Block> = None;
        let mut items: Vec<String> = Vec::new();
        for line in block.lines() {
            if let Some((level, text)) = heading(line) {
                close(&mut html, open.take(), &mut items);
                html += &format!("<h{level}>{}</h{level}>\n", inline(text));
                continue;
            }
            let (kind, text) = begins(line);
            match kind {
                // An indented line goes on with the item before it, any other with its paragraph.
                Block::Paragraph if open.is_some() && !items.is_empty() && is_more(open, line) => {
                    let last = items.len() - 1;
                    items[last] = format!("{}\n{}", items[last], text);
                }
                kind => {
                    if open != Some(kind) {
                        close(&mut html, open.replace(kind), &mut items);
                    }
                    items.push(text.to_string());
                }
            }
        }
        close(&mut html, open, &mut items);
    }
    html
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    line.get(level..)?.strip_prefix(' ').filter(|_| (1..=3).contains(&level)).map(|t| (level, t))
}

fn is_more(open: Option<Block>, line: &str) -> bool {
    open == Some(Block::Paragraph) || line.starts_with(' ')
}

fn begins(line: &str) -> (Block, &str) {
    if let Some(text) = line.strip_prefix("- ") {
        return (Block::Bullets, text);
    }
    if line.starts_with('|') {
        return (Block::Table, line);
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    match line.get(digits..).and_then(|rest| rest.strip_prefix(". ")) {
        Some(text) if digits > 0 => (Block::Numbers, text),
        _ => (Block::Paragraph, line.trim()),
    }
}

fn close(html: &mut String, block: Option<Block>, items: &mut Vec<String>) {
    let Some(block) = block else { return };
    let tag = block.tag();
    let inner = match block {
        Block::Paragraph => inline(&items.join("\n")),
        Block::Bullets | Block::Numbers => {
            items.iter().map(|item| format!("\n<li>{}</li>", inline(item))).collect()
        }
        Block::Table => rows(items),
    };
    *html += &format!("<{tag}>{inner}</{tag}>\n");
    items.clear();
}

/// The rows of a table below its head, whose words the heading above has said.
fn rows(lines: &[String]) -> String {
    let row = |line: &String| {
        let cells = line.trim_matches('|').split('|');
        let cells: String = cells.map(|cell| format!("<td>{}</td>", inline(cell.trim()))).collect();
        format!("\n<tr>{cells}</tr>")
    };
    lines.iter().skip(2).map(row).collect()
}

/// Code, links and emphasis within a line.
fn inline(text: &str) -> String {
    let mut html = String::new();
    for (at, part) in text.split('`').enumerate() {
        match at % 2 {
            0 => html += &links(part),
            _ => html += &format!("<code>{}</code>", escaped(part)),
        }
    }
    html
}

fn links(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some((before, label, target, after)) = first_link(rest) {
        html += &emphasis(before);
        let (label, address) = (escaped(label), escaped(target));
        // What lies outside of this folder is not served.
        html += &match target.starts_with("../") {
            true => label,
            false => format!("<a href=\"{address}\">{label}</a>"),
        };
        rest = after;
    }
    html + &emphasis(rest)
}

fn first_link(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (label_and_before, after) = text.split_once("](")?;
    let (before, label) = label_and_before.rsplit_once('[')?;
    let (target, after) = after.split_once(')')?;
    Some((before, label, target, after))
}

fn emphasis(text: &str) -> String {
    let escaped = escaped(text);
    let mut html = String::new();
    for (at, part) in escaped.split("**").enumerate() {
        html += if at == 0 { "" } else { ["</strong>", "<strong>"][at % 2] };
        html += part;
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_becomes_html() {
        let markdown = "# a-b\n\nOne **line**\nand `x < y & z`.\n\n## Causes\n1. First,\n   with more.\n\
            2. Second [c](c-d.md), [s](../s.md).\n\n- `--flag`\n- b\n\nEnd: see\n- c\n\n\
            | v | what |\n|---|---|\n| [a](a.md) | b |\n";
        let expected = "<h1>a-b</h1>\n\
            <p>One <strong>line</strong>\nand <code>x &lt; y &amp; z</code>.</p>\n\
            <h2>Causes</h2>\n\
            <ol>\n<li>First,\nwith more.</li>\n<li>Second <a href=\"c-d.md\">c</a>, s.</li></ol>\n\
            <ul>\n<li><code>--flag</code></li>\n<li>b</li></ul>\n\
            <p>End: see</p>\n<ul>\n<li>c</li></ul>\n\
            <table>\n<tr><td><a href=\"a.md\">a</a></td><td>b</td></tr></table>\n";
        assert_eq!(blocks(markdown), expected);
    }

    #[test]
    fn nothing_in_a_text_is_taken_for_html() {
        let html = page("<t>", "# <script>\n\n`<b>` [<i>](\"x) **<u>**\n");
        for tag in ["<script>", "<b>", "<i>", "<u>", "<t>"] {
            assert!(!html.contains(tag), "{tag} in {html}");
        }
    }

    #[test]
    fn what_is_not_closed_stands_there_as_it_is() {
        assert_eq!(blocks("a [b](c"), "<p>a [b](c</p>\n");
        assert_eq!(blocks("####### x"), "<p>####### x</p>\n");
        assert_eq!(blocks("10 apples"), "<p>10 apples</p>\n");
        assert_eq!(blocks(""), "");
    }
}
