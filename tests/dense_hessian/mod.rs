//! Gradient, Hessian and Jacobian of the loss as matrices, straight from the measurement matrices.

// Every test binary compiles this module for itself and uses a part of it; clippy exempts test functions, not their helpers.
#![allow(dead_code, clippy::unwrap_used)]

use pgflow::dynamics::State;
use pgflow::linalg::Matrix;
use pgflow::random::{Purpose, stream};
use pgflow::sensing::SensingOperator;
use rand::RngExt;
use rand_distr::StandardNormal;

/// A matrix of standard normal numbers.
pub fn gaussian(rows: usize, cols: usize, seed: u64) -> Matrix {
    let mut rng = stream(seed, Purpose::Initialisation, 55);
    Matrix::from_fn(rows, cols, |_, _| rng.sample(StandardNormal))
}

/// Derivatives of `½‖A(FGᵀ) − y‖²` at a state; vectors are `[F; G]` column by column.
pub struct Point {
    /// `(m+n) × h`
    pub gradient: Matrix,
    /// `∇²f`
    pub hessian: Matrix,
    /// `JᵀJ`
    pub gauss_newton: Matrix,
    /// `J`, `p × (m+n)h`
    pub jacobian: Matrix,
}

impl Point {
    /// Entry by entry: `A(X)_i = ⟨M_i, X⟩`, `∂/∂F = M_i G`, `∂/∂G = M_iᵀF`, `∂²/∂F_ac ∂G_bc = (M_i)_ab`.
    pub fn new(operator: &dyn SensingOperator, data: &[f64], state: &State) -> Self {
        let (f, g) = (state.left().to_matrix(), state.right().to_matrix());
        let (m, n, h) = (f.nrows(), g.nrows(), f.ncols());
        let size = (m + n) * h;
        let mut jacobian = Matrix::zeros(data.len(), size);
        let mut second = Matrix::zeros(size, size);
        let mut gradient = Matrix::zeros(size, 1);
        for (i, y) in data.iter().enumerate() {
            let measurement = operator.row(i);
            let mut row = Matrix::zeros(m + n, h);
            row.rows_mut(0, m).copy_from(&(&measurement * &g));
            row.rows_mut(m, n).copy_from(&(measurement.transpose() * &f));
            let residual = measurement.dot(&(&f * g.transpose())) - y;
            jacobian.row_mut(i).copy_from_slice(row.as_slice());
            gradient += Matrix::from_column_slice(size, 1, row.as_slice()) * residual;
            for c in 0..h {
                for (a, b) in (0..m).flat_map(|a| (0..n).map(move |b| (a, b))) {
                    let (left, right) = (c * (m + n) + a, c * (m + n) + m + b);
                    second[(left, right)] += residual * measurement[(a, b)];
                    second[(right, left)] += residual * measurement[(a, b)];
                }
            }
        }
        let gauss_newton = jacobian.transpose() * &jacobian;
        Point {
            gradient: gradient.reshape_generic(nalgebra::Dyn(m + n), nalgebra::Dyn(h)),
            hessian: &gauss_newton + second,
            gauss_newton,
            jacobian,
        }
    }
}
