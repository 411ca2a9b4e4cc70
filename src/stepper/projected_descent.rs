//! Projected gradient descent on the product.

use super::discrete::{Departure, Prepared, Update};
use crate::dynamics::{Shape, State};
use crate::linalg::{Form, Matrix, multiply_into, symmetric_eigen, symmetrise};

/// `X⁺ = P(X + 2ηN)`, `N = A*(y − A(X))`: gradient descent of step `η` on `‖A(X) − y‖² = (1/p) Σ (⟨A_i, X⟩ − b_i)²`, whose gradient is `−2N`, and the
/// projection onto positive semidefinite matrices after each step (LMZ18, Fig 4; THEORY 2.3). For the symmetric model.
///
/// The state is a factor of `X`: with `X + 2ηN = V diag(λ) Vᵀ`, `λ` descending, its columns are `√λ_i v_i` for `λ_i > 0` and zeros, so that
/// everything that looks at a factor of the symmetric model looks at this one. With width `d` the projection is that onto the cone; with less width onto
/// its matrices of rank at most `h` (iterative hard thresholding). Between points `X` is linear, projected to rank `h` where `h < d`. The factor is defined up to signs
/// and rotations of eigenspaces, the product is not.
///
/// The eigen-decomposition allocates.
#[derive(Debug)]
pub struct ProjectedDescent {
    product: Matrix,
}

impl ProjectedDescent {
    /// Steps for states of a shape.
    pub fn new(shape: Shape) -> Self {
        ProjectedDescent { product: Matrix::zeros(shape.rows(), shape.cols()) }
    }
}

/// Writes the factor of the projection of a symmetric matrix; `false` if it has none.
fn project(x: &mut Matrix, out: &mut State) -> bool {
    symmetrise(x);
    let Ok(eigen) = symmetric_eigen(x) else { return false };
    let columns = out.matrix_mut().column_iter_mut();
    let mut pairs = eigen.values.iter().zip(eigen.vectors.column_iter()).rev();
    for mut column in columns {
        match pairs.next().filter(|(value, _)| **value > 0.0) {
            Some((value, vector)) => column.iter_mut().zip(vector.iter()).for_each(|(out, v)| *out = value.sqrt() * v),
            None => column.fill(0.0),
        }
    }
    true
}

impl Update for ProjectedDescent {
    fn needs_drive(&self) -> bool {
        true
    }

    fn prepare(&mut self, from: &Departure<'_>, out: &mut State) -> Prepared {
        let Some(drive) = from.drive.filter(|_| from.state.shape().is_symmetric()) else { return Prepared::Impossible };
        let rows = self.product.nrows();
        multiply_into(&mut self.product, 0, rows, 1.0, Form::RightTransposed, from.state.left(), from.state.right());
        self.product.zip_apply(drive, |x, n| *x += 2.0 * from.step_size * n);
        match project(&mut self.product, out) {
            true => Prepared::Point,
            false => Prepared::Impossible,
        }
    }

    /// Allocates.
    fn interpolate(&self, from: &Departure<'_>, end: &State, since: f64, out: &mut State) {
        let fraction = since / from.step_size;
        let mut between = from.state.product() * (1.0 - fraction) + end.product() * fraction;
        if !project(&mut between, out) {
            out.as_mut_slice().fill(f64::NAN);
        }
    }
}
