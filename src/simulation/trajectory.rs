//! One trajectory in the lockstep: its stepper, the samples it takes, what it records.

use super::comparison::Waiting;
use super::record::{Row, Snapshots, SpectrumRow, TrajectoryRecord};
use super::schedule::{Due, Schedule, Side};
use super::{Outcome, stop};
use crate::config::{Stop, TrajectorySpec};
use crate::dynamics::{State, VectorField};
use crate::observe::{ObserveError, ObserverMemory, Observers, Sample};
use crate::problem::Instance;
use crate::sensing::{Answer, Question};
use crate::stepper::{Failure, StepEvent, Stepper, StepperState};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// What all trajectories of a run share.
pub(super) struct Shared<'a> {
    pub instance: &'a Instance,
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
    /// Nothing any more.
    Ended,
}

/// A point between steps that waits for the operator's answer there.
struct PendingSample {
    step: Option<u64>,
    t: f64,
    state: State,
    dissipation: f64,
}

/// States that the cross-check compares with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct CrossCheckPoints {
    pub at_recording_times: Vec<(f64, State)>,
    pub at_step_ends: Vec<(f64, State)>,
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
    pending: Vec<PendingSample>,
    spare: Vec<State>,
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
            spare: vec![],
        }
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
            Some(sample) => {
                let state = &self.pending[sample].state;
                Question::residual(state.left(), state.right())
            }
        }
    }

    /// Takes the answers to all its questions (none at first) and goes on until it has questions again, stands still or has ended.
    pub fn advance(&mut self, answers: &[Answer], shared: &Shared<'_>) {
        self.record.operator_passes += answers.len() as u64;
        let (step, samples) = answers.split_at(usize::from(self.waits_for_step()).min(answers.len()));
        let waiting = std::mem::take(&mut self.pending);
        for (sample, answer) in waiting.into_iter().zip(samples) {
            self.observe(sample.step, sample.t, &sample.state, answer, sample.dissipation, shared);
            self.spare.push(sample.state);
        }
        let mut answer = step.first();
        if self.phase == Phase::Ready && !shared.hold {
            self.phase = Phase::Stepping;
        } else if !self.waits_for_step() {
            return;
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
                StepEvent::Interpolant => self.interpolate(),
                StepEvent::Failed(failure) => {
                    let t = self.stepper.t();
                    self.ending = Some(match failure {
                        Failure::NonFinite => Outcome::NonFinite { t },
                        Failure::Underflow => Outcome::StepUnderflow { t },
                    });
                    self.sample_last_point();
                }
            }
            if self.leave_point(shared) {
                return;
            }
            answer = None;
        }
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
        self.record.outcome = Some(outcome);
        self.update_record();
        if matches!(outcome, Outcome::NonFinite { .. }) {
            self.record.warnings.extend(self.field.complaint());
        }
    }

    /// Brings the record's counts up to date.
    pub fn update_record(&mut self) {
        self.record.t = self.stepper.t();
        self.record.steps = self.stepper.step();
        self.record.counts = self.stepper.counts();
        let limited = self.stepper.stability_limited_steps();
        // A handful of steps at the limit is how every long run ends; half of them is worth a word.
        if 2 * limited > self.record.counts.accepted {
            self.record.warnings = vec![format!(
                "stability, not accuracy, limited {limited} of {} steps: right, but slow to compute",
                self.record.counts.accepted
            )];
        }
    }

    fn step_number(&self) -> Option<u64> {
        self.discrete.then(|| self.stepper.step())
    }

    /// At a point that a step has just reached, with the answer there at hand.
    fn arrive(&mut self, answer: &Answer, shared: &Shared<'_>) {
        let target = shared.instance.target.as_ref().map(|target| &target.matrix);
        self.started = true;
        let point = stop::Point { stepper: self.stepper.as_ref(), product: &answer.product, target, out_of_time: shared.out_of_time };
        self.ending = stop::met(shared.stop, &point).or_else(|| self.stepper.finished().then_some(Outcome::Completed));
        let t = self.stepper.t();
        let due = self.dues_until(t).last().filter(|due| due.t == t).cloned();
        if due.as_ref().is_some_and(|due| due.record) || self.ending.is_some() {
            let (state, dissipation) = (self.stepper.state().clone(), self.stepper.dissipation());
            self.observe(self.step_number(), t, &state, answer, dissipation, shared);
        }
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
    }

    /// Looks at the times inside the last step.
    fn interpolate(&mut self) {
        let end = self.stepper.t();
        let dues: Vec<Due> = self.dues_until(end).iter().filter(|due| due.t < end).cloned().collect();
        for due in dues {
            let mut state = self.spare.pop().unwrap_or_else(|| State::zeros(self.initial.shape()));
            let dissipation = self.stepper.interpolate(due.t, &mut state);
            if !due.pairs.is_empty() || due.cross_check {
                self.send(&due, due.t, Arc::new(state.clone()));
            }
            match due.record {
                true => self.pending.push(PendingSample { step: None, t: due.t, state, dissipation }),
                false => self.spare.push(state),
            }
        }
        self.pass_dues(end);
    }

    fn send(&mut self, due: &Due, t: f64, state: Arc<State>) {
        for &side in &due.pairs {
            self.outbox.push((side, Waiting { step: self.step_number(), t, state: state.clone() }));
        }
        if due.cross_check {
            self.points.at_recording_times.push((t, State::clone(&state)));
        }
    }

    /// After a failure the last finite point becomes a sample, unless it is one already.
    fn sample_last_point(&mut self) {
        let t = self.stepper.t();
        if self.started && !self.record.rows.iter().any(|row| row.t == t) {
            let (state, dissipation) = (self.stepper.state().clone(), self.stepper.dissipation());
            self.pending.push(PendingSample { step: self.step_number(), t, state, dissipation });
        }
    }

    fn observe(&mut self, step: Option<u64>, t: f64, state: &State, answer: &Answer, dissipation: f64, shared: &Shared<'_>) {
        let residual = shared.instance.target.as_ref().map(|target| &target.matrix - &answer.product);
        let sample = Sample { instance: shared.instance, t, state, answer, residual: residual.as_ref(), dissipation };
        let (values, spectrum) = self.observers.record(&sample);
        self.record.rows.push(Row { step, t, values });
        if let Some(values) = spectrum {
            self.record.spectrum.push(SpectrumRow { step, t, values });
        }
        if let Some(snapshots) = &mut self.record.snapshots {
            snapshots.push(t, state);
        }
    }

    /// The record with rows in the order of time.
    pub fn sorted_record(&self) -> TrajectoryRecord {
        let mut record = self.record.clone();
        record.rows.sort_by(|a, b| a.t.total_cmp(&b.t));
        record.spectrum.sort_by(|a, b| a.t.total_cmp(&b.t));
        if let Some(snapshots) = &mut record.snapshots {
            snapshots.sort();
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
        Ok(())
    }
}

impl Snapshots {
    fn push(&mut self, t: f64, state: &State) {
        self.t.push(t);
        self.f.push(state.left().to_matrix());
        self.g.push(state.right().to_matrix());
    }

    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.t.len()).collect();
        order.sort_by(|&a, &b| self.t[a].total_cmp(&self.t[b]));
        self.f = order.iter().map(|&i| self.f[i].clone()).collect();
        self.g = order.iter().map(|&i| self.g[i].clone()).collect();
        self.t = order.iter().map(|&i| self.t[i]).collect();
    }
}
