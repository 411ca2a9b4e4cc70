//! How far the factors are from balanced, and from as balanced as they began.

use super::{Observer, Sample, Shared};
use crate::dynamics::State;
use crate::linalg::{Form, Matrix, multiply, operator_norm_symmetric};

pub(super) const COLUMNS: [&str; 2] = ["imbalance", "imbalance_drift"];

/// `‖Λ‖_op` and `‖Λ − Λ₀‖_op` with `Λ = FᵀF − GᵀG`, `Λ₀` that of the trajectory's initial state. Empty in the symmetric
/// model, whose one factor is balanced with itself.
pub(super) struct Imbalance {
    initial: Matrix,
}

impl Imbalance {
    pub fn new(initial: &State) -> Self {
        Imbalance { initial: imbalance(initial) }
    }
}

/// `Λ`, the same bits for the same state, so that the drift at time 0 is exactly zero.
fn imbalance(state: &State) -> Matrix {
    multiply(Form::LeftTransposed, state.left(), state.left()) - multiply(Form::LeftTransposed, state.right(), state.right())
}

impl Observer for Imbalance {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn needs_answer(&self) -> bool {
        false
    }

    fn observe(&mut self, sample: &Sample<'_>, _shared: &Shared, row: &mut [Option<f64>]) {
        if sample.state.shape().is_symmetric() {
            return;
        }
        let mut current = imbalance(sample.state);
        row[0] = Some(operator_norm_symmetric(&current));
        if current.shape() == self.initial.shape() {
            current -= &self.initial;
            row[1] = Some(operator_norm_symmetric(&current));
        }
    }
}
