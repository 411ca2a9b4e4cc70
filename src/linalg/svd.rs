//! Singular value decompositions.

use super::scaled::Scaled;
use super::{Matrix, PartialSvd, View};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::svd::{ComputeSvdVectors, SvdParams, svd, svd_scratch};
use faer::{Auto, MatMut, Par, Spec, diag::DiagMut};

/// A decomposition that could not be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecompositionError {
    /// An entry is NaN or infinite.
    #[error("the matrix has an entry that is not finite")]
    NotFinite,
    /// The iteration did not converge.
    #[error("the iteration for singular values or eigenvalues did not converge")]
    NoConvergence,
    /// A pivot of a Cholesky factorisation is not positive.
    #[error("the matrix is not positive definite to working precision")]
    NotPositiveDefinite,
}

/// `A = U diag(σ) Vᵀ` with `k = min(m, n)` columns in `U` and `V`, σ descending.
#[derive(Clone, Debug)]
pub struct ThinSvd {
    /// `m × k`, orthonormal columns.
    pub left: Matrix,
    /// `σ₁ ≥ … ≥ σ_k ≥ 0`.
    pub values: Vec<f64>,
    /// `n × k`, orthonormal columns.
    pub right: Matrix,
}

/// The thin singular value decomposition. Singular values have an absolute error of a modest multiple of `ε σ₁`; columns of
/// `U` and `V` are orthonormal to round-off, also those of zero singular values.
///
/// # Errors
/// Entries that are not finite, or no convergence.
pub fn thin_svd<'a>(a: impl Into<View<'a>>) -> Result<ThinSvd, DecompositionError> {
    let scaled = Scaled::of(a.into())?;
    let mut decomposition = decompose_with_vectors(&scaled.matrix)?;
    decomposition.values.iter_mut().for_each(|x| *x = scaled.restore(*x));
    Ok(decomposition)
}

/// All singular values, descending; accuracy as in [`thin_svd`]. They are those of [`PartialSvd`].
///
/// # Errors
/// As [`thin_svd`].
pub fn singular_values<'a>(a: impl Into<View<'a>>) -> Result<Vec<f64>, DecompositionError> {
    Ok(PartialSvd::of(a)?.values)
}

fn decompose_with_vectors(a: &Matrix) -> Result<ThinSvd, DecompositionError> {
    let size = a.nrows().min(a.ncols());
    let (mut left, mut right) = (Matrix::zeros(a.nrows(), size), Matrix::zeros(a.ncols(), size));
    let values = decompose(a, Some((&mut left, &mut right)))?;
    Ok(ThinSvd { left, values, right })
}

/// Sequential whatever faer's global setting is; `a` is finite and of moderate size.
pub(super) fn decompose(a: &Matrix, vectors: Option<(&mut Matrix, &mut Matrix)>) -> Result<Vec<f64>, DecompositionError> {
    let (rows, cols) = (a.nrows(), a.ncols());
    let size = rows.min(cols);
    let mut values = vec![0.0; size];
    if size == 0 {
        return Ok(values);
    }
    let want = if vectors.is_some() { ComputeSvdVectors::Thin } else { ComputeSvdVectors::No };
    let mut memory = MemBuffer::new(svd_scratch::<f64>(rows, cols, want, want, Par::Seq, parameters()));
    let (left, right) = match vectors {
        Some((left, right)) => (
            Some(MatMut::from_column_major_slice_mut(left.as_mut_slice(), rows, size)),
            Some(MatMut::from_column_major_slice_mut(right.as_mut_slice(), cols, size)),
        ),
        None => (None, None),
    };
    let stack = MemStack::new(&mut memory);
    svd(View::of(a).as_faer(), DiagMut::from_slice_mut(&mut values), left, right, Par::Seq, stack, parameters())
        .map_err(|_| DecompositionError::NoConvergence)?;
    Ok(values)
}

/// Bidiagonalisation without a QR decomposition before it: faer's QR truncates what it takes for rank deficiency, at
/// `16 m ε` (see [`thin_qr`]), which tall matrices would inherit.
fn parameters() -> Spec<SvdParams, f64> {
    SvdParams { qr_ratio_threshold: f64::INFINITY, ..<SvdParams as Auto<f64>>::auto() }.into()
}
