//! The loss, its gradient, and the fit to the data.

use super::{Observer, Sample, Shared};
use crate::linalg::{Form, Matrix, View, frobenius, multiply};
use crate::problem::Instance;

pub(super) const COLUMNS: [&str; 3] = ["loss", "grad_norm", "train_error"];

/// `f = ½‖A(FGᵀ) − y‖²`, `‖∇f‖_F = √(‖NG‖_F² + ‖NᵀF‖_F²)`, `‖A(FGᵀ) − y‖/‖y‖`.
pub(super) struct Loss {
    data_norm: f64,
}

impl Loss {
    pub fn new(instance: &Instance) -> Self {
        Loss { data_norm: frobenius(&Matrix::from_column_slice(instance.data.len(), 1, &instance.data)) }
    }
}

impl Observer for Loss {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn observe(&mut self, sample: &Sample<'_>, _shared: &Shared, row: &mut [Option<f64>]) {
        let squared = sample.answer.residual_norm_squared;
        let n = View::of(&sample.answer.matrix);
        let left = multiply(Form::Plain, n, sample.state.right());
        let right = multiply(Form::LeftTransposed, n, sample.state.left());
        row[0] = Some(0.5 * squared);
        row[1] = Some(frobenius(&left).hypot(frobenius(&right)));
        row[2] = Some(squared.sqrt() / self.data_norm);
    }
}
