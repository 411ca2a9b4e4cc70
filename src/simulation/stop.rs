//! Stop rules.

use super::Outcome;
use crate::config::Stop;
use crate::dynamics::VectorField;
use crate::linalg::{Matrix, frobenius};
use crate::stepper::Stepper;

/// What the rules look at besides the stepper: `FGᵀ` at the point, where an answer gave it or a rule needs it.
pub struct Point<'a> {
    /// The stepper, at a point of the trajectory.
    pub stepper: &'a dyn Stepper,
    /// The field, which has just been evaluated there.
    pub field: &'a dyn VectorField,
    /// `FGᵀ` there.
    pub product: &'a Matrix,
    /// `Y` and `‖Y‖_F`, if they are known.
    pub target: Option<(&'a Matrix, f64)>,
    /// `‖A(FGᵀ) − y‖/‖y‖`, where the answer is about all the data; then the rate is made of them, and the gradient is known too.
    pub train_error: Option<f64>,
    /// Whether the run's wall-clock time is used up.
    pub out_of_time: bool,
}

/// The first rule that is met at a point, if any. None is met before the first step.
pub fn met(rules: &Stop, point: &Point<'_>) -> Option<Outcome> {
    let stepper = point.stepper;
    if stepper.step() == 0 {
        return None;
    }
    let t = stepper.t();
    let too_large = |limit| Some(stepper.state().norm()).filter(|norm| *norm > limit);
    if let Some(norm) = rules.factor_norm.and_then(too_large) {
        return Some(Outcome::Diverged { t, norm });
    }
    let small_error =
        || rules.relative_error.zip(point.target).is_some_and(|(limit, (y, norm))| distance(y, point.product) / norm <= limit);
    let small_residual = || rules.train_error.zip(point.train_error).is_some_and(|(limit, error)| error <= limit);
    let small_gradient = || {
        let limit = rules.gradient_norm.filter(|_| point.train_error.is_some());
        limit.is_some_and(|limit| point.field.steepest_descent(stepper.rate()).norm() <= limit)
    };
    if small_error() || small_residual() || small_gradient() {
        return Some(Outcome::Converged { t });
    }
    if rules.evaluations.is_some_and(|limit| stepper.counts().evaluations >= limit) && !stepper.finished() {
        return Some(Outcome::EvaluationLimit { t });
    }
    if point.out_of_time && !stepper.finished() {
        return Some(Outcome::TimeLimit { t });
    }
    None
}

/// `‖Y − X‖_F`, without a temporary where its square is in range, and with the bits of the column `residual_fro`.
fn distance(y: &Matrix, x: &Matrix) -> f64 {
    let squares: f64 = y.as_slice().iter().zip(x.as_slice()).map(|(y, x)| (y - x) * (y - x)).sum();
    if (1e-280..1e280).contains(&squares) { squares.sqrt() } else { frobenius(&(y - x)) }
}
