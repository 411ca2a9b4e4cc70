//! Steps `U⁺ = φ(ηN) U` of the symmetric model, through the eigen-decomposition of `N`.

use super::discrete::{Departure, Prepared};
use crate::dynamics::{Shape, State};
use crate::linalg::{Form, Matrix, SymmetricEigen, View, multiply_into, symmetric_eigen};

/// `φ(x) − 1` at an eigenvalue `x = ηλ` of either sign; `None` where it is not to be used.
pub(super) type Growth = fn(f64) -> Option<f64>;

/// The decomposition of the current step's `N = P diag(λ) Pᵀ`, and what it makes of `U`.
#[derive(Debug)]
pub(super) struct SymmetricStep {
    eigen: Option<SymmetricEigen>,
    /// `PᵀU`, `d × h`.
    coordinates: Matrix,
    moved: Matrix,
}

impl SymmetricStep {
    pub fn new(shape: Shape) -> Self {
        let zeros = || Matrix::zeros(shape.rows(), shape.width());
        SymmetricStep { eigen: None, coordinates: zeros(), moved: zeros() }
    }

    /// `U_{k+1}` from `U_k` and `N_k`. Impossible if `N_k` is unknown or not finite, or beyond what `φ` is used for.
    pub fn prepare(&mut self, from: &Departure<'_>, growth: Growth, out: &mut State) -> Prepared {
        let Some(eigen) = from.drive.and_then(|drive| symmetric_eigen(drive).ok()) else { return Prepared::Impossible };
        let side = eigen.values.len();
        multiply_into(&mut self.coordinates, 0, side, 1.0, Form::LeftTransposed, View::of(&eigen.vectors), from.state.left());
        let eigen = self.eigen.insert(eigen);
        match apply(eigen, &self.coordinates, growth, from.step_size, &mut self.moved, from.state, out) {
            true => Prepared::Point,
            false => Prepared::Impossible,
        }
    }

    /// `φ((t − t_k) N_k) U_k`, with the decomposition of the step that led on from `U_k`. Allocates a `d × h` matrix.
    pub fn interpolate(&self, from: &Departure<'_>, growth: Growth, since: f64, out: &mut State) {
        let mut moved = self.moved.clone();
        let done = self.eigen.as_ref().is_some_and(|eigen| apply(eigen, &self.coordinates, growth, since, &mut moved, from.state, out));
        if !done {
            // Loud rather than plausible.
            out.as_mut_slice().fill(f64::NAN);
        }
    }
}

/// `out = U + P · (growth of the coordinates)`; `false` if the function is not to be used.
fn apply(
    eigen: &SymmetricEigen,
    coordinates: &Matrix,
    growth: Growth,
    length: f64,
    moved: &mut Matrix,
    state: &State,
    out: &mut State,
) -> bool {
    for (i, value) in eigen.values.iter().enumerate() {
        let Some(growth) = growth(length * value) else { return false };
        for j in 0..coordinates.ncols() {
            moved[(i, j)] = growth * coordinates[(i, j)];
        }
    }
    let side = moved.nrows();
    multiply_into(out.matrix_mut(), 0, side, 1.0, Form::Plain, View::of(&eigen.vectors), View::of(moved));
    for (out, u) in out.as_mut_slice().iter_mut().zip(state.as_slice()) {
        *out += u;
    }
    true
}
