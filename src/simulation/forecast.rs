//! How long a run will take: a rehearsal on this machine, and the model that carries it to the whole run.
//!
//! **The model.** A round of the lockstep applies the operator to the questions of all trajectories that are under way, `j` of them, and lets each go on:
//!
//! `t(j) = t_A(j) + t_own ⌈j/threads⌉`.
//!
//! A trajectory takes as many rounds as its field is evaluated for steps ([`foreseen_evaluations`]), so that a run takes `Σ_j (e_j − e_{j+1}) t(j)` with the
//! rounds `e_1 ≥ e_2 ≥ …`, and besides the drawing of the ensemble, what a sample costs, and a point in the batch for every evaluation of dense output
//! and every sample inside a flow's step, if the operator is asked there. Dense output that cannot share the rounds of the next step takes rounds of its own.
//!
//! **The rehearsal.** `t_A(j)` is the time of the operator itself, at one point and at as many as there are trajectories, linear between. It is measured on
//! an ensemble of the same kind and shape with fewer measurements where the whole one exceeds [`REHEARSED_BYTES`], in proportion to `p`: an application
//! to a dense ensemble reads `p·mn` entries and makes `4p·mn` operations a point, so that both of its limits, memory and arithmetic, are met at the same ratio.
//! `t_own` is what the driver's first rounds take beyond the operator.

use super::surrogate::trails;
use super::{Monitor, Simulation, SimulationError, foreseen_evaluations, recording_times};
use crate::config::{Ensemble, Experiment, Measurements, Method, Problem, SensingSpec};
use crate::dynamics::State;
use crate::linalg::Matrix;
use crate::observe::{Motion, Observers, Sample};
use crate::problem::{InitialFactors, Instance, ProblemError, build_instance, build_operator, build_target, footprint, initial_state};
use crate::sensing::{Answer, BATCH, Question, SensingOperator, Want};
use std::sync::Mutex;
use std::time::Instant;

/// Bytes of the largest ensemble that is drawn for a rehearsal: more than caches hold.
pub const REHEARSED_BYTES: u64 = 96 << 20;
/// Rounds of the lockstep that are rehearsed, and the seconds after which they stop.
const ROUNDS: u64 = 24;
const SECONDS: f64 = 0.3;
/// Applications that are timed, at least, and for how long.
const APPLICATIONS: usize = 5;
const APPLICATION_SECONDS: f64 = 0.06;

/// Seconds of the parts of a run, and what they are made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Threads that it holds for.
    pub threads: usize,
    /// To draw the ensemble and measure the target.
    pub drawing: f64,
    /// Of all rounds.
    pub rounds: f64,
    /// Of what is recorded.
    pub recording: f64,
    /// One application of the whole operator to one point.
    pub application: f64,
    /// One round with all trajectories.
    pub round: f64,
    /// Trajectories whose steps look at data of their own, which no part of this counts.
    pub left_out: usize,
}

impl Forecast {
    /// Of the whole run.
    pub fn total(&self) -> f64 {
        self.drawing + self.rounds + self.recording
    }
}

/// A forecast that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ForecastError {
    /// The problem cannot be built.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// The experiment cannot be simulated.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
}

/// Rehearses an experiment on the current rayon pool, within a second or so and about [`REHEARSED_BYTES`] of memory.
///
/// # Errors
/// An experiment that cannot be built or simulated.
pub fn forecast(experiment: &Experiment) -> Result<Forecast, ForecastError> {
    let begin = Instant::now();
    let (instance, factors, share) = rehearsal_instance(experiment)?;
    let drawing = begin.elapsed().as_secs_f64() * share;
    let start = |init| initial_state(init, experiment.width, &instance, factors.as_ref());
    let joins = |method: &Method| !method.has_own_data();
    let mut rehearsed = experiment.clone();
    rehearsed.trajectories.retain(|spec| joins(&spec.method));
    rehearsed.trajectories.iter_mut().for_each(|spec| (spec.cross_check, spec.certify) = (None, false));
    rehearsed.comparisons.clear();
    let starts = rehearsed.trajectories.iter().map(|spec| start(&spec.init)).collect::<Result<Vec<State>, _>>()?;
    let threads = rayon::current_num_threads();
    let left_out = experiment.trajectories.len() - starts.len();
    if starts.is_empty() {
        return Ok(Forecast { threads, drawing, rounds: 0.0, recording: 0.0, application: 0.0, round: 0.0, left_out });
    }
    let batch = starts.len().min(BATCH);
    let thin = instance.operator.offers_products();
    let one = application(&instance, &starts[..1], 1, thin);
    // Further points tell what a point costs in a batch, also where there is one trajectory.
    let points = if batch > 1 { batch } else { 4 };
    let point = ((application(&instance, &starts, points, thin) - one) / (points - 1) as f64).max(0.0);
    let (sample, asks) = sampling(&rehearsed, &instance, &starts)?;
    let round = rehearse(&rehearsed, &instance, starts)?;
    let model = Model { share, one, point, own: 0.0, threads };
    let count = rehearsed.trajectories.len();
    let own = (round - model.operator(count)).max(0.0) / count.div_ceil(threads) as f64;
    let model = Model { own, ..model };
    let samples = recording_times(&experiment.record).len();
    let inside = rehearsed.trajectories.iter().filter(|spec| spec.method.step_size().is_none()).count();
    let times = if asks { samples * inside } else { 0 };
    let (mut rounds, dense) = rounds(&rehearsed, &instance);
    Ok(Forecast {
        threads,
        drawing,
        rounds: model.rounds(&mut rounds),
        // Dense output and samples inside the steps of flows ride along as points of a batch.
        recording: samples as f64 * sample * count.div_ceil(threads) as f64 + share * point * (dense as f64 + times as f64),
        application: share * one,
        round: model.round(count),
        left_out,
    })
}

