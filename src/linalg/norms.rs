//! Norms of matrices.

use super::{Matrix, View, svd};

/// `⟨A, B⟩ = Σ_ij A_ij B_ij`.
pub fn inner(a: &Matrix, b: &Matrix) -> f64 {
    a.as_slice().iter().zip(b.as_slice()).map(|(x, y)| x * y).sum()
}

/// `‖A‖_F²`.
pub fn frobenius_squared(a: &Matrix) -> f64 {
    inner(a, a)
}

/// `‖A‖_F`, safe against overflow and underflow of the squares.
pub fn frobenius(a: &Matrix) -> f64 {
    let largest = a.amax();
    if largest == 0.0 || !largest.is_finite() {
        return if a.iter().any(|x| x.is_nan()) { f64::NAN } else { largest };
    }
    if (1e-140..1e140).contains(&largest) {
        return frobenius_squared(a).sqrt();
    }
    largest * a.iter().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt()
}

/// `‖A‖_op`, the largest singular value. NaN if `A` is not finite.
pub fn operator_norm<'a>(a: impl Into<View<'a>>) -> f64 {
    svd::singular_values(a).map_or(f64::NAN, |values| values.first().copied().unwrap_or(0.0))
}

/// `‖S‖_op` of a symmetric matrix: its largest eigenvalue in absolute value. NaN if `S` is not finite.
pub fn operator_norm_symmetric(s: &Matrix) -> f64 {
    operator_norm(s)
}
