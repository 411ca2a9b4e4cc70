//! The lockstep: gathers the questions of all trajectories that take part in a round, answers them with one application, hands the answers back.

use super::assembly::{schedules, trajectory};
use super::attendants::Attendants;
use super::comparison::Pair;
use super::deviation::{bound_rows, error_bound};
use super::error::SimulationError;
use super::record::{ComparisonRow, RunRecord};
use super::trajectory::{SavedTrajectory, Shared, Trajectory};
use super::turns::{Standing, Turns};
use super::{Outcome, cross_check};
use crate::config::Experiment;
use crate::dynamics::State;
use crate::linalg::{Lanczos, Matrix, frobenius};
use crate::problem::Instance;
use crate::sensing::{Answer, BATCH, Question, Workspace, normal_operator_norm};
use arrayvec::ArrayVec;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;
use std::time::Instant;

/// What watches over a run, from outside.
pub trait Monitor: Sync {
    /// Whether the run is to stop as soon as all trajectories stand at a point between steps.
    fn interrupted(&self) -> bool {
        false
    }

    /// Whether the state of the run is wanted now ([`Monitor::checkpoint`] follows).
    fn wants_checkpoint(&self) -> bool {
        false
    }

    /// Takes the state of the run.
    fn checkpoint(&self, _saved: SavedRun) {}

    /// How far the run is: the flow time that the slowest unfinished trajectory has reached, as a fraction of the horizon, and
    /// how many trajectories are unfinished.
    fn progress(&self, _fraction: f64, _unfinished: usize) {}
}

/// A monitor that lets everything run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unattended;

impl Monitor for Unattended {}

/// How a run ended as a whole.
#[derive(Clone, Debug)]
pub enum End {
    /// Every trajectory ended by itself.
    Finished,
    /// The monitor stopped it; this is what it goes on from.
    Interrupted(Box<SavedRun>),
}

/// Everything that a run needs to go on with the same bits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedRun {
    fingerprint: u64,
    trajectories: Vec<SavedTrajectory>,
    pairs: Vec<Pair>,
    seconds: f64,
    ended_after: Vec<Option<f64>>,
}

/// Trajectories on one instance, advanced together.
pub struct Simulation<'a> {
    experiment: &'a Experiment,
    instance: &'a Instance,
    trajectories: Vec<Trajectory>,
    pairs: Vec<Pair>,
    turns: Turns,
    /// Whether all trajectories take part in every round.
    everyone: bool,
    answers: Vec<Answer>,
    work: Workspace,
    target_norm: Option<f64>,
    data_norm: f64,
    /// Of the data and the initial states: what a saved run must agree with.
    fingerprint: u64,
    /// For each trajectory, when it ended.
    ended_after: Vec<Option<f64>>,
    seconds_before: f64,
    started: Instant,
    normal_norm: OnceLock<f64>,
    passes: u64,
    answered: u64,
}

impl<'a> Simulation<'a> {
    /// Sets up the trajectories of an experiment; `initial[i]` starts trajectory `i`.
    ///
    /// # Errors
    /// If an observable or a stop rule cannot be evaluated on this instance.
    pub fn new(experiment: &'a Experiment, instance: &'a Instance, initial: Vec<State>) -> Result<Self, SimulationError> {
        let specs = &experiment.trajectories;
        if initial.len() != specs.len() {
            return Err(SimulationError::InitialStates { states: initial.len(), trajectories: specs.len() });
        }
        if experiment.record.stop.relative_error.is_some() && instance.target.is_none() {
            return Err(SimulationError::NoTarget);
        }
        let fingerprint = fingerprint(instance, &initial);
        let (pairs, mut schedules) = schedules(experiment);
        let mut trajectories = Vec::with_capacity(specs.len());
        for (spec, state) in specs.iter().zip(initial).rev() {
            let schedule = schedules.pop().unwrap_or_default();
            trajectories.push(trajectory(experiment, instance, spec, state, schedule)?);
        }
        trajectories.reverse();
        Ok(Simulation {
            experiment,
            instance,
            trajectories,
            pairs,
            everyone: false,
            turns: Turns::new(specs.iter().map(|spec| &spec.method), &experiment.record),
            answers: vec![],
            work: instance.operator.workspace(),
            target_norm: instance.target.as_ref().map(|target| frobenius(&target.matrix)),
            data_norm: frobenius(&Matrix::from_column_slice(instance.data.len(), 1, &instance.data)),
            fingerprint,
            ended_after: vec![None; specs.len()],
            seconds_before: 0.0,
            started: Instant::now(),
            normal_norm: OnceLock::new(),
            passes: 0,
            answered: 0,
        })
    }

    /// The same, serving all trajectories in every round as long as they last: those of different lengths no longer end together, and the
    /// last passes serve few points. The numbers are the same.
    pub fn serving_everyone(self) -> Self {
        Simulation { everyone: true, ..self }
    }

