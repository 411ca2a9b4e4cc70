//! The field of a quadratic network.

use super::{Drive, Moment, Next, State, VectorField};
use crate::sensing::{Answer, Question, Rows};

/// `U̇ = N_R U` with `N_R = Σ_{i: ‖Uᵀx_i‖² ≤ R} (y_i − ⟨M_i, UUᵀ⟩) M_i`, `M_i = x_i x_iᵀ/√p`: what the samples give on which the network's output is at most a
/// threshold. `N_R = −M` of LMZ18 (THEORY 2.3). One question an evaluation, about those samples.
#[derive(Clone, Copy, Debug)]
pub struct TruncatedRisk {
    /// `R/√p`, the threshold in the scale of the measurements.
    limit: f64,
}

impl TruncatedRisk {
    /// With threshold `R` on outputs, for `measurements` samples.
    pub fn new(threshold: f64, measurements: usize) -> Self {
        TruncatedRisk { limit: threshold / (measurements as f64).sqrt() }
    }
}

impl VectorField for TruncatedRisk {
    fn begin(&mut self, _at: Moment, _state: &State, _rate: &mut State) -> Next {
        Next::Ask
    }

    fn question<'a>(&'a self, state: &'a State) -> Question<'a> {
        Question::residual(state.left(), state.right()).about(Rows::AtMost { limit: self.limit })
    }

    fn resume(&mut self, _at: Moment, state: &State, answer: &Answer, rate: &mut State) -> Next {
        state.drive_into(1.0, &answer.matrix, rate);
        Next::Rate
    }

    fn own_drive<'a>(&'a self, last: &'a Answer) -> Option<Drive<'a>> {
        Some(Drive { matrix: &last.matrix, noise: None })
    }

    /// Not that of the risk that is recorded.
    fn dissipation(&self, _rate: &State) -> f64 {
        f64::NAN
    }
}
