//! How far the measurements are from an isometry at the current residual.

use super::{Observer, Sample, Shared};
use crate::linalg::operator_norm;

pub(super) const COLUMNS: [&str; 1] = ["rip_error"];

/// `‖(A*A − I)(R)‖_op = ‖N − A*(e) − R‖_op`: no pass over the measurements.
pub(super) struct RipError;

impl Observer for RipError {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn observe(&mut self, sample: &Sample<'_>, _shared: &Shared, row: &mut [Option<f64>]) {
        let (Some(residual), Some(noise)) = (sample.residual, &sample.instance.noise_adjoint) else { return };
        // N − R first: with small noise they are the two close ones.
        row[0] = Some(operator_norm(&(&sample.answer.matrix - residual - noise)));
    }
}
