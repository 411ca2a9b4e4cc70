//! Singular values and vectors of products that are known by their factors.

use super::qr::PackedQr;
use super::scaled::{Scaled, times_power_of_two};
use super::{DecompositionError, Form, Matrix, PartialSvd, ThinSvd, View, multiply, thin_svd};

/// Singular values of `L Rᵀ`, descending, `min(m, n, h)` of them, from QR decompositions of the factors and a small SVD:
/// no `m × n` decomposition where `h` is smaller. Absolute error: a modest multiple of `ε ‖L‖_op ‖R‖_op`.
///
/// # Errors
/// As [`thin_svd`].
///
/// # Panics
/// If the widths differ.
pub fn singular_values_of_product<'a, 'b>(left: impl Into<View<'a>>, right: impl Into<View<'b>>) -> Result<Vec<f64>, DecompositionError> {
    let (left, right) = (Reduced::of(left.into())?, Reduced::of(right.into())?);
    let exponent = left.exponent + right.exponent;
    let values = PartialSvd::of(&multiply(Form::RightTransposed, &left.core, &right.core))?.values;
    Ok(values.into_iter().map(|x| times_power_of_two(x, exponent)).collect())
}

/// The singular value decomposition of `L Rᵀ` with `min(m, n, h)` triples, by the same way as
/// [`singular_values_of_product`].
///
/// # Errors
/// As [`thin_svd`].
///
/// # Panics
/// If the widths differ.
pub fn thin_svd_of_product<'a, 'b>(left: impl Into<View<'a>>, right: impl Into<View<'b>>) -> Result<ThinSvd, DecompositionError> {
    let (left, right) = (Reduced::of(left.into())?, Reduced::of(right.into())?);
    let exponent = left.exponent + right.exponent;
    let core = thin_svd(&multiply(Form::RightTransposed, &left.core, &right.core))?;
    Ok(ThinSvd {
        left: left.lift(core.left),
        values: core.values.into_iter().map(|x| times_power_of_two(x, exponent)).collect(),
        right: right.lift(core.right),
    })
}

/// The singular values of a product, and its first singular vectors on request.
#[derive(Debug)]
pub struct ProductSpectrum {
    /// As [`singular_values_of_product`].
    pub values: Vec<f64>,
    core: PartialSvd,
    left: Reduced,
    /// `None` where it is the left one.
    right: Option<Reduced>,
}

impl ProductSpectrum {
    /// That of `L Rᵀ`.
    ///
    /// # Errors
    /// As [`thin_svd`].
    ///
    /// # Panics
    /// If the widths differ.
    pub fn of<'a, 'b>(left: impl Into<View<'a>>, right: impl Into<View<'b>>) -> Result<Self, DecompositionError> {
        let (left, right) = (Reduced::of(left.into())?, Reduced::of(right.into())?);
        let core = PartialSvd::of(&multiply(Form::RightTransposed, &left.core, &right.core))?;
        let exponent = left.exponent + right.exponent;
        let values = core.values.iter().map(|x| times_power_of_two(*x, exponent)).collect();
        Ok(ProductSpectrum { values, core, left, right: Some(right) })
    }

    /// That of `U Uᵀ`, from `U` itself: it has its left singular vectors and the squares of its singular values, small ones with twice the
    /// digits.
    ///
    /// # Errors
    /// As [`thin_svd`].
    pub fn of_square<'a>(u: impl Into<View<'a>>) -> Result<Self, DecompositionError> {
        let left = Reduced::of(u.into())?;
        let core = PartialSvd::of(&left.core)?;
        let values = core.values.iter().map(|x| times_power_of_two(*x, left.exponent).powi(2)).collect();
        Ok(ProductSpectrum { values, core, left, right: None })
    }

    /// The first `count` left and right singular vectors, as [`PartialSvd::leading`].
    ///
    /// # Errors
    /// No convergence.
    pub fn leading(&self, count: usize) -> Result<[Matrix; 2], DecompositionError> {
        let [left, right] = self.core.leading(count)?;
        let left = self.left.lift(left);
        let right = match &self.right {
            Some(reduced) => reduced.lift(right),
            None => left.clone(),
        };
        Ok([left, right])
    }
}

/// A factor as `2^exponent · basis · core`, the core with at most as many rows as columns; no basis: the identity.
#[derive(Debug)]
struct Reduced {
    basis: Option<PackedQr>,
    core: Matrix,
    exponent: i32,
}

impl Reduced {
    fn of(factor: View<'_>) -> Result<Self, DecompositionError> {
        let scaled = Scaled::of(factor)?;
        let exponent = scaled.scale.exponent();
        if factor.nrows() <= factor.ncols() {
            return Ok(Reduced { basis: None, core: scaled.matrix, exponent });
        }
        let basis = PackedQr::of(View::of(&scaled.matrix));
        Ok(Reduced { core: basis.triangular_factor(), basis: Some(basis), exponent })
    }

    fn lift(&self, vectors: Matrix) -> Matrix {
        match &self.basis {
            Some(basis) => basis.times(vectors),
            None => vectors,
        }
    }
}
