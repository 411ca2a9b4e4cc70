//! One trajectory in the lockstep: its stepper, the samples it takes, what it records.

use super::comparison::Waiting;
use super::pending::{GAUSS, Integral, Pending, Purpose};
use super::record::{Row, Snapshots, SpectrumRow, TrajectoryRecord};
use super::schedule::{Due, Schedule, Side};
use super::{Outcome, stop};
use crate::config::{Stop, TrajectorySpec};
use crate::dynamics::{Blocks, State, VectorField};
use crate::observe::{Motion, ObserveError, ObserverMemory, Observers, Sample};
use crate::problem::Instance;
use crate::sensing::{Answer, BATCH, Question};
use crate::stepper::{Failure, StepEvent, Stepper, StepperState};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// What all trajectories of a run share.
pub(super) struct Shared<'a> {
    pub instance: &'a Instance,
    /// `‖Y‖_F`, if the target is known.
    pub target_norm: Option<f64>,
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
    integral: Integral,
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
            integral: Integral::default(),
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
            self.look(&sample, answer, shared);
            self.spare.push(sample.state);
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
        record.counts = self.stepper.counts();
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
        let point = stop::Point { stepper, field, product: &field.answer(answer).product, target, out_of_time: shared.out_of_time };
        self.ending = stop::met(shared.stop, &point).or_else(|| self.stepper.finished().then_some(Outcome::Completed));
        let t = self.stepper.t();
        let due = self.dues_until(t).last().filter(|due| due.t == t).cloned();
        if due.as_ref().is_some_and(|due| due.record) || self.ending.is_some() {
            let answer = self.field.answer(answer).clone();
            self.look(&self.here(Purpose::Record), &answer, shared);
        }
        if self.observers.integrates()
            && self.ending.is_none()
            && let Some(step) = self.observers.motion().step()
        {
            // The step that begins here is known as a path, all of it.
            let answer = self.field.answer(answer).clone();
            self.look(&self.here(Purpose::Quadrature { end: t + step, weight: 1.0 }), &answer, shared);
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
        self.dues_until(t).iter().any(|due| due.t < t) || self.integrates_flow() && self.integral.until < t
    }

    fn integrates_flow(&self) -> bool {
        self.observers.integrates() && self.observers.motion() == Motion::Flow
    }

    /// What the field remembers, if somebody will look at what it imposes.
    fn field_memory(&self) -> Vec<f64> {
        if self.observers.looks_at_perturbation() { self.field.memory() } else { Vec::new() }
    }

    /// The point that was reached last.
    fn here(&self, purpose: Purpose) -> Pending {
        let (state, dissipation) = (self.stepper.state().clone(), self.stepper.dissipation());
        Pending { step: self.step_number(), t: self.stepper.t(), state, dissipation, memory: self.field_memory(), purpose }
    }

    /// A point inside the last step.
    fn inside(&mut self, t: f64, purpose: Purpose) -> Pending {
        let mut state = self.spare.pop().unwrap_or_else(|| State::zeros(self.initial.shape()));
        let dissipation = self.stepper.interpolate(t, &mut state);
        Pending { step: None, t, state, dissipation, memory: self.field_memory(), purpose }
    }

    /// Takes the nodes of the integral between the last recorded time (or step end) and `end`.
    fn integrate_until(&mut self, end: f64) {
        let begin = self.integral.until;
        if self.integrates_flow() && end > begin {
            for (node, weight) in GAUSS {
                let pending = self.inside(begin + node * (end - begin), Purpose::Quadrature { end, weight: weight * (end - begin) });
                self.pending.push(pending);
            }
            self.integral.until = end;
        }
    }

    /// Looks at the times inside the last step, until a batch of samples is pending; returns whether all are done.
    fn interpolate(&mut self) -> bool {
        let end = self.stepper.t();
        while let Some(due) = self.schedule.dues().get(self.next_due).filter(|due| due.t < end).cloned() {
            if self.pending.len() >= BATCH {
                return false;
            }
            self.next_due += 1;
            if due.record {
                self.integrate_until(due.t);
            }
            let sample = self.inside(due.t, Purpose::Record);
            if !due.pairs.is_empty() || due.cross_check {
                self.send(&due, due.t, Arc::new(sample.state.clone()));
            }
            match due.record {
                true => self.pending.push(sample),
                false => self.spare.push(sample.state),
            }
        }
        self.integrate_until(end);
        self.pass_dues(end);
        true
    }

    fn send(&mut self, due: &Due, t: f64, state: Arc<State>) {
        for look in &due.pairs {
            self.outbox.push((look.side, Waiting { step: self.step_number(), t: look.t, state: state.clone() }));
        }
        if due.cross_check {
            self.points.at_recording_times.push((t, State::clone(&state)));
        }
    }

    /// After a failure the last finite point becomes a sample, unless it is one already.
    fn sample_last_point(&mut self) {
        let t = self.stepper.t();
        if self.started && !self.record.rows.iter().any(|row| row.t == t) {
            self.pending.push(self.here(Purpose::Record));
        }
    }

    /// Looks at a point, with the operator's answer there.
    fn look(&mut self, point: &Pending, answer: &Answer, shared: &Shared<'_>) {
        let residual = shared.instance.target.as_ref().map(|target| &target.matrix - &answer.product);
        let imposed = self.imposed(point, answer);
        let Pending { step, t, ref state, dissipation, .. } = *point;
        let instance = shared.instance;
        let sample = Sample { instance, t, state, answer, residual: residual.as_ref(), dissipation, imposed: imposed.as_ref() };
        if let Purpose::Quadrature { end, weight } = point.purpose {
            self.integral.add(end, self.observers.integrand(&sample).map_or(f64::NAN, |value| weight * value));
            return;
        }
        let (values, spectrum) = self.observers.record(&sample);
        self.record.rows.push(Row { step, t, values });
        if let Some(values) = spectrum {
            self.record.spectrum.push(SpectrumRow { step, t, values });
        }
        if let Some(snapshots) = &mut self.record.snapshots {
            snapshots.push(t, state);
        }
    }

    /// What the field imposed at a point: the field has moved on since, and is taken back for a moment.
    fn imposed(&mut self, point: &Pending, answer: &Answer) -> Option<Blocks> {
        if point.memory.is_empty() {
            return None;
        }
        let now = self.field.memory();
        self.field.restore(&point.memory);
        let imposed = self.field.imposed(point.t, &point.state, answer);
        self.field.restore(&now);
        imposed
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
