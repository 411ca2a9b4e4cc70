//! Structured operators in files: the arrays that tell them.

use super::ProblemError;
use super::archive::{ArchiveReader, ArchiveWriter};
use super::file::npy::shape_text;
use crate::sensing::{Entries, NamedArray, Rademacher, Values};
use std::io::{self, Seek, Write};

/// The words for operators that are told otherwise than by all their entries.
pub(super) const KINDS: [&str; 3] = ["identity", "rademacher", "entries"];

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
fn integers<T>(
    archive: &mut ArchiveReader,
    array: &str,
    shape: &[usize],
    below: usize,
    make: impl Fn(usize) -> T,
) -> Result<Vec<T>, ProblemError> {
    archive.numbers(array, |numbers| {
        if numbers.shape != shape || numbers.fortran && shape.len() > 1 {
            return Err(format!("has shape {}; expected {} in C order", numbers.shape_text(), shape_text(shape)));
        }
        let index = |entry: f64| {
            let fits = entry >= 0.0 && entry < below as f64 && entry.fract() == 0.0;
            if fits { Ok(make(entry as usize)) } else { Err(format!("has an entry {entry}; expected integers from 0 to {}", below.saturating_sub(1))) }
        };
        numbers.entries.map(|entry| index(entry?)).collect()
    })
}

/// Signs from `sign_bits`.
pub(super) fn rademacher(archive: &mut ArchiveReader, [p, rows, cols]: [usize; 3]) -> Result<Rademacher, ProblemError> {
    Rademacher::check_fits(rows, cols, p)?;
    let packed = integers(archive, "sign_bits", &[p, (rows * cols).div_ceil(8)], 256, |byte| byte as u8)?;
    Ok(Rademacher::from_packed(rows, cols, p, &packed)?)
}

/// Entries from `rows` and `cols`.
pub(super) fn entries(archive: &mut ArchiveReader, [p, rows, cols]: [usize; 3]) -> Result<Entries, ProblemError> {
    let which = integers(archive, "rows", &[p], rows, |row| row)?;
    let places: Vec<_> = which.into_iter().zip(integers(archive, "cols", &[p], cols, |col| col)?).collect();
    Ok(Entries::from_places(rows, cols, &places)?)
}
