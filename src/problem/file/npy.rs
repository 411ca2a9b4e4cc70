//! Numbers in NumPy's array format.

use super::{Accept, format_error, open};
use crate::linalg::Matrix;
use crate::problem::ProblemError;
use npyz::{DType, NpyFile, Order};
use std::io::{BufReader, Read};
use std::path::Path;

/// The entries of an array one after another, in the order they are stored in, as f64.
pub(in crate::problem) struct Numbers<'a> {
    /// The lengths of its dimensions.
    pub shape: Vec<usize>,
    /// Whether the first index varies fastest.
    pub fortran: bool,
    /// The entries; exactly as many as `shape` says, unless one is an error.
    pub entries: Box<dyn Iterator<Item = Result<f64, String>> + 'a>,
}

impl Numbers<'_> {
    /// The shape as NumPy writes it.
    pub fn shape_text(&self) -> String {
        shape_text(&self.shape)
    }
}

/// A shape as NumPy writes it: `(3, 4)`, `(5,)`.
pub(in crate::problem) fn shape_text(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// Integers beyond 2⁵³ may have no f64 of their own.
fn exact<T: Copy + std::fmt::Display + Into<i128>>(value: T) -> Result<f64, String> {
    let wide: i128 = value.into();
    let float = wide as f64;
    if float as i128 == wide { Ok(float) } else { Err(format!("the integer {value} has no exact value in double precision")) }
}

fn read_error(error: std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "is cut short: it has fewer entries than its shape needs".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// Begins to read an array of numbers from `reader`, which holds `bytes` bytes in all.
///
/// # Errors
/// In words: not the format, entries that are no numbers, or fewer bytes than the shape needs (asked before anything is allocated).
pub(in crate::problem) fn numbers<'a, R: Read + 'a>(reader: R, bytes: u64) -> Result<Numbers<'a>, String> {
    let npy = NpyFile::new(reader).map_err(|error| format!("is not an array in NumPy's .npy format: {error}"))?;
    let dtype = npy.dtype();
    let item = match &dtype {
        DType::Plain(plain) => plain.num_bytes(),
        _ => None,
    };
    let item = item.ok_or_else(|| format!("has entries of type {}; expected floating-point numbers or integers", dtype.descr()))?;
    let needed = npy.shape().iter().try_fold(item as u64, |product, &length| product.checked_mul(length));
    if needed.is_none_or(|needed| needed > bytes) {
        return Err(format!("is cut short: it has {bytes} bytes, fewer than its shape {:?} needs", npy.shape()));
    }
    let shape = npy.shape().iter().map(|&length| length as usize).collect();
    let fortran = npy.order() == Order::Fortran;
    let mut rest = npy;
    macro_rules! attempt {
        ($kind:ty, $widen:expr) => {
            match rest.try_data::<$kind>() {
                Ok(data) => {
                    let widen: fn($kind) -> Result<f64, String> = $widen;
                    let entries = data.map(move |entry| entry.map_err(read_error).and_then(widen));
                    return Ok(Numbers { shape, fortran, entries: Box::new(entries) });
                }
                Err(npy) => rest = npy,
            }
        };
    }
    attempt!(f64, |x| Ok(x));
    attempt!(f32, |x| Ok(f64::from(x)));
    attempt!(i64, exact);
    attempt!(u64, exact);
    attempt!(i32, exact);
    attempt!(u32, exact);
    attempt!(i16, exact);
    attempt!(u16, exact);
    attempt!(i8, exact);
    attempt!(u8, exact);
    Err(format!("has entries of type {}; expected floating-point numbers or integers", rest.dtype().descr()))
}

/// The matrix in `numbers`, which must have two dimensions.
pub(in crate::problem) fn matrix(numbers: Numbers<'_>) -> Result<Matrix, String> {
    let &[rows, cols] = numbers.shape.as_slice() else {
        return Err(format!("has shape {}; expected two dimensions", numbers.shape_text()));
    };
    let mut matrix = Matrix::zeros(rows, cols);
    for (k, entry) in numbers.entries.enumerate() {
        let (i, j) = if numbers.fortran { (k % rows, k / rows) } else { (k / cols, k % cols) };
        let value = entry?;
        if !value.is_finite() {
            return Err(format!("entry [{i}, {j}] is {value}; every entry must be finite"));
        }
        matrix[(i, j)] = value;
    }
    Ok(matrix)
}

fn open_numbers(path: &Path) -> Result<Numbers<'static>, ProblemError> {
    let file = open(path)?;
    let bytes = file.metadata().map_err(|source| ProblemError::Read { path: path.to_owned(), source })?.len();
    let numbers = numbers(BufReader::new(file), bytes).map_err(|reason| format_error(path, reason))?;
    if numbers.shape.len() != 2 {
        return Err(format_error(path, format!("has shape {}; expected two dimensions", numbers.shape_text())));
    }
    if numbers.shape.contains(&0) {
        return Err(format_error(path, format!("has shape {}; expected at least one entry", numbers.shape_text())));
    }
    Ok(numbers)
}

pub(super) fn shape(path: &Path) -> Result<(usize, usize), ProblemError> {
    let shape = open_numbers(path)?.shape;
    Ok((shape[0], shape[1]))
}

pub(super) fn read(path: &Path, accept: Accept<'_>) -> Result<Matrix, ProblemError> {
    let numbers = open_numbers(path)?;
    accept(numbers.shape[0], numbers.shape[1])?;
    matrix(numbers).map_err(|reason| format_error(path, reason))
}
