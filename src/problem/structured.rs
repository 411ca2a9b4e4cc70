//! Structured operators in files: the arrays that tell them.

use super::ProblemError;
use super::archive::{ArchiveReader, ArchiveWriter};
use super::file::npy::{matrix, shape_text};
use crate::linalg::Matrix;
use crate::sensing::{Entries, Hadamard, NamedArray, Pauli, Rademacher, RankOne, SensingError, Values};
use std::io::{self, Seek, Write};

/// The words for operators that are told otherwise than by all their entries.
pub(super) const KINDS: [&str; 6] = ["identity", "rademacher", "rank_one", "hadamard", "pauli", "entries"];

/// The arrays of each kind.
const ARRAYS: [(&str, &[&str]); 5] = [
    ("rademacher", &["sign_bits"]),
    ("rank_one", &["left", "right"]),
    ("hadamard", &["indices", "signs"]),
    ("pauli", &["shifts", "phases"]),
    ("entries", &["rows", "cols"]),
];

/// Refuses arrays that belong to another kind of operator than `kind`: they would be ignored.
pub(super) fn check_names(archive: &ArchiveReader, names: &[String], kind: &str) -> Result<(), ProblemError> {
    for (owner, arrays) in ARRAYS.iter().filter(|(owner, _)| *owner != kind) {
        if let Some(foreign) = names.iter().find(|name| arrays.contains(&name.as_str())) {
            let reason = format!("belongs to operator_kind = {owner:?}, but the operator is {kind:?}; drop it or correct operator_kind");
            return Err(archive.error(foreign, reason));
        }
    }
    Ok(())
}

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
            if fits {
                Ok(make(entry as usize))
            } else {
                Err(format!("has an entry {entry}; expected integers from 0 to {}", below.saturating_sub(1)))
            }
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

/// Vectors from `left` and, if it is there, `right`.
pub(super) fn rank_one(archive: &mut ArchiveReader, [p, rows, cols]: [usize; 3], has_right: bool) -> Result<RankOne, ProblemError> {
    RankOne::check_fits(rows, cols, p)?;
    let mut vectors = |array: &str, length: usize| -> Result<Matrix, ProblemError> {
        archive.numbers(array, |numbers| {
            let expected = [p, length];
            if numbers.shape != expected {
                return Err(format!("has shape {}; expected {}", numbers.shape_text(), shape_text(&expected)));
            }
            matrix(numbers)
        })
    };
    let left = vectors("left", rows)?;
    // Without the array, z_i = x_i, and a shape that is not square is refused.
    let right = if has_right || rows != cols { Some(vectors("right", cols)?) } else { None };
    Ok(RankOne::from_vectors(&left, right.as_ref())?)
}

/// A transform from `indices` and `signs`.
pub(super) fn hadamard(archive: &mut ArchiveReader, [p, rows, cols]: [usize; 3]) -> Result<Hadamard, ProblemError> {
    Hadamard::check_fits(rows, cols, p)?;
    let size = Hadamard::most_measurements(rows, cols).unwrap_or(0);
    let indices = integers(archive, "indices", &[p], size, |index| index)?;
    let signs = archive.numbers("signs", matrix)?;
    if signs.shape() != (rows, cols) || signs.iter().any(|sign| sign.abs() != 1.0) {
        return Err(archive.error("signs", format!("must be {rows}×{cols} numbers 1 and −1")));
    }
    let negative: Vec<bool> = signs.iter().map(|&sign| sign < 0.0).collect();
    Ok(Hadamard::from_parts(rows, cols, &indices, &negative)?)
}

/// Strings from `shifts` and `phases`.
pub(super) fn pauli(archive: &mut ArchiveReader, [p, rows, cols]: [usize; 3]) -> Result<Pauli, ProblemError> {
    Pauli::check_fits(rows, cols, p)?;
    let shifts = integers(archive, "shifts", &[p], rows, |shift| shift)?;
    let strings: Vec<_> = shifts.into_iter().zip(integers(archive, "phases", &[p], rows, |phase| phase)?).collect();
    Ok(Pauli::from_strings(rows, &strings)?)
}

/// Entries from `rows` and `cols`.
pub(super) fn entries(archive: &mut ArchiveReader, [p, rows, cols]: [usize; 3]) -> Result<Entries, ProblemError> {
    let which = integers(archive, "rows", &[p], rows, |row| row)?;
    let places: Vec<_> = which.into_iter().zip(integers(archive, "cols", &[p], cols, |col| col)?).collect();
    Entries::from_places(rows, cols, &places).map_err(|error| match error {
        SensingError::BadEntry { .. } => archive.error("rows", error.to_string()),
        other => other.into(),
    })
}
