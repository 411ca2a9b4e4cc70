//! Singular values, and of singular vectors only the first ones.

use super::bidiagonal::Bidiagonal;
use super::bisection::{MOST_VALUES, bidiagonal_singular_values};
use super::leading::leading_vectors;
use super::panels::Panels;
use super::scaled::Scaled;
use super::svd::decompose;
use super::{DecompositionError, Matrix, View, thin_svd};

/// Below this faer's way is faster.
const LEAST_SIDE: usize = 8;

/// All singular values of a matrix, and its first singular vectors on request.
///
/// Where sides are from 8 to 256, values come from a bidiagonal form by counting, and vectors from inverse iteration; this takes a fifth
/// of the time of a decomposition
/// with all vectors at side 50. Other matrices are decomposed by faer. Values have an absolute error of a modest multiple of `ε σ₁` either
/// way.
#[derive(Debug)]
pub struct PartialSvd {
    /// `σ₁ ≥ σ₂ ≥ … ≥ 0`, as many as the smaller side.
    pub values: Vec<f64>,
    scaled: Matrix,
    small: Option<Small>,
}

#[derive(Debug)]
struct Small {
    form: Bidiagonal,
    /// Of the scaled matrix.
    values: Vec<f64>,
    /// Whether the bidiagonal form is that of the transpose.
    transposed: bool,
}

impl PartialSvd {
    /// Of a matrix of any shape.
    ///
    /// # Errors
    /// Entries that are not finite, or no convergence.
    pub fn of<'a>(a: impl Into<View<'a>>) -> Result<Self, DecompositionError> {
        let a = a.into();
        let (Scaled { matrix: scaled, scale }, sides) = (Scaled::of(a)?, [a.nrows(), a.ncols()]);
        let fits = sides.into_iter().all(|side| (LEAST_SIDE..=MOST_VALUES).contains(&side));
        let small = fits.then(|| Small::of(View::of(&scaled)));
        let values = match &small {
            Some(small) => small.values.iter().map(|x| scale.restore(*x)).collect(),
            None => decompose(&scaled, None)?.into_iter().map(|x| scale.restore(x)).collect(),
        };
        Ok(PartialSvd { values, scaled, small })
    }

    /// The first `count` left and right singular vectors (at most as many as the smaller side), as columns that are orthonormal to
    /// round-off. More than a quarter of
    /// them, and those of values that coincide to rounding, come from a whole decomposition, whose values agree with
    /// [`values`](Self::values) to rounding.
    ///
    /// # Errors
    /// No convergence.
    pub fn leading(&self, count: usize) -> Result<[Matrix; 2], DecompositionError> {
        let count = count.min(self.values.len());
        if let Some(vectors) = self.small.as_ref().filter(|small| 4 * count <= small.values.len()).and_then(|small| small.leading(count)) {
            let [rows, cols] = [self.scaled.nrows(), self.scaled.ncols()];
            let [left, right] = vectors;
            return Ok([Matrix::from_vec(rows, count, left), Matrix::from_vec(cols, count, right)]);
        }
        let whole = thin_svd(&self.scaled)?;
        Ok([whole.left, whole.right].map(|vectors| vectors.columns(0, count).into_owned()))
    }
}

impl Small {
    fn of(a: View<'_>) -> Self {
        let transposed = a.ncols() > a.nrows();
        let whole = (1.0, 1.0);
        let panels = if transposed { Panels::of_transposed(a, whole) } else { Panels::of(a, whole) };
        let form = Bidiagonal::reduce(panels, a.nrows().max(a.ncols()));
        let values = bidiagonal_singular_values(&form.diagonal, &form.above);
        Small { form, values, transposed }
    }

    /// The entries of the first vectors from the left and from the right.
    fn leading(&self, count: usize) -> Option<[Vec<f64>; 2]> {
        let pairs = match count {
            0 => Vec::new(),
            _ => leading_vectors(&self.form.diagonal, &self.form.above, &self.values[..count])?,
        };
        let left: Vec<f64> = pairs.iter().flat_map(|[u, _]| self.form.to_left(u)).collect();
        let right = pairs.iter().flat_map(|[_, v]| self.form.to_right(v)).collect();
        Some(if self.transposed { [right, left] } else { [left, right] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{Form, multiply, thin_qr};

    /// `m × n`, random singular vectors.
    fn with_values(rows: usize, cols: usize, seed: u64, value: impl Fn(usize) -> f64) -> Matrix {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut basis = |side: usize| {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
            };
            thin_qr(&Matrix::from_fn(side, rows.min(cols), |_, _| next())).0
        };
        let (left, right) = (basis(rows), basis(cols));
        let scaled = Matrix::from_fn(rows, rows.min(cols), |i, j| left[(i, j)] * value(j));
        multiply(Form::RightTransposed, &scaled, &right)
    }

    /// The largest of `‖Av − σu‖/σ₁` and `‖Aᵀu − σv‖/σ₁`, and how far both sets of vectors are from being orthonormal, in units of
    /// `ε (8 + max(m, n))`.
    fn defects(a: &Matrix, values: &[f64], [left, right]: &[Matrix; 2]) -> [f64; 2] {
        let unit = (8 + a.nrows().max(a.ncols())) as f64 * f64::EPSILON;
        let (image, back) = (multiply(Form::Plain, a, right), multiply(Form::LeftTransposed, a, left));
        let residuals = (0..left.ncols()).flat_map(|j| {
            let (u, v) = (left.column(j), right.column(j));
            [(image.column(j) - u * values[j]).norm(), (back.column(j) - v * values[j]).norm()]
        });
        let skew = [left, right].map(|q| (q.tr_mul(q) - Matrix::identity(q.ncols(), q.ncols())).amax());
        [crate::linalg::largest(residuals) / (unit * values[0]), crate::linalg::largest(skew) / unit]
    }

    #[test]
    fn vectors_of_values_that_nearly_coincide_are_as_good_as_others() {
        for seed in 0..120_u64 {
            let (rows, cols) = [(40, 40), (24, 57), (77, 30)][seed as usize % 3];
            let count = rows.min(cols) / 4;
            let split = 10f64.powf(-14.5 + 0.07 * seed as f64);
            let clusters: [&dyn Fn(usize) -> f64; 4] = [
                &|_| 1.0,
                &|i| if i + 1 < count { 2.0 } else { 1.0 + if i < count { split } else { 0.0 } },
                &|i| if i < count { 1.0 } else { 1e-10 },
                &|i| if i < 2 { 1.0 } else { split * (1.0 - i as f64 / 100.0) },
            ];
            for (which, value) in clusters.into_iter().enumerate() {
                let a = with_values(rows, cols, seed, value);
                let found = PartialSvd::of(&a).unwrap();
                for count in [2, count] {
                    let [residual, skew] = defects(&a, &found.values, &found.leading(count).unwrap());
                    assert!(residual <= 1.0 && skew <= 1.0, "{seed}, {which}, first {count}: {residual}, {skew}");
                }
            }
        }
    }
}
