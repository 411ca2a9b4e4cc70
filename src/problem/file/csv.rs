//! Matrices from tables of numbers.
//!
//! Read line by line here: without quotes the grammar is one `split`, and the csv crate's positions do not count the blank and
//! comment lines that it skips before a row.

use super::{Accept, format_error, open};
use crate::linalg::Matrix;
use crate::problem::ProblemError;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Some editors begin UTF-8 files with it.
const BYTE_ORDER_MARK: char = '\u{feff}';

pub(super) fn read(path: &Path, accept: Accept<'_>) -> Result<Matrix, ProblemError> {
    let mut reader = BufReader::new(open(path)?);
    let (mut entries, mut cols, mut rows) = (Vec::new(), 0, 0);
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let read = reader.read_until(b'\n', &mut bytes).map_err(|source| ProblemError::Read { path: path.to_owned(), source })?;
        if read == 0 {
            break;
        }
        let cell = |column: usize, reason: String| ProblemError::Cell { path: path.to_owned(), line, column, reason };
        let text = text(&bytes).map_err(|(column, reason)| cell(column, reason))?;
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let before = entries.len();
        for (j, field) in text.split(',').map(str::trim).enumerate() {
            entries.push(number(field, rows == 0).map_err(|reason| cell(j + 1, reason))?);
        }
        let found = entries.len() - before;
        if rows == 0 {
            cols = found;
        } else if found != cols {
            let reason = format!("the row has {found} entries, the first row has {cols}; all rows must be equally long");
            return Err(cell(found.min(cols) + 1, reason));
        }
        rows += 1;
    }
    if rows == 0 {
        return Err(format_error(path, "holds no numbers; expected rows of numbers separated by commas"));
    }
    accept(rows, cols)?;
    Ok(Matrix::from_row_slice(rows, cols, &entries))
}

/// A line without the blanks around it, or the column and the reason why it is no text.
fn text(bytes: &[u8]) -> Result<&str, (usize, String)> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let commas = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b',').count();
        (commas + 1, "is not text in UTF-8; expected numbers separated by commas".to_owned())
    })?;
    Ok(text.trim_start_matches(BYTE_ORDER_MARK).trim())
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
