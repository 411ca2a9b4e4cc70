//! How well a quadratic network predicts on inputs that it has not seen.

use super::{Observer, Sample, Shared};
use crate::linalg::{Form, Matrix, View, frobenius_squared, multiply};
use crate::random::{Purpose, stream};
use rand_distr::{Distribution, StandardNormal};

pub(super) const COLUMNS: [&str; 2] = ["generalisation_error", "generalisation_exact"];

/// Inputs that the error is averaged over.
const INPUTS: usize = 4096;

/// With `D = UUᵀ − X*` and inputs `x ~ N(0, I)`, the network's error is `xᵀDx`. `√((1/q) Σ (x_jᵀDx_j)²)` over 4096 inputs, the same ones at every sample of every
/// trajectory (stream `d` of [`Purpose::Inputs`], seed 0), and `√E(xᵀDx)² = √(2‖D‖_F² + tr(D)²)`. For the symmetric model.
pub(super) struct Generalisation {
    /// `d × 4096`, drawn at the first sample.
    inputs: Option<Matrix>,
}

impl Generalisation {
    pub fn new() -> Self {
        Generalisation { inputs: None }
    }
}

impl Observer for Generalisation {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn needs_answer(&self) -> bool {
        false
    }

    fn observe(&mut self, sample: &Sample<'_>, _shared: &Shared, row: &mut [Option<f64>]) {
        let Some(residual) = sample.residual.filter(|_| sample.state.shape().is_symmetric()) else { return };
        let side = residual.nrows();
        let inputs = self.inputs.get_or_insert_with(|| {
            let mut normals = stream(0, Purpose::Inputs, side as u64);
            Matrix::from_iterator(side, INPUTS, (0..side * INPUTS).map(|_| StandardNormal.sample(&mut normals)))
        });
        let images = multiply(Form::Plain, residual, View::of(inputs));
        let columns = images.as_slice().chunks_exact(side).zip(inputs.as_slice().chunks_exact(side));
        let squares: f64 = columns.map(|(image, x)| image.iter().zip(x).map(|(a, b)| a * b).sum::<f64>().powi(2)).sum();
        row[0] = Some((squares / INPUTS as f64).sqrt());
        row[1] = Some((2.0 * frobenius_squared(residual) + residual.trace().powi(2)).sqrt());
    }
}
