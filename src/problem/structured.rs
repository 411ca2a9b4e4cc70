//! Structured operators in files: the arrays that tell them.

use super::ProblemError;
use super::archive::{ArchiveReader, ArchiveWriter};
use super::file::npy::shape_text;
use crate::sensing::{Entries, NamedArray, Values};
use std::io::{self, Seek, Write};

/// The words for operators that are told otherwise than by all their entries.
pub(super) const KINDS: [&str; 2] = ["identity", "entries"];

/// Writes an operator's arrays.
///
/// # Errors
/// A write that fails.
pub(super) fn write<W: Write + Seek>(archive: &mut ArchiveWriter<W>, arrays: Vec<NamedArray<'_>>) -> io::Result<()> {
    for NamedArray { name, shape, values } in arrays {
        match values {
            Values::Floats(values) => archive.array(name, &shape, values)?,
            Values::Integers(values) => archive.integer_array(name, &shape, values)?,
            Values::Bytes(values) => archive.byte_array(name, &shape, values)?,
        }
    }
    Ok(())
}

/// An array of integers in `0 .. below`, in row-major order, of the given shape.
fn integers(archive: &mut ArchiveReader, array: &str, shape: &[usize], below: usize) -> Result<Vec<usize>, ProblemError> {
    archive.numbers(array, |numbers| {
        if numbers.shape != shape || numbers.fortran && shape.len() > 1 {
            return Err(format!("has shape {}; expected {} in C order", numbers.shape_text(), shape_text(shape)));
        }
        let index = |entry: f64| {
            let fits = entry >= 0.0 && entry < below as f64 && entry.fract() == 0.0;
            if fits { Ok(entry as usize) } else { Err(format!("has an entry {entry}; expected integers from 0 to {}", below.saturating_sub(1))) }
        };
        numbers.entries.map(|entry| index(entry?)).collect()
    })
}

/// Entries from `rows` and `cols`.
pub(super) fn entries(archive: &mut ArchiveReader, [p, rows, cols]: [usize; 3]) -> Result<Entries, ProblemError> {
    let which = integers(archive, "rows", &[p], rows)?;
    let places: Vec<_> = which.into_iter().zip(integers(archive, "cols", &[p], cols)?).collect();
    Ok(Entries::from_places(rows, cols, &places)?)
}
