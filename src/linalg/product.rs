//! Matrix products without allocation, through faer's sequential kernels.

use super::{Matrix, View};
use faer::{Accum, MatMut, Par};
use std::ops::Range;

/// Which of its two operands a product transposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `A B`
    Plain,
    /// `A Bᵀ`
    RightTransposed,
    /// `Aᵀ B`
    LeftTransposed,
}

/// `A B`, `A Bᵀ` or `Aᵀ B` as a new matrix.
///
/// # Panics
/// If the inner dimensions differ.
pub fn multiply<'a, 'b>(form: Form, a: impl Into<View<'a>>, b: impl Into<View<'b>>) -> Matrix {
    let (a, b) = (a.into(), b.into());
    let (rows, cols) = match form {
        Form::Plain => (a.nrows(), b.ncols()),
        Form::RightTransposed => (a.nrows(), b.nrows()),
        Form::LeftTransposed => (a.ncols(), b.ncols()),
    };
    let mut out = Matrix::zeros(rows, cols);
    multiply_into(&mut out, 0, rows, 1.0, form, a, b);
    out
}

/// Writes `scale ·` (the product that `form` names) into rows `first .. first + rows` of `out`. Allocates nothing.
///
/// # Panics
/// If the dimensions do not fit.
pub fn multiply_into(out: &mut Matrix, first: usize, rows: usize, scale: f64, form: Form, a: View<'_>, b: View<'_>) {
    write(Accum::Replace, out, first..first + rows, scale, form, a, b);
}

/// Adds `scale ·` (the product that `form` names) to rows `first .. first + rows` of `out`. Allocates nothing.
///
/// # Panics
/// If the dimensions do not fit.
pub fn multiply_add_into(out: &mut Matrix, first: usize, rows: usize, scale: f64, form: Form, a: View<'_>, b: View<'_>) {
    write(Accum::Add, out, first..first + rows, scale, form, a, b);
}

fn write(accum: Accum, out: &mut Matrix, which: Range<usize>, scale: f64, form: Form, a: View<'_>, b: View<'_>) {
    let (first, rows) = (which.start, which.len());
    let (stride, cols) = (out.nrows(), out.ncols());
    assert!(first + rows <= stride, "rows {first}..{} of a matrix with {stride}", first + rows);
    if rows == 0 || cols == 0 {
        return;
    }
    let span = first..first + (cols - 1) * stride + rows;
    let target = MatMut::from_column_major_slice_with_stride_mut(&mut out.as_mut_slice()[span], rows, cols, stride);
    let (a, b) = (a.as_faer(), b.as_faer());
    let (a, b) = match form {
        Form::Plain => (a, b),
        Form::RightTransposed => (a, b.transpose()),
        Form::LeftTransposed => (a.transpose(), b),
    };
    faer::linalg::matmul::matmul(target, accum, a, b, scale, Par::Seq);
}
