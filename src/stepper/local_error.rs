//! The local error over its tolerance.

use super::combination::{combine, power_of_two};
use super::tableaus::ErrorWeights;
use crate::config::{ErrorNorm, ToleranceSpec};
use crate::dynamics::{Shape, State};
use crate::linalg::{Form, Matrix, frobenius, multiply_into};
use std::borrow::Borrow;

/// Measures error estimates against tolerances; owns the buffers that this takes.
///
/// * [`ErrorNorm::Factors`]: `‖err‖_F / (rtol·max(‖Z_n‖_F, ‖Z_{n+1}‖_F) + atol)`.
/// * [`ErrorNorm::Product`]: `‖δF Gᵀ + F δGᵀ‖_F / (rtol·max(‖F_nG_nᵀ‖_F, ‖F_{n+1}G_{n+1}ᵀ‖_F) + atol)` with the factors at the step's end. It is
///   blind to errors along the orbit `(FQ, GQ^{-T})`, hence to the imbalance.
///
/// Neither squares entries of the state as they are, so that factors of size 1e-100 (or 1e100) are measured like those of size 1.
#[derive(Debug)]
pub(super) struct LocalError {
    tolerance: ToleranceSpec,
    estimate: State,
    product: Option<Product>,
}

/// Buffers for the product norm.
#[derive(Debug)]
struct Product {
    scaled: State,
    first: Matrix,
    second: Matrix,
}

impl LocalError {
    pub(super) fn new(tolerance: ToleranceSpec, shape: Shape) -> Self {
        let (rows, cols) = (shape.rows(), shape.cols());
        let product = (tolerance.norm == ErrorNorm::Product).then(|| Product {
            scaled: State::zeros(shape),
            first: Matrix::zeros(rows, cols),
            second: Matrix::zeros(rows, cols),
        });
        LocalError { tolerance, estimate: State::zeros(shape), product }
    }

    /// The error of a step of size `step` from `start` to `end`, over its tolerance: at most 1 is acceptable. NaN if anything is not
    /// finite; 0 if both the estimate and the tolerance vanish.
    pub(super) fn ratio(&mut self, weights: &ErrorWeights, step: f64, slopes: &[State], start: &State, end: &State) -> f64 {
        let end_norm = end.norm();
        if !end_norm.is_finite() {
            return f64::NAN;
        }
        let unit = power_of_two(end_norm);
        let error = match weights {
            ErrorWeights::One(weights) => step * self.measure(weights, slopes, end, unit),
            ErrorWeights::FifthAndThird { fifth, third } => {
                let fifth = self.measure(fifth, slopes, end, unit);
                let third = self.measure(third, slopes, end, unit);
                let both = fifth.hypot(0.1 * third);
                match both {
                    0.0 => 0.0,
                    // An infinite third-order part would make a finite fifth-order one vanish.
                    both if both.is_finite() => step * fifth * (fifth / both),
                    _ => f64::NAN,
                }
            }
        };
        self.over_tolerance(error, start, end, unit)
    }

    /// The same of any sum of states, `Σ weights_i k_i`.
    pub(super) fn ratio_of(&mut self, weights: &[f64], states: &[&State], start: &State, end: &State) -> f64 {
        let end_norm = end.norm();
        if !end_norm.is_finite() {
            return f64::NAN;
        }
        let unit = power_of_two(end_norm);
        let error = self.measure(weights, states, end, unit);
        self.over_tolerance(error, start, end, unit)
    }

    fn over_tolerance(&mut self, error: f64, start: &State, end: &State, unit: f64) -> f64 {
        let ToleranceSpec { rtol, atol, .. } = self.tolerance;
        let scale = match &mut self.product {
            None => rtol * start.norm().max(end.norm()) + atol,
            Some(product) => {
                let size = product.size(start, unit).max(product.size(end, unit));
                // In units of `unit²`, and the error in units of `unit`: the absolute part has one factor left to carry.
                rtol * (size * unit) + if atol == 0.0 { 0.0 } else { atol / unit }
            }
        };
        if error == 0.0 { 0.0 } else { error / scale }
    }

    /// `‖e‖_F`, or `‖δF Gᵀ + F δGᵀ‖_F / unit`, of `e = Σ weights_i k_i`.
    fn measure<S: Borrow<State>>(&mut self, weights: &[f64], slopes: &[S], end: &State, unit: f64) -> f64 {
        combine(&mut self.estimate, None, 1.0, weights, slopes);
        let norm = self.estimate.norm();
        match &mut self.product {
            Some(product) if norm.is_finite() => product.variation(&mut self.estimate, norm, end, unit),
            _ => norm,
        }
    }
}

impl Product {
    fn scale(&mut self, state: &State, unit: f64) {
        for (out, x) in self.scaled.as_mut_slice().iter_mut().zip(state.as_slice()) {
            *out = x / unit;
        }
    }

    /// `‖FGᵀ‖_F / unit²`.
    fn size(&mut self, state: &State, unit: f64) -> f64 {
        self.scale(state, unit);
        let rows = self.first.nrows();
        multiply_into(&mut self.first, 0, rows, 1.0, Form::RightTransposed, self.scaled.left(), self.scaled.right());
        frobenius(&self.first)
    }

