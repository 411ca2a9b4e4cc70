//! Observables: one file per family.

use crate::dynamics::State;
use crate::linalg::Matrix;
use crate::problem::Instance;
use crate::sensing::Answer;

/// A recorded point of a trajectory, with everything that was computed there.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The experiment's instance.
    pub instance: &'a Instance,
    /// Flow time.
    pub t: f64,
    /// `Z`.
    pub state: &'a State,
    /// The operator's answer at `Z`: `N`, `FGᵀ`, `‖y − A(FGᵀ)‖²`.
    pub answer: &'a Answer,
    /// `R = Y − FGᵀ`, where the target is known.
    pub residual: Option<&'a Matrix>,
    /// `∫₀ᵗ ‖∇f‖² ds` by the stepper's own weights.
    pub dissipation: f64,
}
