//! Tables with types: what is collected, and where it goes.

use std::io::{self, Write};

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit integers.
    Integer,
    /// Doubles.
    Number,
    /// True or false.
    Boolean,
    /// Text.
    Text,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The type of its cells, of those that are not empty.
    pub kind: Kind,
}

impl Column {
    /// A column.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Column { name: name.into(), kind }
    }
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Undefined.
    Empty,
    /// An integer.
    Integer(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Text.
    Text(String),
}

impl Cell {
    /// A count; counts are below 2⁶³.
    pub fn count(value: u64) -> Self {
        Cell::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// A number, or an empty cell.
    pub fn number(value: Option<f64>) -> Self {
        value.map_or(Cell::Empty, Cell::Number)
    }

    /// Text; no text is an empty cell.
    pub fn text(value: impl Into<String>) -> Self {
        let text = value.into();
        if text.is_empty() { Cell::Empty } else { Cell::Text(text) }
    }
}

/// As in a CSV file: numbers that are not integers as `{:.16e}`, which round-trips.
impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cell::Empty => Ok(()),
            Cell::Integer(value) => write!(f, "{value}"),
            Cell::Number(value) => write!(f, "{value:.16e}"),
            Cell::Boolean(value) => write!(f, "{value}"),
            Cell::Text(value) => f.write_str(value),
        }
    }
}

/// Where rows go, one by one.
pub trait RowSink {
    /// Takes a row.
    ///
    /// # Errors
    /// A write that fails.
    fn row(&mut self, row: &[Cell]) -> io::Result<()>;

    /// Writes what is left.
    ///
    /// # Errors
    /// A write that fails.
    fn finish(&mut self) -> io::Result<()>;
}

/// A CSV file with a header, lines ending with a line feed.
pub struct CsvSink<W: Write>(csv::Writer<W>);

impl<W: Write> CsvSink<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// A write that fails.
    pub fn new(writer: W, columns: &[Column]) -> io::Result<Self> {
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(writer);
        csv.write_record(columns.iter().map(|column| &column.name)).map_err(written)?;
        Ok(CsvSink(csv))
    }
}

impl<W: Write> RowSink for CsvSink<W> {
    fn row(&mut self, row: &[Cell]) -> io::Result<()> {
        row.iter()
            .try_for_each(|cell| match cell {
                Cell::Text(text) => self.0.write_field(text),
                Cell::Empty => self.0.write_field(""),
                other => self.0.write_field(other.to_string()),
            })
            .and_then(|()| self.0.write_record(None::<&[u8]>))
            .map_err(written)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn written(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_has_typed_text_and_quotes_what_needs_it() {
        let columns = [Column::new("a", Kind::Integer), Column::new("b", Kind::Number), Column::new("c,d", Kind::Text)];
        let mut bytes = Vec::new();
        let mut sink = CsvSink::new(&mut bytes, &columns).unwrap();
        sink.row(&[Cell::Integer(-3), Cell::Number(0.1), Cell::text("x \"y\"")]).unwrap();
        sink.row(&[Cell::Empty, Cell::number(None), Cell::Boolean(true)]).unwrap();
        sink.finish().unwrap();
        drop(sink);
        assert_eq!(String::from_utf8(bytes).unwrap(), "a,b,\"c,d\"\n-3,1.0000000000000001e-1,\"x \"\"y\"\"\"\n,,true\n");
    }
}
