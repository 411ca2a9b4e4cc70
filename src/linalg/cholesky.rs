//! Cholesky decomposition and triangular systems.

use super::{DecompositionError, Matrix, View};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{MatMut, Par};

/// `L` with `S = L Lᵀ`, lower triangular, of a symmetric positive definite matrix, of which only the lower triangle is read.
///
/// # Errors
/// [`DecompositionError::NotFinite`], or [`DecompositionError::NotPositiveDefinite`] to working precision.
///
/// # Panics
/// If `S` is not square.
pub fn cholesky(s: &Matrix) -> Result<Matrix, DecompositionError> {
    assert_eq!(s.nrows(), s.ncols(), "a symmetric matrix is square");
    if !s.iter().all(|x| x.is_finite()) {
        return Err(DecompositionError::NotFinite);
    }
    let n = s.nrows();
    let mut lower = s.lower_triangle();
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(n, Par::Seq, Default::default()));
    let target = MatMut::from_column_major_slice_mut(lower.as_mut_slice(), n, n);
    cholesky_in_place(target, Default::default(), Par::Seq, MemStack::new(&mut memory), Default::default())
        .map_err(|_| DecompositionError::NotPositiveDefinite)?;
    lower.fill_upper_triangle(0.0, 1);
    if lower.iter().all(|x| x.is_finite()) { Ok(lower) } else { Err(DecompositionError::NotFinite) }
}

/// Overwrites `B` with `L⁻¹B`, `L` lower triangular with a nonzero diagonal.
///
/// # Panics
/// If the shapes do not fit.
pub fn solve_lower_triangular(lower: &Matrix, b: &mut Matrix) {
    let (rows, cols) = (b.nrows(), b.ncols());
    let target = MatMut::from_column_major_slice_mut(b.as_mut_slice(), rows, cols);
    solve_lower_triangular_in_place(View::of(lower).as_faer(), target, Par::Seq);
}