    /// Goes back to where a run was interrupted.
    ///
    /// # Errors
    /// If the saved run has another number of trajectories, or belongs to other data or other initial states.
    pub fn restore(&mut self, saved: SavedRun) -> Result<(), SimulationError> {
        if saved.trajectories.len() != self.trajectories.len() || saved.pairs.len() != self.pairs.len() {
            return Err(SimulationError::OtherExperiment { saved: saved.trajectories.len(), expected: self.trajectories.len() });
        }
        if saved.fingerprint != self.fingerprint {
            return Err(SimulationError::OtherInstance);
        }
        for (trajectory, saved) in self.trajectories.iter_mut().zip(saved.trajectories) {
            trajectory.restore(saved)?;
        }
        self.pairs = saved.pairs;
        self.seconds_before = saved.seconds;
        self.ended_after = saved.ended_after;
        Ok(())
    }

    /// Runs to the end, or until the monitor interrupts; then the cross-checks.
    pub fn run(&mut self, monitor: &dyn Monitor) -> End {
        let mut hold = false;
        let attendants = Attendants::new();
        loop {
            attendants.call();
            hold |= monitor.interrupted() || monitor.wants_checkpoint();
            self.advance(hold);
            if hold && self.trajectories.iter().all(Trajectory::at_rest) {
                if monitor.interrupted() && !self.trajectories.iter().all(Trajectory::ended) {
                    return End::Interrupted(Box::new(self.save()));
                }
                if monitor.wants_checkpoint() {
                    monitor.checkpoint(self.save());
                }
                hold = false;
                if !self.trajectories.iter().all(Trajectory::ended) {
                    continue;
                }
            }
            let total = self.number_questions(hold);
            if total == 0 && !hold && self.trajectories.iter().all(Trajectory::ended) {
                break;
            }
            self.answer(total);
            self.report(monitor);
        }
        self.cross_check(monitor)
    }

    /// Numbers the questions of this round through all trajectories that take part in it; returns how many there are.
    fn number_questions(&mut self, hold: bool) -> usize {
        let (horizon, stop) = (self.experiment.record.horizon, &self.experiment.record.stop);
        let trajectories = &self.trajectories;
        let standing = |index: usize| {
            let trajectory: &Trajectory = &trajectories[index];
            let allowed = stop.evaluations.map_or(f64::INFINITY, |limit| limit.saturating_sub(trajectory.evaluations()) as f64);
            Standing { asks: trajectory.question_count() > 0, part: trajectory.t() / horizon, allowed }
        };
        // Within a limit of time as many are to be done as can be.
        self.turns.choose(hold || self.everyone || stop.wall_seconds.is_some(), standing);
        let mut total = 0;
        for (index, trajectory) in self.trajectories.iter_mut().enumerate() {
            let first = total;
            total += if self.turns.waits(index) { 0 } else { trajectory.question_count() };
            trajectory.questions = first..total;
        }
        total
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }

    /// Hands out the answers and lets every trajectory go on until it has questions again.
    fn advance(&mut self, hold: bool) {
        let out_of_time = self.experiment.record.stop.wall_seconds.is_some_and(|limit| self.seconds() >= limit);
        let stop = &self.experiment.record.stop;
        let (target_norm, data_norm) = (self.target_norm, self.data_norm);
        let shared = Shared { instance: self.instance, target_norm, data_norm, stop, out_of_time, hold };
        let (answers, turns) = (self.answers.as_slice(), &self.turns);
        let takes_part = |(index, trajectory)| (!turns.waits(index)).then_some(trajectory);
        self.trajectories.par_iter_mut().enumerate().with_max_len(1).filter_map(takes_part).for_each(|trajectory: &mut Trajectory| {
            let mine = std::mem::take(&mut trajectory.questions);
            trajectory.advance(answers.get(mine).unwrap_or(&[]), &shared);
        });
        let seconds = self.seconds();
        for (trajectory, ended_after) in self.trajectories.iter_mut().zip(&mut self.ended_after) {
            if trajectory.ended() {
                ended_after.get_or_insert(seconds);
            }
            for (side, waiting) in trajectory.outbox.drain(..) {
                self.pairs[side.pair].take(side.reference, waiting);
            }
        }
    }

