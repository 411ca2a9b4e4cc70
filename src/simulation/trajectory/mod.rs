//! One trajectory in the lockstep: its stepper, the samples it takes, what it records.

mod apart;
mod sampling;
mod saved;
mod trailing;

use super::comparison::Waiting;
use super::cross_check::CrossCheckPoints;
use super::deviation::{CurvaturePoint, Defects, Measures};
use super::pending::{Integral, OwnDrive, Pending, Purpose};
use super::record::TrajectoryRecord;
use super::schedule::{Due, Schedule, Side};
use super::{Outcome, stop};
use crate::config::{Stop, TrajectorySpec};
use crate::dynamics::{State, VectorField};
use crate::linalg::{Form, Matrix, multiply_into};
use crate::observe::Observers;
use crate::problem::Instance;
use crate::sensing::{Answer, Question, Want};
use crate::stepper::{Failure, StepEvent, Stepper};
use apart::Apart;
pub(super) use saved::SavedTrajectory;
use std::ops::Range;
use std::sync::Arc;
use trailing::Trail;

/// What all trajectories of a run share.
pub(super) struct Shared<'a> {
    pub instance: &'a Instance,
    /// `‖Y‖_F`, if the target is known.
    pub target_norm: Option<f64>,
    pub data_norm: f64,
    pub stop: &'a Stop,
    /// Whether the run's wall-clock time is used up.
    pub out_of_time: bool,
    /// Whether trajectories are to stand still at the next point they reach.
    pub hold: bool,
}

/// What a trajectory waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// To begin a step (or the initial evaluation).
    Ready,
    /// An answer for a step.
    Stepping,
    /// An answer for the interpolant of the last step.
    Interpolating,
    /// Nothing, while samples inside the last step remain to be taken: never more than a batch at a time, however many there are.
    Sampling,
    /// Nothing, while the step before the last still trails: what the stepper came to in the meantime.
    Waiting(StepEvent),
    /// Nothing any more.
    Ended,
}

pub(super) struct Trajectory {
    pub spec: TrajectorySpec,
    pub record: TrajectoryRecord,
    pub points: CrossCheckPoints,
    /// States for comparisons, to be collected after each round.
    pub outbox: Vec<(Side, Waiting)>,
    pub initial: State,
    /// The numbers that its questions have in this round.
    pub questions: Range<usize>,
    field: Box<dyn VectorField>,
    stepper: Box<dyn Stepper>,
    observers: Observers,
    schedule: Schedule,
    next_due: usize,
    /// The dues inside the last step that are to be looked at.
    inside: Range<usize>,
    phase: Phase,
    /// The step behind the one that is under way, while its interpolant or its samples are.
    trail: Option<Trail>,
    started: bool,
    discrete: bool,
    /// The outcome that takes effect when the samples of the last step are done.
    ending: Option<Outcome>,
    pending: Vec<Pending>,
    integral: Integral,
    measures: Measures,
    /// The curvature at samples, and the defects of steps, where they are measured.
    pub curvature: Vec<CurvaturePoint>,
    pub defects: Defects,
    spare: Vec<State>,
    /// `FGᵀ`, where a stop rule needs it and answers do not hold it.
    formed: Option<Matrix>,
    /// An answer of which nothing is known but `FGᵀ`, for samples at which the operator is not asked.
    unasked: Option<Box<Answer>>,
    /// What it answers its steps' questions with, on a method whose steps look at data of their own.
    apart: Option<Box<Apart>>,
}

impl Trajectory {
    pub fn new(
        spec: TrajectorySpec,
        record: TrajectoryRecord,
        initial: State,
        field: Box<dyn VectorField>,
        stepper: Box<dyn Stepper>,
        observers: Observers,
        schedule: Schedule,
    ) -> Self {
        let discrete = spec.method.step_size().is_some();
        Trajectory {
            spec,
            record,
            points: CrossCheckPoints::default(),
            outbox: vec![],
            initial,
            questions: 0..0,
            field,
            stepper,
            observers,
            schedule,
            next_due: 0,
            inside: 0..0,
            phase: Phase::Ready,
            trail: None,
            started: false,
            discrete,
            ending: None,
            pending: vec![],
            integral: Integral::default(),
            measures: Measures::default(),
            curvature: vec![],
            defects: Defects::default(),
            spare: vec![],
            formed: None,
            unasked: None,
            apart: None,
        }
    }

