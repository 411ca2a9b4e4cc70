//! A TOML document as a tree of values with positions, and the texts that positions point into.

use super::error::{Flaw, Kind, Location};
use super::located::Span;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with its position.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub span: Span,
    pub value: Value,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime,
    Array(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table and its value; entries are kept in the order of their positions.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_span: Span,
    pub node: Node,
}

impl Node {
    /// The value of `key`, if this is a table that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

/// The texts of an experiment, laid end to end so that one number says where something stands: the file, then each override.
pub(super) struct Texts<'a> {
    file: &'a str,
    parts: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Texts { file, parts: vec![text] }
    }

    /// Adds an override's text; returns the position of its first byte.
    pub fn add(&mut self, text: &'a str) -> usize {
        let start = self.parts.iter().map(|part| part.len() + 1).sum();
        self.parts.push(text);
        start
    }

    /// The part that holds a position: its index, its text, the position in it.
    fn part(&self, mut position: usize) -> Option<(usize, &'a str, usize)> {
        for (index, text) in self.parts.iter().enumerate() {
            if position <= text.len() {
                return Some((index, text, position));
            }
            position -= text.len() + 1;
        }
        None
    }

    /// What was written at a span, in one line and cut where it is long.
    pub fn excerpt(&self, span: &Span) -> String {
        const LONGEST: usize = 60;
        let written = self.part(span.start).and_then(|(_, text, start)| text.get(start..start + span.len())).unwrap_or("");
        let line = written.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", line.get(..end).unwrap_or("")),
            None => line,
        }
    }

    /// Line and column, both from 1, columns counted in characters; or the override.
    pub fn locate(&self, span: &Span) -> Location {
        match self.part(span.start) {
            Some((0, text, position)) => {
                let before = text.get(..position).unwrap_or(text);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
                Location::File { name: self.file.to_owned(), line, column }
            }
            Some((_, text, _)) => Location::Override(text.to_owned()),
            None => Location::File { name: self.file.to_owned(), line: 1, column: 1 },
        }
    }
}

/// Parses a whole document.
pub(super) fn parse_document(text: &str) -> Result<Node, Flaw> {
    let table = DeTable::parse(text).map_err(|error| Flaw::at(error.span().unwrap_or(0..0), Kind::Syntax(sentence(error.message()))))?;
    Ok(Node { span: 0..0, value: Value::Table(convert_table(table.get_ref(), 0)?) })
}

/// Parses one value that starts at position `offset`.
pub(super) fn parse_value(text: &str, offset: usize) -> Option<Result<Node, Flaw>> {
    DeValue::parse(text).ok().map(|value| convert(&value, offset))
}

/// The parser's message as it is, but on one line.
fn sentence(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shifted(span: Span, offset: usize) -> Span {
    span.start + offset..span.end + offset
}

fn convert_table(table: &DeTable<'_>, offset: usize) -> Result<Vec<Entry>, Flaw> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table.iter() {
        entries.push(Entry { key: key.get_ref().to_string(), key_span: shifted(key.span(), offset), node: convert(value, offset)? });
    }
    // The parser sorts by name; the first mistake of a file should be reported first.
    entries.sort_by_key(|entry| entry.key_span.start);
    Ok(entries)
}

fn convert(value: &Spanned<DeValue<'_>>, offset: usize) -> Result<Node, Flaw> {
    let span = shifted(value.span(), offset);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Value::Integer(integer),
            Err(_) => return Err(Flaw::at(span, Kind::Syntax("an integer lies outside the 64-bit range".into()))),
        },
        DeValue::Float(float) => match float.as_str().parse() {
            Ok(float) => Value::Float(float),
            Err(_) => return Err(Flaw::at(span, Kind::Syntax("a floating-point number cannot be read".into()))),
        },
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(_) => Value::Datetime,
        DeValue::Array(array) => Value::Array(array.iter().map(|element| convert(element, offset)).collect::<Result<_, _>>()?),
        DeValue::Table(table) => Value::Table(convert_table(table, offset)?),
    };
    Ok(Node { span, value })
}
