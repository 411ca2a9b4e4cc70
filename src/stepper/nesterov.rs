//! Nesterov's accelerated gradient descent.

use super::discrete::{Departure, Prepared, Update};
use crate::dynamics::State;

/// Nesterov's method: a descent step from an extrapolated point,
///
/// `W_k = Z_k + β_k (Z_k − Z_{k−1})`, `Z_{k+1} = W_k + η V(W_k)`, `Z_{−1} = Z_0`; between points linear.
///
/// The trajectory consists of the `Z_k`, and what is recorded belongs to them, so a step evaluates the field twice: at `W_k` to advance, at
/// `Z_{k+1}` to announce the point. Where `W_k = Z_k` (`k = 0` or `β_k = 0`) the first is known already. `β = 0` is gradient descent, to the bit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nesterov {
    /// `β_k = β`; absent: `β_k = (k − 1)/(k + 2)` for `k ≥ 1`, 0 before.
    pub momentum: Option<f64>,
}

impl Nesterov {
    fn extrapolation(&self, step: u64) -> f64 {
        match (step, self.momentum) {
            (0, _) => 0.0,
            (_, Some(momentum)) => momentum,
            (k, None) => (k - 1) as f64 / (k + 2) as f64,
        }
    }
}

impl Update for Nesterov {
    fn needs_previous(&self) -> bool {
        true
    }

    fn prepare(&mut self, from: &Departure<'_>, out: &mut State) -> Prepared {
        let extrapolation = self.extrapolation(from.step);
        if extrapolation == 0.0 {
            out.as_mut_slice().copy_from_slice(from.state.as_slice());
            self.complete(from.step_size, from.rate, out);
            return Prepared::Point;
        }
        for (out, z) in out.as_mut_slice().iter_mut().zip(from.state.as_slice()) {
            *out = z + extrapolation * (z - *out);
        }
        Prepared::Evaluate
    }

    fn complete(&mut self, step_size: f64, rate: &State, out: &mut State) {
        for (out, v) in out.as_mut_slice().iter_mut().zip(rate.as_slice()) {
            *out += step_size * v;
        }
    }
}
