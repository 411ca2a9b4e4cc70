//! Gradient descent.

use super::discrete::{Departure, Prepared, Update};
use crate::dynamics::State;

/// `Z_{k+1} = Z_k + η V(Z_k)`, `V = −∇f`; between points linear, `Z_k + (t − t_k) V(Z_k)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GradientDescent;

impl Update for GradientDescent {
    fn prepare(&mut self, from: &Departure<'_>, out: &mut State) -> Prepared {
        add_scaled(out, from.state, from.step_size, from.rate);
        Prepared::Point
    }

    fn interpolate(&self, from: &Departure<'_>, _end: &State, since: f64, out: &mut State) {
        add_scaled(out, from.state, since, from.rate);
    }
}

/// `out = base + factor · direction`
fn add_scaled(out: &mut State, base: &State, factor: f64, direction: &State) {
    for ((out, z), v) in out.as_mut_slice().iter_mut().zip(base.as_slice()).zip(direction.as_slice()) {
        *out = z + factor * v;
    }
}
