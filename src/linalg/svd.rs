//! Singular value and QR decompositions.

use super::{Form, Matrix, View, multiply};

/// A decomposition that could not be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecompositionError {
    /// An entry is NaN or infinite.
    #[error("the matrix has an entry that is not finite")]
    NotFinite,
    /// The iteration did not converge.
    #[error("the singular value iteration did not converge")]
    NoConvergence,
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

fn owned(a: faer::MatRef<'_, f64>) -> Matrix {
    Matrix::from_fn(a.nrows(), a.ncols(), |i, j| a[(i, j)])
}

fn check_finite(a: View<'_>) -> Result<(), DecompositionError> {
    let finite = (0..a.ncols()).all(|j| a.column(j).iter().all(|x| x.is_finite()));
    if finite { Ok(()) } else { Err(DecompositionError::NotFinite) }
}

/// The thin singular value decomposition.
///
/// # Errors
/// Entries that are not finite, or no convergence.
pub fn thin_svd<'a>(a: impl Into<View<'a>>) -> Result<ThinSvd, DecompositionError> {
    let a = a.into();
    check_finite(a)?;
    let svd = a.as_faer().thin_svd().map_err(|_| DecompositionError::NoConvergence)?;
    let values = svd.S().column_vector().iter().copied().collect();
    Ok(ThinSvd { left: owned(svd.U()), values, right: owned(svd.V()) })
}

/// All singular values, descending.
///
/// # Errors
/// As [`thin_svd`].
pub fn singular_values<'a>(a: impl Into<View<'a>>) -> Result<Vec<f64>, DecompositionError> {
    let a = a.into();
    check_finite(a)?;
    a.as_faer().singular_values().map_err(|_| DecompositionError::NoConvergence)
}

/// `A = Q R` with `Q` of `min(m, n)` orthonormal columns.
pub fn thin_qr<'a>(a: impl Into<View<'a>>) -> (Matrix, Matrix) {
    let qr = a.into().as_faer().qr();
    (owned(qr.compute_thin_Q().as_ref()), owned(qr.thin_R()))
}

/// Singular values of `L Rᵀ`, descending, `min(m, n, h)` of them, from QR decompositions of the factors and a small SVD:
/// no `m × n` decomposition.
///
/// # Errors
/// As [`thin_svd`].
pub fn singular_values_of_product<'a, 'b>(left: impl Into<View<'a>>, right: impl Into<View<'b>>) -> Result<Vec<f64>, DecompositionError> {
    let (left, right) = (left.into(), right.into());
    check_finite(left)?;
    check_finite(right)?;
    let width = left.ncols();
    let reduce = |v: View<'_>| {
        if v.nrows() > width { thin_qr(v).1 } else { v.to_matrix() }
    };
    singular_values(&multiply(Form::RightTransposed, &reduce(left), &reduce(right)))
}