    /// `‖δF Gᵀ + F δGᵀ‖_F / unit`; scales `delta` on the way.
    fn variation(&mut self, delta: &mut State, delta_norm: f64, end: &State, unit: f64) -> f64 {
        let delta_unit = power_of_two(delta_norm);
        for x in delta.as_mut_slice() {
            *x /= delta_unit;
        }
        self.scale(end, unit);
        self.scaled.tangent_into(delta, &mut self.second, &mut self.first);
        delta_unit * frobenius(&self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(scale: f64, f: [f64; 2], g: [f64; 2]) -> State {
        let column = |x: [f64; 2]| Matrix::from_fn(2, 1, |i, _| scale * x[i]);
        State::from_factors(&column(f), &column(g))
    }

    fn spec(norm: ErrorNorm, rtol: f64, atol: f64) -> ToleranceSpec {
        ToleranceSpec { rtol, atol, norm }
    }

    #[test]
    fn both_norms_by_hand_at_every_scale() {
        // F = (3,0), G = (0,4), δF = (0,1), δG = (0,0): ‖δZ‖ = 1, δF Gᵀ + F δGᵀ = [[0,0],[0,4]], ‖FGᵀ‖ = 12, ‖Z‖ = 5.
        for scale in [1.0, 1e-100, 2f64.powi(-300), 1e-200, 1e120] {
            let (start, end) = (pair(0.5 * scale, [3.0, 0.0], [0.0, 4.0]), pair(scale, [3.0, 0.0], [0.0, 4.0]));
            let slope = [pair(scale, [0.0, 1.0], [0.0, 0.0])];
            let weights = ErrorWeights::One(&[2.0]);
            let mut factors = LocalError::new(spec(ErrorNorm::Factors, 1e-3, 0.0), end.shape());
            let mut product = LocalError::new(spec(ErrorNorm::Product, 1e-3, 0.0), end.shape());
            let expected = |x: f64, y: f64| assert!((x / y - 1.0).abs() < 1e-14, "{x} against {y} at scale {scale}");
            expected(factors.ratio(&weights, 0.25, &slope, &start, &end), 0.25 * 2.0 / (1e-3 * 5.0));
            expected(product.ratio(&weights, 0.25, &slope, &start, &end), 0.25 * 2.0 * 4.0 / (1e-3 * 12.0));
        }
    }

    #[test]
    fn the_absolute_part_counts_in_both_norms() {
        let (start, end) = (pair(1.0, [3.0, 0.0], [0.0, 4.0]), pair(1.0, [3.0, 0.0], [0.0, 4.0]));
        let slope = [pair(1.0, [0.0, 1.0], [0.0, 0.0])];
        let weights = ErrorWeights::One(&[1.0]);
        let factors = LocalError::new(spec(ErrorNorm::Factors, 0.1, 0.5), end.shape()).ratio(&weights, 1.0, &slope, &start, &end);
        let product = LocalError::new(spec(ErrorNorm::Product, 0.1, 0.8), end.shape()).ratio(&weights, 1.0, &slope, &start, &end);
        assert!((factors - 1.0 / (0.5 + 0.5)).abs() < 1e-15);
        assert!((product - 4.0 / (1.2 + 0.8)).abs() < 1e-15);
    }

    #[test]
    fn the_combined_estimate_and_its_zero() {
        let end = pair(1.0, [3.0, 0.0], [0.0, 4.0]);
        let slope = [pair(1.0, [0.0, 1.0], [0.0, 0.0])];
        let mut error = LocalError::new(spec(ErrorNorm::Factors, 0.2, 0.0), end.shape());
        let weights = ErrorWeights::FifthAndThird { fifth: &[3.0], third: &[40.0] };
        assert!((error.ratio(&weights, 1.0, &slope, &end, &end) - 9.0 / 5.0).abs() < 1e-15);
        let nothing = ErrorWeights::FifthAndThird { fifth: &[0.0], third: &[0.0] };
        assert_eq!(error.ratio(&nothing, 1.0, &slope, &end, &end), 0.0);
        let zero = pair(0.0, [0.0; 2], [0.0; 2]);
        assert_eq!(error.ratio(&weights, 1.0, std::slice::from_ref(&zero), &zero, &zero), 0.0, "0/0 counts as 0");
    }

    #[test]
    fn what_is_not_finite_is_never_acceptable() {
        let good = pair(1.0, [3.0, 0.0], [0.0, 4.0]);
        let slope = [pair(1.0, [0.0, 1.0], [0.0, 0.0])];
        for norm in [ErrorNorm::Factors, ErrorNorm::Product] {
            for weights in [ErrorWeights::One(&[1.0]), ErrorWeights::FifthAndThird { fifth: &[1.0], third: &[1.0] }] {
                for bad in [f64::NAN, f64::INFINITY] {
                    let broken = pair(1.0, [bad, 0.0], [0.0, 4.0]);
                    let mut error = LocalError::new(spec(norm, 0.1, 0.1), good.shape());
                    for (slopes, end) in [(slope.as_slice(), &broken), (std::slice::from_ref(&broken), &good)] {
                        let ratio = error.ratio(&weights, 1.0, slopes, &good, end);
                        assert!(!ratio.is_finite(), "{norm:?} {weights:?} {bad}: {ratio}");
                    }
                }
            }
        }
    }
}
