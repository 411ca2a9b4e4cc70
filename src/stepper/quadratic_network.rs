//! Gradient descent on a quadratic network.

use super::discrete::{Departure, Prepared, Update};
use crate::dynamics::State;

/// Algorithm 1 of LMZ18 (THEORY 2.3): a descent step of the truncated risk, then a rescaling,
///
/// `Ũ = U − η M U`, `U⁺ = Ũ/(1 − ηc)`, `c = ‖U‖_F² − τ`, `M = (1/p) Σ (ŷ_i − b_i) 1{ŷ_i ≤ R} x_i x_iᵀ`, `ŷ_i = ‖Uᵀx_i‖²`,
///
/// which is `(I − η/(1 − ηc) (M − cI)) U`: the trace that Gaussian inputs add to `E M = 2D + tr(D) I`, `D = UUᵀ − X*`, is taken away. `−M U` is the
/// rate of [`TruncatedRisk`](crate::dynamics::TruncatedRisk). Between points linear.
///
/// At `ηc ≥ 1` the divisor has passed zero, and finite numbers would be of the wrong sign: the stepper fails there as
/// [`NonFinite`](super::Failure::NonFinite).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuadraticNetwork {
    /// `τ = tr X*`, known or estimated.
    pub trace: f64,
}

impl Update for QuadraticNetwork {
    fn prepare(&mut self, from: &Departure<'_>, out: &mut State) -> Prepared {
        let excess = from.state.sum_of_squares() - self.trace;
        let divisor = 1.0 - from.step_size * excess;
        if divisor <= 0.0 || divisor.is_nan() {
            return Prepared::Impossible;
        }
        let points = from.state.as_slice().iter().zip(from.rate.as_slice());
        for (out, (u, rate)) in out.as_mut_slice().iter_mut().zip(points) {
            *out = (u + from.step_size * rate) / divisor;
        }
        Prepared::Point
    }
}
