//! Matrices from files: `.png` (grey levels), `.csv` and `.npy`.

mod csv;
pub(super) mod npy;
mod png;

use super::ProblemError;
use crate::linalg::Matrix;
use std::path::Path;

/// What decides, from the shape alone, whether a matrix is worth reading.
pub(super) type Accept<'a> = &'a dyn Fn(usize, usize) -> Result<(), ProblemError>;

#[derive(Clone, Copy)]
enum Kind {
    Png,
    Csv,
    Npy,
}

fn kind(path: &Path) -> Result<Kind, ProblemError> {
    match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("png") => Ok(Kind::Png),
        Some("csv") => Ok(Kind::Csv),
        Some("npy") => Ok(Kind::Npy),
        _ => Err(ProblemError::UnknownFormat { path: path.to_owned() }),
    }
}

/// The matrix in a file, told by its ending:
///
/// - `.png`: one entry a pixel, row `i` the `i`-th line from the top; grey levels in `[0, 1]` (8 or 16 bits: the value over 255 or
///   65535; fewer bits and palettes are expanded first). Colours become the Rec. 709 luma `0.2126 R + 0.7152 G + 0.0722 B` of the stored,
///   gamma-encoded values. A picture with transparency is refused unless every pixel is opaque.
/// - `.csv`: numbers separated by commas, no header line, rows of equal length; blank lines and lines that begin with `#` are skipped.
/// - `.npy`: two dimensions, floating point or integers (of which every one must be exact in f64), C or Fortran order.
///
/// `accept` is called with the shape `(m, n)` before the entries are read (`.png`, `.npy`), or before they are used (`.csv`, whose
/// shape is known at its end).
///
/// # Errors
/// A file that cannot be read, that is not what its ending says, or an entry that is not a finite number, named by line and
/// column; and those of `accept`.
pub fn read_matrix(path: &Path, accept: &dyn Fn(usize, usize) -> Result<(), ProblemError>) -> Result<Matrix, ProblemError> {
    match kind(path)? {
        Kind::Png => png::read(path, accept),
        Kind::Csv => csv::read(path, accept),
        Kind::Npy => npy::read(path, accept),
    }
}

/// The shape `(m, n)` of the matrix in a file: from the header alone, except for `.csv`.
pub(super) fn matrix_shape(path: &Path) -> Result<(usize, usize), ProblemError> {
    match kind(path)? {
        Kind::Png => png::shape(path),
        Kind::Csv => csv::read(path, &|_, _| Ok(())).map(|m| m.shape()),
        Kind::Npy => npy::shape(path),
    }
}

pub(super) fn open(path: &Path) -> Result<std::fs::File, ProblemError> {
    std::fs::File::open(path).map_err(|source| ProblemError::Read { path: path.to_owned(), source })
}

pub(super) fn format_error(path: &Path, reason: impl Into<String>) -> ProblemError {
    ProblemError::Format { path: path.to_owned(), reason: reason.into() }
}
