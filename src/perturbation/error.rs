//! Perturbations that cannot be had.

use crate::linalg::DecompositionError;
use crate::problem::ProblemError;
use std::path::PathBuf;

/// A perturbation that does not fit the instance, or cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PerturbationError {
    /// An adversary without a target.
    #[error("perturbation.adversarial works against the recovery of the target, which this instance does not know; use another law")]
    AdversaryNeedsTarget,
    /// An adversary in another form.
    #[error(
        "perturbation.adversarial needs perturbation.form = \"shared\": the worst direction is that of a linear functional of one matrix E; in the other \
         forms blocks would compete for the bound"
    )]
    AdversaryForm,
    /// An adversary with two factors in mind.
    #[error("perturbation.adversarial.against = \"limit\" is not offered in the symmetric model; use \"residual\" or \"weakest_mode\"")]
    LimitSymmetric,
    /// Two blocks for one factor.
    #[error(
        "perturbation.form = \"two_sided\" disturbs F and G apart, and the symmetric model has one factor; use \"shared\" (one symmetric E) or \"additive\""
    )]
    TwoSidedSymmetric,
    /// The weakest of `r` modes in fewer than `r` columns.
    #[error(
        "perturbation.adversarial.against = \"weakest_mode\" needs model.width ≥ rank: width = {width}, rank = {rank}, so that σ_r of the signal is 0 at \
         all times; raise model.width, or use \"residual\""
    )]
    NoWeakestMode {
        /// `h`
        width: usize,
        /// `r`
        rank: usize,
    },
    /// No direction outside the target's column space, or outside its row space.
    #[error(
        "perturbation.adversarial.against = \"limit\" needs directions orthogonal to the target's columns and to its rows: rank = {rank} leaves none in \
         {rows} × {cols}; lower the rank, or use \"residual\""
    )]
    NothingBeside {
        /// `r`
        rank: usize,
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
    },
    /// A bound in units of `σ_r` without a target.
    #[error(
        "perturbation.relative_to = \"sigma_r\" needs the target, which this instance does not know; use relative_to = \"absolute\" or \"residual\""
    )]
    UnknownSigma,
    /// A law that has no size of its own, without a bound.
    #[error("perturbation.bound is missing: only the laws descent and replay have a size of their own")]
    NoBound,
    /// A bound where none can be.
    #[error("perturbation.bound has no place here: {reason}")]
    Bound {
        /// Why.
        reason: &'static str,
    },
    /// The law descent in another form.
    #[error(
        "perturbation.descent needs perturbation.form = \"lifted\": a shared E conserves FᵀF − GᵀG, and a step of descent moves it by η²(GᵀNᵀNG − FᵀNNᵀF), which \
         is exactly what no shared E can reproduce"
    )]
    DescentForm,
    /// A number out of range.
    #[error("perturbation.{key} = {value:?} is out of range: it must be {allowed}")]
    Range {
        /// The key below `perturbation`.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// So many jumps that no run gets past them.
    #[error("perturbation.{key} = {value:?} is too small: up to the horizon {horizon:?} it makes more than 1e9 jumps")]
    TooManyPieces {
        /// The key below `perturbation`.
        key: &'static str,
        /// Its value.
        value: f64,
        /// Flow time at which the trajectory ends.
        horizon: f64,
    },
    /// A file whose arrays do not fit.
    #[error("perturbation.replay.file = {}: {reason}", path.display())]
    Replay {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A file that cannot be read.
    #[error("perturbation.replay.file: {0}")]
    File(#[from] ProblemError),
    /// A direction could not be drawn.
    #[error("the direction of a perturbation could not be drawn: {0}")]
    Decomposition(#[from] DecompositionError),
}

impl PerturbationError {
    /// Whether a file is at fault, not the experiment.
    pub fn is_input_output(&self) -> bool {
        match self {
            PerturbationError::File(error) => error.is_input_output(),
            PerturbationError::Replay { .. } => true,
            _ => false,
        }
    }
}
