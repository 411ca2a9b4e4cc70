//! The signal and the nuisance: parts of the factors along the target's singular spaces and across them.

use super::{Observer, Sample, Shared};
use crate::linalg::{Form, Matrix, View, multiply, operator_norm, singular_values};
use crate::problem::Target;

pub(super) const COLUMNS: [&str; 6] = ["signal_min", "signal_gap", "nuisance_left", "nuisance_right", "misalignment", "phase"];

/// `σ_r(p)`, `‖q‖`, `‖F_⊥‖`, `‖G_⊥‖`, `√2‖Z‖/σ_r(U_YᵀF + V_YᵀG)` with `p = ½(U_YᵀF + V_YᵀG)`, `q = ½(U_YᵀF − V_YᵀG)`, `F_⊥ = (I − U_YU_Yᵀ)F`
/// (THEORY 2.1), and the phase that they tell. In the symmetric model with `F = G = U` and `V_Y = U_Y`: `p = U_YᵀU`, both nuisances are `U_⊥`, the misalignment is
/// `‖U‖/σ_r(U_YᵀU)`, and the gap `q`, zero by definition, is left empty.
pub(super) struct Signal;

/// The phases of small-initialisation descent, as numbers of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The weakest signal direction is not above the nuisance: `σ_r(p) ≤ max(‖q‖, ‖F_⊥‖, ‖G_⊥‖)`.
    Alignment = 1,
    /// It is above, and below its size at the target: `σ_r(p)² < σ_r(Y)/2`.
    Growth = 2,
    /// `σ_r(p)² ≥ σ_r(Y)/2`.
    Refinement = 3,
}

impl Phase {
    /// The phase of a state, from `σ_r(p)`, the largest nuisance, and `σ_r(Y)`.
    pub fn of(signal_min: f64, nuisance: f64, sigma_r: f64) -> Self {
        if signal_min * signal_min >= 0.5 * sigma_r {
            Phase::Refinement
        } else if signal_min > nuisance {
            Phase::Growth
        } else {
            Phase::Alignment
        }
    }
}

/// What is across a subspace: `(I − U Uᵀ) F`, given `UᵀF`.
fn across(factor: View<'_>, basis: &Matrix, along: &Matrix) -> Matrix {
    factor.to_matrix() - multiply(Form::Plain, basis, along)
}

impl Signal {
    fn measure(target: &Target, sample: &Sample<'_>) -> Option<[Option<f64>; 6]> {
        let (f, g) = (sample.state.left(), sample.state.right());
        let left = multiply(Form::LeftTransposed, &target.left, f);
        let right = multiply(Form::LeftTransposed, &target.right, g);
        let signal_min = singular_values(&((&left + &right) * 0.5)).ok()?.get(target.rank().checked_sub(1)?).copied()?;
        let signal_gap = operator_norm(&((&left - &right) * 0.5));
        let nuisance_left = operator_norm(&across(f, &target.left, &left));
        let nuisance_right = operator_norm(&across(g, &target.right, &right));
        let symmetric = sample.state.shape().is_symmetric();
        // The norm of [U; U] is √2‖U‖.
        let stacked = if symmetric { std::f64::consts::SQRT_2 } else { 1.0 };
        let misalignment = stacked * operator_norm(sample.state.matrix()) / (signal_min * std::f64::consts::SQRT_2);
        let phase = Phase::of(signal_min, signal_gap.max(nuisance_left).max(nuisance_right), *target.values.last()?);
        let gap = Some(signal_gap).filter(|_| !symmetric);
        Some([Some(signal_min), gap, Some(nuisance_left), Some(nuisance_right), Some(misalignment), Some(f64::from(phase as u8))])
    }
}

impl Observer for Signal {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn needs_answer(&self) -> bool {
        false
    }

    fn observe(&mut self, sample: &Sample<'_>, _shared: &Shared, row: &mut [Option<f64>]) {
        let Some(target) = &sample.instance.target else { return };
        if let Some(values) = Signal::measure(target, sample) {
            row.copy_from_slice(&values);
        }
    }
}
