//! Stop rules.

use super::Outcome;
use crate::config::Stop;
use crate::dynamics::VectorField;
use crate::linalg::Matrix;
use crate::stepper::Stepper;

/// What the rules look at besides the stepper: `FGᵀ` at the point, where an answer gave it.
pub struct Point<'a> {
    /// The stepper, at a point of the trajectory.
    pub stepper: &'a dyn Stepper,
    /// The field, which has just been evaluated there.
    pub field: &'a dyn VectorField,
    /// `FGᵀ` there.
    pub product: &'a Matrix,
    /// `Y`, if it is known.
    pub target: Option<&'a Matrix>,
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
    let norm = stepper.state().norm();
    if rules.factor_norm.is_some_and(|limit| norm > limit) {
        return Some(Outcome::Diverged { t, norm });
    }
    let small_error = || rules.relative_error.zip(point.target).is_some_and(|(limit, y)| relative_error(y, point.product) <= limit);
    let small_gradient = || rules.gradient_norm.is_some_and(|limit| point.field.steepest_descent(stepper.rate()).norm() <= limit);
    if small_error() || small_gradient() {
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

/// `‖Y − X‖_F / ‖Y‖_F`, without a temporary.
fn relative_error(y: &Matrix, x: &Matrix) -> f64 {
    let (mut difference, mut size) = (0.0, 0.0);
    for (y, x) in y.as_slice().iter().zip(x.as_slice()) {
        difference += (y - x) * (y - x);
        size += y * y;
    }
    (difference / size).sqrt()
}
