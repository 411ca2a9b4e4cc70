//! Gradient descent.

use super::discrete::{Departure, Prepared, Update};
use crate::dynamics::State;
use crate::linalg::add_scaled;

/// `Z_{k+1} = Z_k + η V(Z_k)`, `V = −∇f`; between points linear, `Z_k + (t − t_k) V(Z_k)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GradientDescent;

impl Update for GradientDescent {
    fn prepare(&mut self, from: &Departure<'_>, out: &mut State) -> Prepared {
        add_scaled(out.as_mut_slice(), from.state.as_slice(), from.step_size, from.rate.as_slice());
        Prepared::Point
    }

    fn interpolate(&self, from: &Departure<'_>, _end: &State, since: f64, out: &mut State) {
        add_scaled(out.as_mut_slice(), from.state.as_slice(), since, from.rate.as_slice());
    }
}
