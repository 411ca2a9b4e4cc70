//! The distance to the target.

use super::{Observer, Sample, Shared};
use crate::linalg::{frobenius, operator_norm};
use crate::problem::Instance;

pub(super) const COLUMNS: [&str; 3] = ["residual_fro", "residual_op", "relative_error"];

/// `‖R‖_F`, `‖R‖_op`, `‖R‖_F/‖Y‖_F` with `R = Y − FGᵀ`.
pub(super) struct Residual {
    target_norm: Option<f64>,
}

impl Residual {
    pub fn new(instance: &Instance) -> Self {
        Residual { target_norm: instance.target.as_ref().map(|target| frobenius(&target.matrix)) }
    }
}

impl Observer for Residual {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn observe(&mut self, sample: &Sample<'_>, _shared: &Shared, row: &mut [Option<f64>]) {
        let Some(residual) = sample.residual else { return };
        let norm = frobenius(residual);
        row[0] = Some(norm);
        row[1] = Some(operator_norm(residual));
        row[2] = self.target_norm.map(|target_norm| norm / target_norm);
    }
}
