//! How a trajectory ended.

use serde::{Deserialize, Serialize};

/// How a trajectory ended. It is data, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It reached the horizon.
    Completed,
    /// A stop rule on the relative error or the gradient norm was met.
    Converged {
        /// Flow time.
        t: f64,
    },
    /// The stop rule on the factor norm was met.
    Diverged {
        /// Flow time.
        t: f64,
        /// `‖Z‖_F`.
        norm: f64,
    },
    /// A rate or a state is not finite.
    NonFinite {
        /// Flow time of the last finite point.
        t: f64,
    },
    /// The step size fell below the resolution of time.
    StepUnderflow {
        /// Flow time.
        t: f64,
    },
    /// A Gram matrix of the factors is singular, which scaled descent divides by.
    Singular {
        /// Flow time.
        t: f64,
    },
    /// The limit on evaluations was met.
    EvaluationLimit {
        /// Flow time.
        t: f64,
    },
    /// The limit on wall-clock time was met.
    TimeLimit {
        /// Flow time.
        t: f64,
    },
    /// A signal stopped the run.
    Interrupted {
        /// Flow time.
        t: f64,
    },
}

impl Outcome {
    /// Whether the trajectory ended as an experiment is meant to end: at the horizon or converged.
    pub fn is_success(&self) -> bool {
        matches!(self, Outcome::Completed | Outcome::Converged { .. })
    }

    /// One word.
    pub fn label(&self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Converged { .. } => "converged",
            Outcome::Diverged { .. } => "diverged",
            Outcome::NonFinite { .. } => "non-finite",
            Outcome::StepUnderflow { .. } => "step underflow",
            Outcome::Singular { .. } => "singular",
            Outcome::EvaluationLimit { .. } => "evaluation limit",
            Outcome::TimeLimit { .. } => "time limit",
            Outcome::Interrupted { .. } => "interrupted",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Completed => write!(f, "The trajectory reached the horizon."),
            Outcome::Converged { t } => write!(f, "A convergence rule was met at t = {t:.6}."),
            Outcome::Diverged { t, norm } => {
                write!(f, "The factors grew to ‖Z‖_F = {norm:.3e} at t = {t:.6}, beyond record.stop.factor_norm.")
            }
            Outcome::NonFinite { t } => {
                write!(f, "The state stopped being finite after t = {t:.6}.")
            }
            Outcome::StepUnderflow { t } => write!(f, "The step size fell below the resolution of time at t = {t:.6}."),
            Outcome::Singular { t } => {
                write!(f, "A factor lost rank at t = {t:.6}: scaled descent has no next step there without scaled_descent.damping.")
            }
            Outcome::EvaluationLimit { t } => {
                write!(f, "record.stop.evaluations was used up at t = {t:.6}.")
            }
            Outcome::TimeLimit { t } => {
                write!(f, "record.stop.wall_seconds was used up at t = {t:.6}.")
            }
            Outcome::Interrupted { t } => write!(f, "A signal stopped the trajectory at t = {t:.6}; --resume goes on from there."),
        }
    }
}
