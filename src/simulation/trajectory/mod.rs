//! One trajectory in the lockstep: its stepper, the samples it takes, what it records.

mod apart;
mod sampling;

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
use crate::observe::{ObserveError, ObserverMemory, Observers};
use crate::problem::Instance;
use crate::sensing::{Answer, Question, Want};
use crate::stepper::{Failure, StepEvent, Stepper, StepperState};
use apart::Apart;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// To begin a step (or the initial evaluation).
    Ready,
    /// An answer for a step.
    Stepping,
    /// An answer for the interpolant of the last step.
    Interpolating,
    /// Nothing, while samples inside the last step remain to be taken: never more than a batch at a time, however many there are.
    Sampling,
    /// Nothing any more.
    Ended,
}

/// All that a trajectory needs to go on with the same bits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedTrajectory {
    /// Absent before the initial evaluation.
    stepper: Option<StepperState>,
    next_due: usize,
    /// What the field remembers.
    field: Vec<f64>,
    observers: ObserverMemory,
    record: TrajectoryRecord,
    points: CrossCheckPoints,
    integral: Integral,
    curvature: Vec<CurvaturePoint>,
    defects: Defects,
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
    phase: Phase,
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
            phase: Phase::Ready,
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

    /// Number of questions it has for the operator.
    pub fn question_count(&self) -> usize {
        usize::from(self.waits_for_step()) + self.pending.len()
    }

    fn waits_for_step(&self) -> bool {
        matches!(self.phase, Phase::Stepping | Phase::Interpolating)
    }

    /// Question `index`: the stepper's first, then those of pending samples.
    pub fn question(&self, index: usize) -> Question<'_> {
        match index.checked_sub(usize::from(self.waits_for_step())) {
            None => self.stepper.question(self.field.as_ref()),
            Some(sample) => self.pending[sample].question(),
        }
    }

    /// Takes the answers to all its questions (none at first) and goes on until it has questions again, stands still or has ended.
    pub fn advance(&mut self, answers: &[Answer], shared: &Shared<'_>) {
        self.record.operator_passes += answers.len() as u64;
        let (step, samples) = answers.split_at(usize::from(self.waits_for_step()).min(answers.len()));
        let waiting = std::mem::take(&mut self.pending);
        for (mut sample, answer) in waiting.into_iter().zip(samples) {
            if self.searches_on(&mut sample, answer) {
                self.pending.push(sample);
                continue;
            }
            self.look(&sample, answer, shared);
            self.spare.push(sample.state);
        }
        if let (Phase::Ready, Some(outcome)) = (self.phase, self.ending) {
            return self.finish(outcome);
        }
        if self.spec.method.has_own_data() {
            return self.advance_apart(shared);
        }
        let mut answer = step.first();
        match self.phase {
            Phase::Ready if !shared.hold => self.phase = Phase::Stepping,
            Phase::Sampling => {
                if !self.interpolate() || self.leave_point(shared) {
                    return;
                }
            }
            Phase::Stepping | Phase::Interpolating => {}
            Phase::Ready | Phase::Ended => return,
        }
        loop {
            match self.stepper.poll(self.field.as_mut(), answer) {
                StepEvent::Ask => return,
                StepEvent::Arrived => {
                    if let Some(answer) = answer {
                        self.arrive(answer, shared);
                    }
                    if self.interpolants_due() {
                        self.phase = Phase::Interpolating;
                        self.stepper.request_interpolant();
                        answer = None;
                        continue;
                    }
                }
                StepEvent::Interpolant => {
                    if !self.interpolate() {
                        self.phase = Phase::Sampling;
                        return;
                    }
                }
                StepEvent::Failed(failure) => self.fail(failure),
            }
            if self.leave_point(shared) {
                return;
            }
            answer = None;
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

    /// Writes into a record what the stepper counts.
    fn count_into(&self, record: &mut TrajectoryRecord) {
        record.t = self.stepper.t();
        record.steps = self.stepper.step();
        (record.counts, record.switches) = (self.stepper.counts(), self.stepper.switches().to_vec());
        let (limited, accepted) = (self.stepper.stability_limited_steps(), record.counts.accepted);
        // A handful of steps at the limit is how every long run ends; half of them is worth a word.
        if 2 * limited > accepted {
            record.warnings = vec![format!("stability, not accuracy, limited {limited} of {accepted} steps: right, but slow to compute")];
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
        if !self.interpolants_due() {
            self.pass_dues(t);
        }
    }

    /// The times to be looked at that the last step has covered.
    fn dues_until(&self, t: f64) -> &[Due] {
        let rest = &self.schedule.dues()[self.next_due..];
        &rest[..rest.partition_point(|due| due.t <= t)]
    }

    fn pass_dues(&mut self, t: f64) {
        self.next_due += self.dues_until(t).len();
    }

    fn interpolants_due(&self) -> bool {
        let t = self.stepper.t();
        self.dues_until(t).iter().any(|due| due.t < t)
            || self.integrates_flow() && self.integral.until < t
            || self.samples_steps() && self.defects.until < t
    }

    /// The record with rows in the order of time; of a trajectory that has not ended, as far as it has come.
    pub fn sorted_record(&self) -> TrajectoryRecord {
        let mut record = self.record.clone();
        if record.outcome.is_none() {
            self.count_into(&mut record);
        }
        record.rows.sort_by(|a, b| a.t.total_cmp(&b.t));
        record.spectrum.sort_by(|a, b| a.t.total_cmp(&b.t));
        record.warnings.extend(self.observers.undefined_perturbation(record.rows.iter().map(|row| (row.step, row.values.as_slice()))));
        if let Some(index) = self.observers.integral_column() {
            self.integral.fill(&mut record.rows, index);
        }
        if let Some(snapshots) = &mut record.snapshots {
            snapshots.sort();
        }
        if let Some(vectors) = &mut record.vectors {
            vectors.sort();
        }
        record
    }

    /// To be called at rest.
    pub fn save(&self) -> SavedTrajectory {
        SavedTrajectory {
            stepper: self.started.then(|| self.stepper.save()),
            next_due: self.next_due,
            field: self.field.memory(),
            observers: self.observers.memory(),
            record: self.record.clone(),
            points: self.points.clone(),
            integral: self.integral.clone(),
            curvature: self.curvature.clone(),
            defects: self.defects.clone(),
        }
    }

    /// Goes back to a saved point.
    pub fn restore(&mut self, saved: SavedTrajectory) -> Result<(), ObserveError> {
        self.started = saved.stepper.is_some();
        if let Some(stepper) = saved.stepper {
            self.stepper.restore(stepper);
        }
        self.next_due = saved.next_due;
        self.field.restore(&saved.field);
        self.observers.restore(&saved.observers)?;
        self.phase = if saved.record.outcome.is_some() { Phase::Ended } else { Phase::Ready };
        self.record = saved.record;
        self.points = saved.points;
        self.integral = saved.integral;
        (self.curvature, self.defects) = (saved.curvature, saved.defects);
        Ok(())
    }
}
