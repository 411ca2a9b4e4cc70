//! Pieces of HTML, in which everything that comes from elsewhere is escaped.

use std::fmt::Write;

/// Text for an element or an attribute in double quotes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A list of sentences with their classes; nothing without sentences.
pub(super) fn list<'a>(out: &mut String, items: impl Iterator<Item = (&'a str, &'a str)>) {
    let items: String = items
        .map(|(text, class)| {
            let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
            format!("<li{class}>{}</li>\n", escape(text))
        })
        .collect();
    if !items.is_empty() {
        let _ = write!(out, "<ul class=\"list\">\n{items}</ul>\n");
    }
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// Whether it is a number, which stands to the right.
    pub number: bool,
    /// Whether it tells of something good (`true`) or bad.
    pub verdict: Option<bool>,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Cell { text: text.into(), ..Cell::default() }
    }

    /// A number, already written.
    pub fn number(text: impl Into<String>) -> Self {
        Cell { text: text.into(), number: true, verdict: None }
    }

    /// A text that tells of something good or bad.
    pub fn verdict(text: impl Into<String>, good: bool) -> Self {
        Cell { text: text.into(), number: false, verdict: Some(good) }
    }

    fn classes(&self) -> String {
        let classes: Vec<&str> =
            self.number.then_some("number").into_iter().chain(self.verdict.map(|good| if good { "good" } else { "bad" })).collect();
        if classes.is_empty() { String::new() } else { format!(" class=\"{}\"", classes.join(" ")) }
    }
}

/// A table; the first cell of a row is its heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The columns' headings.
    pub columns: Vec<Cell>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// As HTML of a class.
    pub(super) fn html(&self, class: &str) -> String {
        let mut out = format!("<table class=\"{class}\">\n<thead><tr>");
        for cell in &self.columns {
            let _ = write!(out, "<th scope=\"col\"{}>{}</th>", cell.classes(), escape(&cell.text));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            out.push_str("<tr>");
            for (k, cell) in row.iter().enumerate() {
                let (open, close) = if k == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
                let _ = write!(out, "<{open}{}>{}</{close}>", cell.classes(), escape(&cell.text));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>\n</table>\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_stays_text() {
        let table = Table { columns: vec![Cell::text("a<b")], rows: vec![vec![Cell::verdict("\"x\" & </td>", false)]] };
        let html = table.html("outcomes");
        assert!(html.contains("<th scope=\"col\">a&lt;b</th>"));
        assert!(html.contains("<th scope=\"row\" class=\"bad\">&quot;x&quot; &amp; &lt;/td&gt;</th>"));
    }
}