/// Seconds of the operator and of everything else in a round.
#[derive(Clone, Copy, Debug)]
struct Model {
    /// How many times as many measurements the experiment has as the rehearsal.
    share: f64,
    /// An application to one point in the rehearsal, and each further point.
    one: f64,
    point: f64,
    /// What a trajectory does with its answer, and its part of the driver.
    own: f64,
    threads: usize,
}

impl Model {
    /// An application to `j` points in the rehearsal: groups of a whole batch, and the rest.
    fn operator(&self, j: usize) -> f64 {
        let group = |j: usize| if j == 0 { 0.0 } else { self.one + self.point * (j - 1) as f64 };
        (j / BATCH) as f64 * group(BATCH) + group(j % BATCH)
    }

    /// A round of the experiment with `j` trajectories.
    fn round(&self, j: usize) -> f64 {
        self.share * self.operator(j) + self.own * j.div_ceil(self.threads) as f64
    }

    /// All rounds, given every trajectory's.
    fn rounds(&self, rounds: &mut [u64]) -> f64 {
        rounds.sort_unstable_by(|a, b| b.cmp(a));
        let next = rounds.iter().skip(1).chain(&[0]);
        rounds.iter().zip(next).enumerate().map(|(j, (e, next))| (e - next) as f64 * self.round(j + 1)).sum()
    }
}

/// Of every trajectory, and the evaluations for dense output that share them.
fn rounds(experiment: &Experiment, instance: &Instance) -> (Vec<u64>, u64) {
    let largest = instance.target.as_ref().and_then(|target| target.values.first().copied()).unwrap_or(1.0);
    let foreseen = foreseen_evaluations(experiment, largest);
    let of_each = || foreseen.iter().zip(&experiment.trajectories).map(|(of, spec)| (of, trails(&spec.method)));
    let rounds = of_each().map(|(of, trails)| if trails { of.stepping } else { of.stepping + of.dense });
    (rounds.collect(), of_each().filter(|(_, trails)| *trails).map(|(of, _)| of.dense).sum())
}

type Rehearsal = (Instance, Option<InitialFactors>, f64);

/// An instance like the experiment's, and how many times as many measurements that has.
fn rehearsal_instance(experiment: &Experiment) -> Result<Rehearsal, ProblemError> {
    let Problem::Generated { target, sensing } = &experiment.problem else {
        let built = build_instance(experiment)?;
        return Ok((built.instance, built.factors, 1.0));
    };
    let target = build_target(target)?;
    let ((rows, cols), rank) = (target.matrix.shape(), target.rank());
    let whole = footprint(sensing, experiment.factorization, rows, cols, rank, 0)?;
    let part = (whole.measurements as u64 * REHEARSED_BYTES / whole.storage.max(1)).max(64) as usize;
    let fewer = if whole.storage > REHEARSED_BYTES { part.min(whole.measurements) } else { whole.measurements };
    let reduced = SensingSpec { ensemble: with_measurements(sensing.ensemble, fewer), ..*sensing };
    let operator = build_operator(&reduced, experiment.factorization, rows, cols, rank)?;
    let data = operator.measure(&target.matrix);
    let noise_adjoint = Some(Matrix::zeros(rows, cols));
    let share = whole.measurements as f64 / operator.measurements() as f64;
    Ok((Instance { target: Some(target), operator, data, noise_adjoint }, None, share))
}

fn with_measurements(ensemble: Ensemble, count: usize) -> Ensemble {
    let measurements = Measurements::Count(count);
    match ensemble {
        Ensemble::Gaussian { storage, .. } => Ensemble::Gaussian { measurements, storage },
        Ensemble::Rademacher { .. } => Ensemble::Rademacher { measurements },
        Ensemble::RankOne { .. } => Ensemble::RankOne { measurements },
        // Their cost hardly depends on it, and they are small.
        other => other,
    }
}

