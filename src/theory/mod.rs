//! Closed forms and predicted times that simulations are held against.
//!
//! Everything here is for full observation (`A = I`, no noise) unless it says otherwise. Formulas are evaluated in arrangements that
//! neither overflow at large times nor lose digits at tiny initial sizes (`s₀ = 1e-20` and below).

pub mod certificate;
mod closed_form;
mod deviation_bound;
mod envelope;
mod escape;
mod imbalance_law;
mod modes;
mod riccati;

pub use closed_form::{ClosedForm, ClosedFormError};
pub use deviation_bound::{deviation_bound, first_order_estimate, product_bound};
pub use envelope::{CurvatureAt, DefectUntil, Envelope, Intervals, envelopes, gauss_newton_bound};
pub use escape::{descent_rate, effective_initial_size, escape_time, gaussian_escape_time, predicted_escape_time, signal};
pub use imbalance_law::{Descent, imbalance_laws};
pub use modes::{balanced_mode, imbalanced_growth, imbalanced_mode};
pub use riccati::{balanced_product, signal_block, symmetric_product};

use crate::linalg::DecompositionError;

/// A closed form that cannot be evaluated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TheoryError {
    /// A matrix is not finite, or a decomposition failed.
    #[error(transparent)]
    Decomposition(#[from] DecompositionError),
    /// Shapes do not fit.
    #[error("{what} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Which matrix.
        what: &'static str,
        /// Its shape.
        found: (usize, usize),
        /// The shape that fits the other arguments.
        expected: (usize, usize),
    },
    /// Time is negative or not finite.
    #[error("the time is {t}, it must be finite and at least 0")]
    Time {
        /// The time.
        t: f64,
    },
    /// The initial factors are not balanced.
    #[error("the initial factors are not balanced: ‖FᵀF − GᵀG‖_F = {imbalance:e} exceeds {allowed:e}, 1e-10 of ‖F‖_F² + ‖G‖_F²")]
    NotBalanced {
        /// `‖FᵀF − GᵀG‖_F`
        imbalance: f64,
        /// What round-off may leave.
        allowed: f64,
    },
    /// The initial signal does not reach every mode.
    #[error("the initial signal has rank below {modes}, so not every mode grows; its rows must be linearly independent (width ≥ rank)")]
    DeficientSignal {
        /// Number of modes.
        modes: usize,
    },
    /// A singular value of the target is not positive.
    #[error("a singular value of the target is {value}, all must be positive and finite")]
    SingularValue {
        /// The value.
        value: f64,
    },
}

fn check_time(t: f64) -> Result<(), TheoryError> {
    if t.is_finite() && t >= 0.0 { Ok(()) } else { Err(TheoryError::Time { t }) }
}
