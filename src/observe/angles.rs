//! How the leading singular spaces of `FGᵀ` lie to those of the target.

use super::{Observer, Sample, Shared};
use crate::linalg::{View, largest_principal_angle_sine};

pub(super) const COLUMNS: [&str; 2] = ["angle_left", "angle_right"];

/// Sine of the largest principal angle between the span of the first `r` left (right) singular vectors of `FGᵀ` and that of
/// `U_Y` (`V_Y`).
pub(super) struct Angles;

/// What `σ_r − σ_{r+1}` of `FGᵀ` must exceed for its first `r` singular vectors to mean anything: a bound on the error of the
/// singular values, `ε max(m, n, h) ‖F‖_F ‖G‖_F`. By Wedin's theorem the angles' error is at most this over the gap.
fn resolution(sample: &Sample<'_>) -> f64 {
    let shape = sample.state.shape();
    let norm = |factor: View<'_>| crate::linalg::frobenius(&factor.to_matrix());
    f64::EPSILON * shape.rows().max(shape.cols()).max(shape.width()) as f64 * norm(sample.state.left()) * norm(sample.state.right())
}

impl Observer for Angles {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn needs_answer(&self) -> bool {
        false
    }

    fn observe(&mut self, sample: &Sample<'_>, shared: &Shared, row: &mut [Option<f64>]) {
        let Some(target) = &sample.instance.target else { return };
        let Some(spectrum) = shared.spectrum(sample) else { return };
        let rank = target.rank();
        let Some(last) = rank.checked_sub(1).and_then(|index| spectrum.values.get(index)) else { return };
        let next = spectrum.values.get(rank).copied().unwrap_or(0.0);
        if last - next > resolution(sample)
            && let Ok([left, right]) = spectrum.leading(rank)
        {
            row[0] = Some(largest_principal_angle_sine(&left, &target.left));
            row[1] = Some(largest_principal_angle_sine(&right, &target.right));
        }
    }
}
