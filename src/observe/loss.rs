//! The loss, its gradient, and the fit to the data.

use super::{Observer, Sample, Shared};
use crate::dynamics::State;
use crate::linalg::{Matrix, frobenius};
use crate::problem::Instance;

pub(super) const COLUMNS: [&str; 3] = ["loss", "grad_norm", "train_error"];

/// `f = ½‖A(FGᵀ) − y‖²`, `‖∇f‖_F = √(‖NG‖_F² + ‖NᵀF‖_F²)`, `‖A(FGᵀ) − y‖/‖y‖`; in the symmetric model `f = ¼‖A(UUᵀ) − y‖²`, `‖∇f‖_F = ‖NU‖_F`.
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

    fn observe(&mut self, sample: &Sample<'_>, shared: &Shared, row: &mut [Option<f64>]) {
        let squared = sample.answer.residual_norm_squared;
        row[0] = Some(sample.state.shape().loss_factor() * squared);
        row[1] = Some(gradient_norm(shared.descent(sample)));
        row[2] = Some(squared.sqrt() / self.data_norm);
    }
}

/// `‖[NG; NᵀF]‖_F` from the norms of its parts.
fn gradient_norm(descent: &State) -> f64 {
    let norm = |part: Matrix| frobenius(&part);
    match descent.shape().is_symmetric() {
        true => descent.norm(),
        false => norm(descent.left().to_matrix()).hypot(norm(descent.right().to_matrix())),
    }
}
