//! Matrices from tables of numbers.

use super::{Accept, format_error, open};
use crate::linalg::Matrix;
use crate::problem::ProblemError;
use std::path::Path;

pub(super) fn read(path: &Path, accept: Accept<'_>) -> Result<Matrix, ProblemError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .quoting(false)
        .trim(csv::Trim::All)
        .from_reader(std::io::BufReader::new(open(path)?));
    let mut record = csv::StringRecord::new();
    let (mut entries, mut cols, mut rows) = (Vec::new(), 0, 0);
    while reader.read_record(&mut record).map_err(|error| read_error(path, error))? {
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: usize, reason: String| ProblemError::Cell { path: path.to_owned(), line, column, reason };
        if rows == 0 {
            cols = record.len();
        } else if record.len() != cols {
            let reason = format!("the row has {} entries, the first row has {cols}; all rows must be equally long", record.len());
            return Err(cell(record.len().min(cols) + 1, reason));
        }
        for (j, field) in record.iter().enumerate() {
            entries.push(number(field, rows == 0).map_err(|reason| cell(j + 1, reason))?);
        }
        rows += 1;
    }
    if rows == 0 {
        return Err(format_error(path, "holds no numbers; expected rows of numbers separated by commas"));
    }
    accept(rows, cols)?;
    Ok(Matrix::from_row_slice(rows, cols, &entries))
}

fn number(field: &str, first_row: bool) -> Result<f64, String> {
    match field.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(format!("{field:?} is not finite; every entry must be a finite number")),
        Err(_) if field.is_empty() => Err("the entry is empty; every entry must be a number".to_owned()),
        Err(_) if first_row => Err(format!("{field:?} is not a number; a header line is not allowed, except behind a #")),
        Err(_) => Err(format!("{field:?} is not a number")),
    }
}

fn read_error(path: &Path, error: csv::Error) -> ProblemError {
    let line = error.position().map(csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(source) => ProblemError::Read { path: path.to_owned(), source },
        csv::ErrorKind::Utf8 { err, .. } => {
            let reason = "is not text in UTF-8; expected numbers separated by commas".to_owned();
            ProblemError::Cell { path: path.to_owned(), line: line.unwrap_or(0), column: err.field() + 1, reason }
        }
        other => format_error(path, format!("{other:?}")),
    }
}
