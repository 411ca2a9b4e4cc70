//! Gradient descent with momentum: the heavy ball.

use super::discrete::{Departure, Prepared, Update};
use crate::dynamics::State;

/// Polyak's heavy ball, `Z_{k+1} = Z_k + η V(Z_k) + β (Z_k − Z_{k−1})`, `Z_{−1} = Z_0`; between points linear.
///
/// `β = 0` is gradient descent, to the bit. Time counts as `t_k = kη` all the same, although far from the start the iterates move along the flow
/// by about `η/(1 − β)` a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// `β`
    pub momentum: f64,
}

impl Update for Momentum {
    fn needs_previous(&self) -> bool {
        true
    }

    fn prepare(&mut self, from: &Departure<'_>, out: &mut State) -> Prepared {
        let points = from.state.as_slice().iter().zip(from.rate.as_slice());
        for (out, (z, v)) in out.as_mut_slice().iter_mut().zip(points) {
            *out = (z + from.step_size * v) + self.momentum * (z - *out);
        }
        Prepared::Point
    }
}
