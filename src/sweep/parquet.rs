//! Tables as Parquet files: INT64, DOUBLE, BOOLEAN and strings, every column optional, undefined cells null.
//!
//! Row groups have a fixed number of rows, nothing is compressed, and the file says nothing of when or where it was made: its bytes depend on
//! the rows alone.

use super::table::{Cell, Column, Kind, RowSink};
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::io::{self, Write};
use std::sync::Arc;

/// Rows of a group.
const GROUP: usize = 1 << 15;

/// Values of a column that are defined.
enum Values {
    Integers(Vec<i64>),
    Numbers(Vec<f64>),
    Booleans(Vec<bool>),
    Texts(Vec<ByteArray>),
}

/// The cells of a column since the last row group.
struct Pending {
    values: Values,
    /// 1 where a cell is defined, 0 where it is null.
    levels: Vec<i16>,
}

impl Pending {
    fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Integer => Values::Integers(Vec::new()),
            Kind::Number => Values::Numbers(Vec::new()),
            Kind::Boolean => Values::Booleans(Vec::new()),
            Kind::Text => Values::Texts(Vec::new()),
        };
        Pending { values, levels: Vec::new() }
    }

    fn push(&mut self, cell: &Cell) {
        match (&mut self.values, cell) {
            (Values::Integers(values), Cell::Integer(value)) => values.push(*value),
            (Values::Numbers(values), Cell::Number(value)) => values.push(*value),
            (Values::Numbers(values), Cell::Integer(value)) => values.push(*value as f64),
            (Values::Booleans(values), Cell::Boolean(value)) => values.push(*value),
            (Values::Texts(values), cell) if *cell != Cell::Empty => values.push(cell.to_string().into_bytes().into()),
            _ => return self.levels.push(0),
        }
        self.levels.push(1);
    }

    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(self.levels.as_slice());
        match (&self.values, writer) {
            (Values::Integers(values), ColumnWriter::Int64ColumnWriter(writer)) => writer.write_batch(values, levels, None)?,
            (Values::Numbers(values), ColumnWriter::DoubleColumnWriter(writer)) => writer.write_batch(values, levels, None)?,
            (Values::Booleans(values), ColumnWriter::BoolColumnWriter(writer)) => writer.write_batch(values, levels, None)?,
            (Values::Texts(values), ColumnWriter::ByteArrayColumnWriter(writer)) => writer.write_batch(values, levels, None)?,
            _ => return Err(ParquetError::General("a column's writer has another type than its cells".into())),
        };
        match &mut self.values {
            Values::Integers(values) => values.clear(),
            Values::Numbers(values) => values.clear(),
            Values::Booleans(values) => values.clear(),
            Values::Texts(values) => values.clear(),
        }
        self.levels.clear();
        Ok(())
    }
}

/// A Parquet file.
pub struct ParquetSink<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<Pending>,
    rows: usize,
}

impl<W: Write + Send> ParquetSink<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// A write that fails.
    pub fn new(writer: W, columns: &[Column]) -> io::Result<Self> {
        let field = |column: &Column| {
            let (physical, logical) = match column.kind {
                Kind::Integer => (Physical::INT64, None),
                Kind::Number => (Physical::DOUBLE, None),
                Kind::Boolean => (Physical::BOOLEAN, None),
                Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            };
            let built =
                Type::primitive_type_builder(&column.name, physical).with_repetition(Repetition::OPTIONAL).with_logical_type(logical);
            built.build().map(Arc::new)
        };
        let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>().map_err(written)?;
        let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(written)?;
        let properties = WriterProperties::builder().set_created_by(concat!("pgflow ", env!("CARGO_PKG_VERSION")).into()).build();
        let writer = SerializedFileWriter::new(writer, Arc::new(schema), Arc::new(properties)).map_err(written)?;
        Ok(ParquetSink { writer, columns: columns.iter().map(|column| Pending::new(column.kind)).collect(), rows: 0 })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else { break };
            column.write(writer.untyped())?;
            writer.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl<W: Write + Send> RowSink for ParquetSink<W> {
    fn row(&mut self, row: &[Cell]) -> io::Result<()> {
        self.columns.iter_mut().zip(row).for_each(|(column, cell)| column.push(cell));
        self.rows += 1;
        if self.rows == GROUP { self.write_group().map_err(written) } else { Ok(()) }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.write_group().and_then(|()| self.writer.finish().map(drop)).map_err(written)
    }
}

fn written(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    #[test]
    fn what_is_written_comes_back_with_its_types_and_the_same_bytes() {
        let kinds = [("i", Kind::Integer), ("init.scale", Kind::Number), ("b", Kind::Boolean), ("s", Kind::Text)];
        let columns = kinds.map(|(name, kind)| Column::new(name, kind));
        let file = || {
            let mut bytes = Vec::new();
            let mut sink = ParquetSink::new(&mut bytes, &columns).unwrap();
            for k in 0..GROUP as i64 + 5 {
                let text = if k % 3 == 0 { Cell::Empty } else { Cell::text(format!("σ{}", k % 7)) };
                sink.row(&[Cell::Integer(k), Cell::number((k % 2 == 0).then_some(0.1 * k as f64)), Cell::Boolean(k % 5 == 0), text])
                    .unwrap();
            }
            sink.finish().unwrap();
            drop(sink);
            bytes
        };
        let bytes = file();
        assert_eq!(bytes, file());
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!((reader.metadata().num_row_groups(), reader.metadata().file_metadata().num_rows()), (2, GROUP as i64 + 5));
        for (k, row) in reader.get_row_iter(None).unwrap().enumerate() {
            let cells: Vec<Field> = row.unwrap().into_columns().into_iter().map(|(_, field)| field).collect();
            let number = if k % 2 == 0 { Field::Double(0.1 * k as f64) } else { Field::Null };
            let text = if k % 3 == 0 { Field::Null } else { Field::Str(format!("σ{}", k % 7)) };
            assert_eq!(cells, [Field::Long(k as i64), number, Field::Bool(k % 5 == 0), text]);
        }
    }
}
