//! Targets of the symmetric model: `Y ∈ R^{d×d}`, symmetric and positive semidefinite.

use super::{ProblemError, Target, gaussian_matrix, semi_orthogonal};
use crate::linalg::{DecompositionError, Form, Matrix, multiply, symmetric_eigen, symmetrise, thin_svd};
use crate::random::{Purpose, stream};

/// What a matrix from a file may differ from its transpose, and how far its eigenvalues may lie below zero, relative to its largest entry and
/// eigenvalue: what a few operations in f64 (or a table with that many digits) leave.
const TOLERANCE: f64 = 1e-10;

/// `Y = U diag(σ) Uᵀ`, `U` with orthonormal columns.
pub(super) fn from_eigenpairs(vectors: Matrix, values: Vec<f64>) -> Target {
    let mut scaled = vectors.clone();
    for (mut column, value) in scaled.column_iter_mut().zip(&values) {
        column *= *value;
    }
    let mut matrix = multiply(Form::RightTransposed, &scaled, &vectors);
    symmetrise(&mut matrix);
    Target { matrix, right: vectors.clone(), left: vectors, values }
}

/// Haar-distributed eigenvectors, from stream 0 of [`Purpose::Target`]; positive eigenvalues, descending.
pub(super) fn random(seed: u64, side: usize, values: &[f64]) -> Target {
    let vectors = semi_orthogonal(&mut stream(seed, Purpose::Target, 0), side, values.len());
    from_eigenpairs(vectors, values.to_vec())
}

/// `Y = U*U*ᵀ`, `U* ∈ R^{side×rank}` with independent normal entries from stream 0 of [`Purpose::Target`], each column divided by its norm (LMZ18).
pub(super) fn unit_columns(seed: u64, side: usize, rank: usize) -> Result<Target, DecompositionError> {
    let mut factor = gaussian_matrix(&mut stream(seed, Purpose::Target, 0), side, rank);
    for mut column in factor.column_iter_mut() {
        column.unscale_mut(column.norm());
    }
    let mut matrix = multiply(Form::RightTransposed, &factor, &factor);
    symmetrise(&mut matrix);
    let svd = thin_svd(&factor)?;
    let values = svd.values.iter().map(|value| value * value).collect();
    Ok(Target { matrix, right: svd.left.clone(), left: svd.left, values })
}

/// A symmetric positive semidefinite matrix: its best approximation of rank `rank` over its largest eigenvalue, or as it is, whose rank is then the number of
/// eigenvalues above `d²·ε·λ₁`. Of the matrix its symmetric part counts. `origin` names it in messages.
///
/// # Errors
/// A matrix that is not square, not symmetric, or has a negative eigenvalue, each beyond rounding; zero; of smaller rank than asked for.
pub fn semidefinite_target(mut matrix: Matrix, rank: Option<usize>, origin: &str) -> Result<Target, ProblemError> {
    let (rows, cols) = matrix.shape();
    if rows != cols {
        return Err(ProblemError::NotSquare { origin: origin.to_owned(), rows, cols });
    }
    if let Some(rank) = rank.filter(|rank| !(1..=rows).contains(rank)) {
        return Err(ProblemError::Rank { rank, origin: origin.to_owned(), rows, cols });
    }
    let (largest_entry, skew) = (matrix.amax(), (&matrix - matrix.transpose()).amax());
    if skew > TOLERANCE * largest_entry {
        return Err(ProblemError::NotSymmetric { origin: origin.to_owned(), skew, largest: largest_entry });
    }
    symmetrise(&mut matrix);
    let eigen = symmetric_eigen(&matrix).map_err(|source| ProblemError::Decomposition { origin: origin.to_owned(), source })?;
    let (least, largest) = (eigen.values.first().copied().unwrap_or(0.0), eigen.values.last().copied().unwrap_or(0.0));
    if least < -TOLERANCE * largest.abs().max(-least) {
        return Err(ProblemError::NotSemidefinite { origin: origin.to_owned(), least, largest });
    }
    if largest <= 0.0 {
        return Err(ProblemError::ZeroTarget { origin: origin.to_owned() });
    }
    let threshold = largest * f64::EPSILON * matrix.len() as f64;
    let found = eigen.values.iter().filter(|&&value| value > threshold).count();
    // Ascending in the decomposition.
    let leading = |rank: usize| Matrix::from_fn(rows, rank, |i, j| eigen.vectors[(i, rows - 1 - j)]);
    let values = |rank: usize| eigen.values.iter().rev().take(rank).copied();
    match rank {
        Some(rank) if found < rank => {
            let ratio = eigen.values[rows - rank] / largest;
            Err(ProblemError::RankDeficient { rank, origin: origin.to_owned(), found, ratio })
        }
        Some(rank) => Ok(from_eigenpairs(leading(rank), values(rank).map(|value| value / largest).collect())),
        None => Ok(Target { matrix, left: leading(found), values: values(found).collect(), right: leading(found) }),
    }
}
