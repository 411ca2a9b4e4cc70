//! Norms of matrices.

use super::extreme::{extreme_eigenvalues_of_scaled, highest_eigenvalue_of_scaled};
use super::panels::{Panels, gram};
use super::scaled::Scale;
use super::vectorised::inner_product;
use super::{Matrix, View};

/// `⟨A, B⟩ = Σ_ij A_ij B_ij`.
pub fn inner(a: &Matrix, b: &Matrix) -> f64 {
    inner_product(a.as_slice(), b.as_slice())
}

/// `‖A‖_F²`.
pub fn frobenius_squared(a: &Matrix) -> f64 {
    inner(a, a)
}

/// `‖A‖_F`, safe against overflow and underflow of the squares. NaN if an entry is NaN, else infinite if one is.
pub fn frobenius(a: &Matrix) -> f64 {
    let squared = frobenius_squared(a);
    if (1e-240..1e300).contains(&squared) {
        return squared.sqrt();
    }
    let largest = a.amax();
    if largest == 0.0 || !largest.is_finite() {
        return if a.iter().any(|x| x.is_nan()) { f64::NAN } else { largest };
    }
    largest * a.iter().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt()
}

/// `‖A‖_op`, the largest singular value: the root of the largest eigenvalue of the smaller Gram matrix. NaN if `A` is not
/// finite, 0 if it is empty.
///
/// Squaring halves the digits of *small* singular values only: the largest one agrees with a singular value decomposition to a relative
/// 1e-14. A power of two taken out first keeps the squares in range.
pub fn operator_norm<'a>(a: impl Into<View<'a>>) -> f64 {
    let a = a.into();
    let Ok(scale) = Scale::of(a) else { return f64::NAN };
    let scaled = match a.nrows() > a.ncols() {
        true => Panels::of_transposed(a, scale.factors()),
        false => Panels::of(a, scale.factors()),
    };
    scale.restore(highest_eigenvalue_of_scaled(gram(&scaled)).map_or(0.0, |largest| largest.max(0.0).sqrt()))
}

/// `‖S‖_op` of a symmetric matrix: its largest eigenvalue in absolute value. Only the lower triangle is multiplied with, but the scale is
/// that of all entries (far larger ones above the diagonal would make zeros of those below), and NaN comes back if any of them is not
/// finite.
///
/// # Panics
/// If `S` is not square.
pub fn operator_norm_symmetric(s: &Matrix) -> f64 {
    assert_eq!(s.nrows(), s.ncols(), "a symmetric matrix is square");
    let Ok(scale) = Scale::of(View::of(s)) else { return f64::NAN };
    let ends = extreme_eigenvalues_of_scaled(Panels::of_symmetric(s, scale.factors()));
    ends.map_or(0.0, |(lowest, highest)| scale.restore(lowest.abs().max(highest.abs())))
}

/// The largest of numbers that are at least 0; 0 if there are none, NaN if one is (`f64::max` would drop it, and make a fine number of a
/// failure).
pub fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |largest, value| if largest.is_nan() || value.is_nan() { f64::NAN } else { f64::max(largest, value) })
}

#[cfg(test)]
mod tests {
    use super::largest;

    #[test]
    fn the_largest_keeps_what_is_not_a_number() {
        assert_eq!((largest([1.0, 3.0, 2.0]), largest([])), (3.0, 0.0));
        assert!([[f64::NAN, 1.0], [1.0, f64::NAN]].into_iter().all(|values| largest(values).is_nan()));
    }
}