/// Seconds of one application to `count` points, those of `starts` in turn: the median of a few.
fn application(instance: &Instance, starts: &[State], count: usize, thin: bool) -> f64 {
    let operator: &dyn SensingOperator = instance.operator.as_ref();
    let (rows, cols) = operator.shape();
    let want = if thin { Want::Products } else { Want::Matrix };
    let points = starts.iter().cycle().take(count);
    let questions: Vec<_> = points.map(|state| Question { want, ..Question::residual(state.left(), state.right()) }).collect();
    let mut answers = vec![Answer::new(rows, cols); count];
    let mut work = operator.workspace();
    operator.answer(&instance.data, &questions, &mut answers, &mut work);
    let (begin, mut times) = (Instant::now(), Vec::new());
    while times.len() < APPLICATIONS || begin.elapsed().as_secs_f64() < APPLICATION_SECONDS {
        let begin = Instant::now();
        operator.answer(&instance.data, &questions, &mut answers, &mut work);
        times.push(begin.elapsed().as_secs_f64());
    }
    median(times)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

/// Notes when each round ends.
#[derive(Default)]
struct Clock(Mutex<Vec<Instant>>);

impl Monitor for Clock {
    fn progress(&self, _fraction: f64, _unfinished: usize) {
        if let Ok(mut times) = self.0.lock() {
            times.push(Instant::now());
        }
    }
}

/// Seconds of a round of the driver with all trajectories: the median of the first ones, in which nothing but the beginning is recorded.
fn rehearse(experiment: &Experiment, instance: &Instance, starts: Vec<State>) -> Result<f64, SimulationError> {
    let mut short = experiment.clone();
    (short.record.samples, short.record.snapshots, short.record.singular_vectors) = (2, false, 0);
    short.record.observables = Vec::new();
    (short.record.stop.evaluations, short.record.stop.wall_seconds) = (Some(ROUNDS), Some(SECONDS));
    let clock = Clock::default();
    Simulation::new(&short, instance, starts)?.run(&clock);
    let times = clock.0.into_inner().unwrap_or_default();
    let rounds: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).take(ROUNDS as usize - 2).collect();
    Ok(median(rounds))
}

/// Seconds of what a sample's columns take, the mean over a few trajectories, and whether they need the operator's answer.
fn sampling(experiment: &Experiment, instance: &Instance, starts: &[State]) -> Result<(f64, bool), SimulationError> {
    let (rows, cols) = instance.operator.shape();
    let (mut answer, mut work) = ([Answer::new(rows, cols)], instance.operator.workspace());
    let (mut total, mut asks) = (0.0, false);
    let looked: Vec<_> = experiment.trajectories.iter().zip(starts).take(4).collect();
    for (spec, state) in &looked {
        let mut observers = Observers::with_motion(&experiment.record.observables, instance, state, Motion::of(&spec.method))?;
        asks |= observers.needs_answer();
        instance.operator.answer(&instance.data, &[Question::residual(state.left(), state.right())], &mut answer, &mut work);
        let residual = instance.target.as_ref().map(|target| &target.matrix - &answer[0].product);
        let (residual, answer, dissipation) = (residual.as_ref(), &answer[0], 0.0);
        let sample = Sample { instance, t: 0.0, state, answer, residual, dissipation, imposed: None, drive: None };
        let mut times = Vec::new();
        for _ in 0..3 {
            let begin = Instant::now();
            std::hint::black_box(observers.record(&sample));
            times.push(begin.elapsed().as_secs_f64());
        }
        total += median(times);
    }
    Ok((total / looked.len().max(1) as f64, asks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_those_of_the_trajectories_that_are_under_way() {
        let model = Model { share: 2.0, one: 3.0, point: 1.0, own: 0.5, threads: 2 };
        // Ten rounds with three trajectories, twenty with two, thirty with one.
        let expected = 10.0 * (2.0 * 5.0 + 1.0) + 20.0 * (2.0 * 4.0 + 0.5) + 30.0 * (2.0 * 3.0 + 0.5);
        assert_eq!(model.rounds(&mut [10, 60, 30]), expected);
        assert_eq!(model.rounds(&mut []), 0.0);
    }

    #[test]
    fn more_points_than_a_batch_go_in_groups() {
        let model = Model { share: 1.0, one: 3.0, point: 1.0, own: 0.0, threads: 1 };
        assert_eq!(model.operator(BATCH), 3.0 + 31.0);
        assert_eq!(model.operator(BATCH + 2), 34.0 + 4.0);
    }
}
