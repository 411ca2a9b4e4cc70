//! How far the measurements are from an isometry at the current residual.

use super::{Observer, Sample, Shared};

pub(super) const COLUMNS: [&str; 1] = ["rip_error"];

/// `‖(A*A − I)(R)‖_op = ‖N − A*(e) − R‖_op`: no pass over the measurements.
pub(super) struct RipError;

impl Observer for RipError {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn observe(&mut self, sample: &Sample<'_>, shared: &Shared, row: &mut [Option<f64>]) {
        row[0] = shared.measurement_error(sample);
    }
}