    /// Answers all questions, in equal groups of at most [`BATCH`]: a full one and a rest of one would take longer.
    fn answer(&mut self, total: usize) {
        let (rows, cols) = self.instance.operator.shape();
        let groups = total.div_ceil(BATCH).max(1);
        let size = total.div_ceil(groups);
        self.passes += total.div_ceil(size.max(1)) as u64;
        self.answered += total as u64;
        while self.answers.len() < total {
            self.answers.push(Answer::new(rows, cols));
        }
        let mut group = ArrayVec::<Question<'_>, BATCH>::new();
        let mut answers = self.answers.as_mut_slice();
        let questions = self.trajectories.iter().flat_map(|trajectory| (0..trajectory.questions.len()).map(|i| trajectory.question(i)));
        for (index, question) in questions.enumerate() {
            group.push(question);
            if group.len() == size || index + 1 == total {
                let (now, later) = answers.split_at_mut(group.len());
                self.instance.operator.answer(&self.instance.data, &group, now, &mut self.work);
                answers = later;
                group.clear();
            }
        }
    }

    fn report(&self, monitor: &dyn Monitor) {
        let unfinished = self.trajectories.iter().filter(|t| !t.ended());
        let (slowest, count) = unfinished.fold((f64::INFINITY, 0), |(t, count), trajectory| (trajectory.t().min(t), count + 1));
        monitor.progress((slowest / self.experiment.record.horizon).min(1.0), count);
    }

    /// Integrates again, by `ode_solvers`, the flows that ask for it.
    fn cross_check(&mut self, monitor: &dyn Monitor) -> End {
        for index in 0..self.trajectories.len() {
            let trajectory = &self.trajectories[index];
            let (Some(tolerance), None) = (trajectory.spec.cross_check, trajectory.record.cross_check) else { continue };
            if trajectory.points.at_step_ends.is_empty() {
                continue;
            }
            match cross_check::run(self.instance, trajectory, self.experiment.record.horizon, tolerance, monitor) {
                Some(result) => self.trajectories[index].record.cross_check = Some(result),
                None => return End::Interrupted(Box::new(self.save())),
            }
        }
        End::Finished
    }

    fn save(&self) -> SavedRun {
        SavedRun {
            fingerprint: self.fingerprint,
            trajectories: self.trajectories.iter().map(Trajectory::save).collect(),
            pairs: self.pairs.clone(),
            seconds: self.seconds(),
            ended_after: self.ended_after.clone(),
        }
    }

    /// Applications of the operator to batches of questions, since this simulation was set up, and the questions that they answered. What steps with
    /// data of their own, cross-checks and norms of the operator take comes on top.
    pub fn passes(&self) -> (u64, u64) {
        (self.passes, self.answered)
    }

    /// For each trajectory the wall-clock seconds from the run's beginning to its end (trajectories in lockstep share their passes), if it
    /// has ended.
    pub fn seconds_to_end(&self) -> &[Option<f64>] {
        &self.ended_after
    }

    /// What has been recorded so far; trajectories that have not ended count as interrupted.
    pub fn record(&self) -> RunRecord {
        let trajectories = self.trajectories.iter().map(|trajectory| {
            let mut record = trajectory.sorted_record();
            record.outcome = record.outcome.or(Some(Outcome::Interrupted { t: trajectory.t() }));
            if trajectory.spec.certify {
                record.error_bound = error_bound(&trajectory.curvature, &trajectory.defects, self.normal_norm());
            }
            record
        });
        RunRecord {
            columns: self.experiment.record.observables.clone(),
            trajectories: trajectories.collect(),
            comparison: self.comparison(),
            bounded: self.experiment.comparisons.iter().any(|comparison| comparison.bound),
        }
    }

    /// The rows of all pairs, with their bounds.
    fn comparison(&self) -> Vec<ComparisonRow> {
        let specs = self.experiment.comparisons.iter();
        let specs = specs.flat_map(|spec| spec.against.iter().map(move |other| (spec.reference.as_str(), other.as_str(), spec.bound)));
        let mut all = Vec::new();
        for (pair, (reference, other, bound)) in self.pairs.iter().zip(specs) {
            let mut rows = pair.sorted_rows();
            let find = |name: &str| self.trajectories.iter().find(|trajectory| trajectory.spec.name == name);
            if let (true, Some(reference), Some(other)) = (bound, find(reference), find(other)) {
                bound_rows(&mut rows, &reference.curvature, &other.defects, self.normal_norm());
            }
            all.extend(rows);
        }
        all
    }

    /// `‖A*A‖` from above, up to what a converged iteration leaves; computed when it is first asked for. NaN if it cannot be had.
    fn normal_norm(&self) -> f64 {
        *self.normal_norm.get_or_init(|| {
            let norm = normal_operator_norm(self.instance.operator.as_ref(), Lanczos::TOLERANCE, 0);
            norm.map_or(f64::NAN, |norm| norm.value + norm.residual)
        })
    }
}

/// The 64-bit FNV-1a hash of the bits of `y` and of all initial states.
fn fingerprint(instance: &Instance, initial: &[State]) -> u64 {
    let numbers = instance.data.iter().chain(initial.iter().flat_map(|state| state.as_slice()));
    numbers.flat_map(|x| x.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