    /// The same, with what bounds on deviations need of it.
    pub fn measuring(self, measures: Measures) -> Self {
        Trajectory { measures, ..self }
    }

    /// Whether nothing more will come.
    pub fn ended(&self) -> bool {
        self.phase == Phase::Ended && self.pending.is_empty()
    }

    /// Whether it stands at a point of the trajectory with nothing under way: it can be saved.
    pub fn at_rest(&self) -> bool {
        matches!(self.phase, Phase::Ready | Phase::Ended) && self.pending.is_empty()
    }

    /// Flow time reached.
    pub fn t(&self) -> f64 {
        self.stepper.t()
    }

    /// Evaluations for its steps so far.
    pub fn evaluations(&self) -> u64 {
        self.stepper.counts().evaluations
    }

    /// Number of questions it has for the operator.
    pub fn question_count(&self) -> usize {
        usize::from(self.waits_for_step()) + usize::from(self.trail_asks()) + self.pending.len()
    }

    fn waits_for_step(&self) -> bool {
        matches!(self.phase, Phase::Stepping | Phase::Interpolating)
    }

    /// Question `index`: the stepper's first, then that of the step that trails, then those of pending samples.
    pub fn question(&self, index: usize) -> Question<'_> {
        let steps = usize::from(self.waits_for_step());
        match index.checked_sub(steps + usize::from(self.trail_asks())) {
            Some(sample) => self.pending[sample].question(),
            None => match self.stepper.trailing() {
                Some(trailing) if index == steps => trailing.question(self.field.as_ref()),
                _ => self.stepper.question(self.field.as_ref()),
            },
        }
    }

    /// Takes the answers to all its questions (none at first) and goes on until it has questions again, stands still or has ended.
    pub fn advance(&mut self, answers: &[Answer], shared: &Shared<'_>) {
        self.record.operator_passes += answers.len() as u64;
        let (step, rest) = answers.split_at(usize::from(self.waits_for_step()).min(answers.len()));
        let (trail, samples) = rest.split_at(usize::from(self.trail_asks()).min(rest.len()));
        self.take_samples(samples, shared);
        if let (Phase::Ready, Some(outcome)) = (self.phase, self.ending) {
            return self.finish(outcome);
        }
        if self.spec.method.has_own_data() {
            return self.advance_apart(shared);
        }
        match self.follow(trail.first(), shared) {
            Some(failure) => self.give_up(failure),
            None => self.advance_step(step.first(), shared),
        }
    }

    /// Goes on with the step that is under way.
    fn advance_step(&mut self, mut answer: Option<&Answer>, shared: &Shared<'_>) {
        let mut waited = None;
        match self.phase {
            Phase::Ready if !shared.hold => self.phase = Phase::Stepping,
            Phase::Sampling => {
                if !self.interpolate(shared) || self.leave_point(shared) {
                    return;
                }
            }
            Phase::Waiting(event) if self.trail.is_none() => waited = Some(event),
            Phase::Stepping | Phase::Interpolating => {}
            Phase::Ready | Phase::Waiting(_) | Phase::Ended => return,
        }
        loop {
            let event = waited.take().unwrap_or_else(|| self.stepper.poll(self.field.as_mut(), answer));
            match event {
                StepEvent::Ask => return,
                StepEvent::Arrived => {
                    if let Some(answer) = answer {
                        self.arrive(answer, shared);
                    }
                    answer = None;
                    if self.waits_behind(event) {
                        return;
                    }
                    if self.interpolants_due() && !self.trails(shared) {
                        self.phase = Phase::Interpolating;
                        self.stepper.request_interpolant();
                        continue;
                    }
                }
                StepEvent::Interpolant => {
                    if !self.interpolate(shared) {
                        self.phase = Phase::Sampling;
                        return;
                    }
                }
                StepEvent::Failed(failure) => {
                    if self.waits_behind(event) {
                        return;
                    }
                    self.fail(failure);
                }
            }
            if self.leave_point(shared) {
                return;
            }
            answer = None;
        }
    }

    fn take_samples(&mut self, answers: &[Answer], shared: &Shared<'_>) {
        let waiting = std::mem::take(&mut self.pending);
        for (mut sample, answer) in waiting.into_iter().zip(answers) {
            if self.searches_on(&mut sample, answer) {
                self.pending.push(sample);
                continue;
            }
            self.look(&sample, answer, shared);
            self.spare.push(sample.state);
        }
    }

    /// After a failure: how it ends, with the last finite point as a sample.
    fn fail(&mut self, failure: Failure) {
        let t = self.stepper.t();
        // An interpolant that fails takes nothing back of how the step itself ended.
        self.ending.get_or_insert(match failure {
            Failure::NonFinite => Outcome::NonFinite { t },
            Failure::Underflow => Outcome::StepUnderflow { t },
            Failure::Singular => Outcome::Singular { t },
        });
        self.sample_last_point();
    }

    /// At a point whose samples are taken: ends, stands still, or begins the next step. Returns whether polling stops.
    fn leave_point(&mut self, shared: &Shared<'_>) -> bool {
        if let Some(outcome) = self.ending {
            self.finish(outcome);
            return true;
        }
        self.phase = if shared.hold { Phase::Ready } else { Phase::Stepping };
        shared.hold
    }

    fn finish(&mut self, outcome: Outcome) {
        self.phase = Phase::Ended;
        let mut record = std::mem::take(&mut self.record);
        self.count_into(&mut record);
        self.record = TrajectoryRecord { outcome: Some(outcome), ..record };
        if matches!(outcome, Outcome::NonFinite { .. }) {
            self.record.warnings.extend(self.field.complaint());
        }
    }

    fn step_number(&self) -> Option<u64> {
        self.discrete.then(|| self.stepper.step())
    }

    /// At a point that a step has just reached, with the answer there at hand.
    fn arrive(&mut self, answer: &Answer, shared: &Shared<'_>) {
        let target = shared.instance.target.as_ref().map(|target| &target.matrix).zip(shared.target_norm);
        self.started = true;
        let (stepper, field) = (self.stepper.as_ref(), self.field.as_ref());
        // An answer by products has no FGᵀ; only one of the rules looks at it.
        let mut product = &field.answer(answer).product;
        if field.answer(answer).given == Want::Products && shared.stop.relative_error.is_some() {
            let (left, right, rows) = (stepper.state().left(), stepper.state().right(), product.nrows());
            let formed = self.formed.get_or_insert_with(|| product.clone());
            multiply_into(formed, 0, rows, 1.0, Form::RightTransposed, left, right);
            product = formed;
        }
        let train_error = Some(field.answer(answer).residual_norm_squared.sqrt() / shared.data_norm);
        let point = stop::Point { stepper, field, product, target, train_error, out_of_time: shared.out_of_time };
        self.ending = stop::met(shared.stop, &point).or_else(|| self.stepper.finished().then_some(Outcome::Completed));
        let t = self.stepper.t();
        let due = self.dues_until(t).last().filter(|due| due.t == t).cloned();
        if due.as_ref().is_some_and(|due| due.record) || self.ending.is_some() {
            self.look_or_ask(Purpose::Record, answer, shared);
        }
        if self.observers.integrates()
            && self.ending.is_none()
            && let Some(step) = self.observers.motion().step()
        {
            // The step that begins here is known as a path, all of it.
            self.look_or_ask(Purpose::Quadrature { end: self.end_of_step(step), weight: 1.0 }, answer, shared);
        }
        if self.measures.defect {
            self.measure_defect();
        }
        if self.observers.follows_steps() {
            self.observers.step(&self.field.answer(answer).matrix);
        }
        self.leave_dues(due, t);
    }

    /// Serves the comparisons and the cross-check at a point; `due` is what is due at it.
    fn leave_dues(&mut self, due: Option<Due>, t: f64) {
        if let Some(due) = due {
            let state = Arc::new(self.stepper.state().clone());
            self.send(&due, t, state);
        }
        if self.dues_until(t).iter().any(|due| due.cross_check) {
            self.points.at_step_ends.push((t, self.stepper.state().clone()));
        }
        let rest = self.dues_until(t).iter().filter(|due| due.t < t).count();
        self.inside = self.next_due..self.next_due + rest;
        self.next_due += self.dues_until(t).len();
    }

    /// The times to be looked at that the last step has covered.
    fn dues_until(&self, t: f64) -> &[Due] {
        let rest = &self.schedule.dues()[self.next_due..];
        &rest[..rest.partition_point(|due| due.t <= t)]
    }

    fn interpolants_due(&self) -> bool {
        let t = self.stepper.t();
        !self.inside.is_empty() || self.integrates_flow() && self.integral.until < t || self.samples_steps() && self.defects.until < t
    }
}
