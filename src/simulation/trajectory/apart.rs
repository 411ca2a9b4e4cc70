//! Steps that look at data of their own: mini-batches and fresh measurements.
//!
//! Their questions are answered at once and apart from the batch, many steps in one round. What is recorded belongs to all the data: a sample asks for
//! itself, and the trajectory waits for that answer.

use super::{OwnDrive, Pending, Phase, Purpose, Shared, Trajectory};
use crate::linalg::frobenius;
use crate::linalg::{Form, View, multiply};
use crate::observe::Sample;
use crate::problem::Instance;
use crate::sensing::{Answer, Question, Rows, Workspace, write_point};
use crate::simulation::{Outcome, stop};
use crate::stepper::StepEvent;

/// Numbers of measurement matrices that steps go through before other trajectories have their turn; no bit depends on it.
const TURN: usize = 1 << 24;

/// What a trajectory answers its steps with.
pub(in crate::simulation) struct Apart {
    answer: Answer,
    work: Workspace,
}

impl Apart {
    fn new(instance: &Instance) -> Self {
        let (rows, cols) = instance.operator.shape();
        Apart { answer: Answer::new(rows, cols), work: instance.operator.workspace() }
    }

    /// Answers a question; returns how many numbers it took.
    fn take(&mut self, question: &Question<'_>, width: usize, instance: &Instance) -> usize {
        instance.operator.answer_one(&instance.data, question, &mut self.answer, &mut self.work);
        let measurements = match question.rows {
            Rows::All | Rows::AtMost { .. } => instance.operator.measurements(),
            Rows::Subset { indices, .. } => indices.len(),
        };
        self.answer.product.len() * (2 * measurements + 3 * width)
    }
}

impl Trajectory {
    /// Goes on until an answer about all the data is wanted, its turn is over, it stands still or has ended.
    pub(super) fn advance_apart(&mut self, shared: &Shared<'_>) {
        let begins = self.phase == Phase::Ready && !shared.hold;
        if !begins && self.phase != Phase::Sampling {
            return;
        }
        let mut apart = self.apart.take().unwrap_or_else(|| Box::new(Apart::new(shared.instance)));
        if begins || self.interpolate(shared) && !self.rests_apart(shared, false) {
            self.phase = Phase::Stepping;
            self.step_apart(&mut apart, shared);
        }
        self.apart = Some(apart);
    }

    fn step_apart(&mut self, apart: &mut Apart, shared: &Shared<'_>) {
        let width = self.initial.matrix().ncols();
        let (mut turn, mut asked) = (TURN, false);
        loop {
            let event = self.stepper.poll(self.field.as_mut(), asked.then_some(&apart.answer));
            match event {
                StepEvent::Ask => {
                    let question = self.stepper.question(self.field.as_ref());
                    turn = turn.saturating_sub(apart.take(&question, width, shared.instance));
                    asked = true;
                    continue;
                }
                StepEvent::Arrived => {
                    // A field that answers itself has gone through all of its own measurements.
                    turn = if asked { turn } else { 0 };
                    self.arrive_apart(apart, asked, shared);
                    if self.interpolants_due() {
                        self.stepper.request_interpolant();
                        asked = false;
                        continue;
                    }
                }
                StepEvent::Interpolant => {
                    if !self.interpolate(shared) {
                        self.phase = Phase::Sampling;
                        return;
                    }
                }
                StepEvent::Failed(failure) => self.fail(failure),
            }
            asked = false;
            if self.rests_apart(shared, turn == 0) {
                return;
            }
        }
    }

    /// At a point whose samples are taken: ends, or stands still. Returns whether it does.
    fn rests_apart(&mut self, shared: &Shared<'_>, turn_over: bool) -> bool {
        if let Some(outcome) = self.ending {
            self.finish(outcome);
            return true;
        }
        let rests = shared.hold || turn_over || self.pending.iter().any(|sample| sample.search.is_none());
        if rests {
            self.phase = Phase::Ready;
        }
        rests
    }

    /// At a point that a step has just reached.
    fn arrive_apart(&mut self, apart: &mut Apart, asked: bool, shared: &Shared<'_>) {
        self.started = true;
        let integrates = self.observers.integrates();
        if !asked && (integrates || shared.stop.relative_error.is_some()) {
            let state = self.stepper.state();
            write_point(&Question::residual(state.left(), state.right()).point, &mut apart.answer.product);
        }
        let target = shared.instance.target.as_ref().map(|target| &target.matrix).zip(shared.target_norm);
        let (stepper, field, out_of_time) = (self.stepper.as_ref(), self.field.as_ref(), shared.out_of_time);
        let point = stop::Point { stepper, field, product: &apart.answer.product, target, train_error: None, out_of_time };
        self.ending = stop::met(shared.stop, &point).or_else(|| self.stepper.finished().then_some(Outcome::Completed));
        let t = self.stepper.t();
        let due = self.dues_until(t).last().filter(|due| due.t == t).cloned();
        if due.as_ref().is_some_and(|due| due.record) || self.ending.is_some() {
            let sample = self.here_apart(Purpose::Record, apart);
            self.pending.push(sample);
        }
        if integrates
            && self.ending.is_none()
            && let Some(step) = self.observers.motion().step()
        {
            let node = self.here_apart(Purpose::Quadrature { end: self.end_of_step(step), weight: 1.0 }, apart);
            self.look(&node, &apart.answer, shared);
        }
        self.leave_dues(due, t);
    }

    fn here_apart(&self, purpose: Purpose, apart: &Apart) -> Pending {
        let drive = self.field.own_drive(&apart.answer).filter(|_| self.observers.looks_at_perturbation());
        Pending { drive: drive.as_ref().map(OwnDrive::new), ..self.here(purpose) }
    }

    /// The stop rules on the gradient and on the fit, on a method that knows them at samples alone.
    pub(super) fn judge_data(&mut self, sample: &Sample<'_>, shared: &Shared<'_>) {
        if !self.spec.method.has_own_data() || self.phase != Phase::Ready || self.stepper.step() == 0 {
            return;
        }
        let small_residual = || {
            let error = sample.answer.residual_norm_squared.sqrt() / shared.data_norm;
            shared.stop.train_error.is_some_and(|limit| error <= limit)
        };
        let small_gradient = |limit: f64| {
            let n = View::of(&sample.answer.matrix);
            let left = frobenius(&multiply(Form::Plain, n, sample.state.right()));
            let right = frobenius(&multiply(Form::LeftTransposed, n, sample.state.left()));
            left.hypot(right) <= limit
        };
        if small_residual() || shared.stop.gradient_norm.is_some_and(small_gradient) {
            self.ending = Some(Outcome::Converged { t: sample.t });
        }
    }
}
