//! One stepper on its own, its questions answered one at a time.

use super::{Failure, StepEvent, Stepper};
use crate::dynamics::VectorField;
use crate::sensing::{Answer, SensingOperator, Workspace};
use std::ops::ControlFlow;

/// Answers a stepper's questions by one operator and its data.
#[derive(Debug)]
pub struct Solo<'a> {
    operator: &'a dyn SensingOperator,
    data: &'a [f64],
    answer: Answer,
    work: Workspace,
}

impl<'a> Solo<'a> {
    /// With data `y` of length `p`.
    pub fn new(operator: &'a dyn SensingOperator, data: &'a [f64]) -> Self {
        let (rows, cols) = operator.shape();
        Solo { operator, data, answer: Answer::new(rows, cols), work: operator.workspace() }
    }

    /// Goes on to the next event that is not [`StepEvent::Ask`]. Allocates nothing if the operator does not.
    pub fn advance(&mut self, stepper: &mut dyn Stepper, field: &mut dyn VectorField) -> StepEvent {
        let mut event = stepper.poll(field, None);
        while event == StepEvent::Ask {
            let question = stepper.question(field);
            self.operator.answer_one(self.data, &question, &mut self.answer, &mut self.work);
            event = stepper.poll(field, Some(&self.answer));
        }
        event
    }

    /// The last answer: at [`StepEvent::Arrived`], that at the point reached, for fields that ask once.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }
}

/// Runs a stepper to the end of its trajectory, or until `visit`, called at every point (the first included), breaks.
///
/// # Errors
/// The stepper's failure; it stands at the last point before it then.
///
/// # Examples
/// Gradient flow towards a 2 × 2 target under full observation:
///
/// ```
/// use pgflow::config::{ErrorNorm, ToleranceSpec};
/// use pgflow::dynamics::{GradientFlow, State};
/// use pgflow::linalg::Matrix;
/// use pgflow::sensing::Identity;
/// use pgflow::stepper::{RungeKutta, Stepper, drive, tableaus::DOP853};
/// use std::ops::ControlFlow;
///
/// let target = Matrix::from_row_slice(2, 2, &[2.0, 0.0, 0.0, 1.0]);
/// let small = Matrix::identity(2, 2) * 1e-3;
/// let tolerance = ToleranceSpec { rtol: 1e-9, atol: 0.0, norm: ErrorNorm::Factors };
/// let mut flow = RungeKutta::adaptive(&DOP853, tolerance, State::from_factors(&small, &small), 40.0);
/// let mut points = 0;
/// drive(&mut flow, &mut GradientFlow, &Identity::new(2, 2), target.as_slice(), |_| {
///     points += 1;
///     ControlFlow::Continue(())
/// })?;
/// assert!((flow.state().product() - target).norm() < 1e-8);
/// assert_eq!(points, flow.counts().accepted + 1);
/// # Ok::<(), pgflow::stepper::Failure>(())
/// ```
pub fn drive(
    stepper: &mut dyn Stepper,
    field: &mut dyn VectorField,
    operator: &dyn SensingOperator,
    data: &[f64],
    mut visit: impl FnMut(&dyn Stepper) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let mut solo = Solo::new(operator, data);
    loop {
        match solo.advance(stepper, field) {
            StepEvent::Failed(failure) => return Err(failure),
            StepEvent::Arrived if visit(stepper).is_break() || stepper.finished() => return Ok(()),
            StepEvent::Arrived | StepEvent::Interpolant | StepEvent::Ask => {}
        }
    }
}
