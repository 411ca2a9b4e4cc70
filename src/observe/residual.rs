//! The distance to the target.

use super::{Observer, Sample, Shared};
use crate::linalg::{frobenius, operator_norm};
use crate::problem::Instance;

pub(super) const COLUMNS: [&str; 2] = ["residual_fro", "relative_error"];

/// By itself, because an operator norm costs the decomposition of a Gram matrix.
pub(super) const OPERATOR_NORM: [&str; 1] = ["residual_op"];

/// `‖R‖_F`, `‖R‖_F/‖Y‖_F` with `R = Y − FGᵀ`.
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

    fn needs_answer(&self) -> bool {
        false
    }

    fn observe(&mut self, sample: &Sample<'_>, _shared: &Shared, row: &mut [Option<f64>]) {
        let Some(residual) = sample.residual else { return };
        let norm = frobenius(residual);
        row[0] = Some(norm);
        row[1] = self.target_norm.map(|target_norm| norm / target_norm);
    }
}

/// `‖R‖_op`.
pub(super) struct ResidualOperatorNorm;

impl Observer for ResidualOperatorNorm {
    fn columns(&self) -> &'static [&'static str] {
        &OPERATOR_NORM
    }

    fn needs_answer(&self) -> bool {
        false
    }

    fn observe(&mut self, sample: &Sample<'_>, _shared: &Shared, row: &mut [Option<f64>]) {
        row[0] = sample.residual.map(operator_norm);
    }
}
