//! Eigenvalues and eigenvectors of symmetric matrices.

use super::scaled::Scaled;
use super::{DecompositionError, Matrix, View};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{MatMut, Par, diag::DiagMut};

/// `S = P diag(λ) Pᵀ`.
#[derive(Clone, Debug)]
pub struct SymmetricEigen {
    /// `λ₁ ≤ … ≤ λ_n`.
    pub values: Vec<f64>,
    /// `P`, orthogonal; column `i` belongs to `values[i]`.
    pub vectors: Matrix,
}

/// The eigen-decomposition of a symmetric matrix, of which only the lower triangle is read. Every eigenvalue is within a
/// modest multiple of `ε‖S‖_op` of an exact one: small eigenvalues have absolute, not relative accuracy.
///
/// # Errors
/// Entries that are not finite, or no convergence.
///
/// # Panics
/// If `S` is not square.
pub fn symmetric_eigen(s: &Matrix) -> Result<SymmetricEigen, DecompositionError> {
    assert_eq!(s.nrows(), s.ncols(), "a symmetric matrix is square");
    let scaled = Scaled::of(View::of(s))?;
    let mut vectors = Matrix::zeros(s.nrows(), s.nrows());
    let values = decompose(&scaled.matrix, &mut vectors)?;
    Ok(SymmetricEigen { values: values.into_iter().map(|x| scaled.restore(x)).collect(), vectors })
}

fn decompose(s: &Matrix, vectors: &mut Matrix) -> Result<Vec<f64>, DecompositionError> {
    let n = s.nrows();
    let mut values = vec![0.0; n];
    let want = ComputeEigenvectors::Yes;
    let mut memory = MemBuffer::new(self_adjoint_evd_scratch::<f64>(n, want, Par::Seq, Default::default()));
    let vectors = Some(MatMut::from_column_major_slice_mut(vectors.as_mut_slice(), n, n));
    let stack = MemStack::new(&mut memory);
    self_adjoint_evd(View::of(s).as_faer(), DiagMut::from_slice_mut(&mut values), vectors, Par::Seq, stack, Default::default())
        .map_err(|_| DecompositionError::NoConvergence)?;
    Ok(values)
}
