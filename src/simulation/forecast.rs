//! How long a run will take: a rehearsal on this machine, and the model that carries it to the whole run.
//!
//! **The model.** A round of the lockstep applies the operator to the questions of the trajectories that take part in it, `j` of them, and lets each go on:
//!
//! `t(j) = t_A(j) + t_own max(j/threads, 1)`.
//!
//! A trajectory takes part in as many rounds as its field is evaluated for steps ([`foreseen_evaluations`]), `e_i`, and all end together, so that a run takes `R t(Σ_i e_i/R)` with
//! `R = max_i e_i` (where the longest is not known to be the longest, rounds are larger at first and smaller in the end: the same time but for what is not linear in `j`), and besides the drawing of the ensemble, what a sample costs, and a point in the batch for every evaluation of dense output
//! and every sample inside a flow's step, if the operator is asked there. Dense output that cannot share the rounds of the next step takes rounds of its own.
//!
//! **The rehearsal.** `t_A(j)` is the time of the operator itself, at one point, at as many as a round has, and at as many as there are trajectories, linear between. It is measured on
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
    /// One round, of as many trajectories as take part in it.
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
    let count = rehearsed.trajectories.len();
    let (rounds, dense) = rounds(&rehearsed, &instance);
    // Further points tell what a point costs in a batch, also where there is one trajectory.
    let mut sizes = [1, served(&rounds).ceil() as usize, count].map(|points| points.clamp(1, BATCH));
    sizes[2] = if count > 1 { sizes[2] } else { 4 };
    let thin = instance.operator.offers_products();
    let operator = Applications::of(&sizes, |points| application(&instance, &starts, points, thin));
    let (sample, asks) = sampling(&rehearsed, &instance, &starts)?;
    let round = rehearse(&rehearsed, &instance, starts)?;
    let model = Model { share, operator, own: 0.0, threads };
    let own = (round - model.operator.seconds(count as f64)).max(0.0) / model.waves(count as f64);
    let model = Model { own, ..model };
    let samples = recording_times(&experiment.record).len();
    let inside = rehearsed.trajectories.iter().filter(|spec| spec.method.step_size().is_none()).count();
    let times = if asks { samples * inside } else { 0 };
    Ok(Forecast {
        threads,
        drawing,
        rounds: model.rounds(&rounds),
        // Dense output and samples inside the steps of flows ride along as points of a batch.
        recording: samples as f64 * sample * count.div_ceil(threads) as f64
            + share * model.operator.point() * (dense as f64 + times as f64),
        application: share * model.operator.seconds(1.0),
        round: model.round(served(&rounds)),
        left_out,
    })
}

/// Points that a round has when all trajectories end together, given every trajectory's rounds.
fn served(rounds: &[u64]) -> f64 {
    let longest = rounds.iter().copied().max().unwrap_or(0).max(1);
    (rounds.iter().map(|rounds| *rounds as f64).sum::<f64>() / longest as f64).max(1.0)
}

/// Seconds of the operator's applications to some numbers of points, ascending.
#[derive(Clone, Debug)]
struct Applications(Vec<(usize, f64)>);

impl Applications {
    fn of(sizes: &[usize], mut seconds: impl FnMut(usize) -> f64) -> Self {
        let mut sizes = sizes.to_vec();
        sizes.sort_unstable();
        sizes.dedup();
        Applications(sizes.into_iter().map(|points| (points, seconds(points))).collect())
    }

    /// Of an application to so many points, in groups of at most [`BATCH`].
    fn seconds(&self, points: f64) -> f64 {
        let groups = (points / BATCH as f64).ceil().max(1.0);
        groups * self.group(points / groups)
    }

    fn group(&self, points: f64) -> f64 {
        let known = &self.0;
        let next = known.iter().position(|(size, _)| *size as f64 >= points).unwrap_or(known.len()).clamp(1, (known.len() - 1).max(1));
        match (known.get(next - 1), known.get(next)) {
            (Some((few, seconds)), Some((more, longer))) => {
                seconds + (longer - seconds) * (points - *few as f64) / (*more as f64 - *few as f64)
            }
            (only, _) => only.map_or(0.0, |(_, seconds)| *seconds),
        }
    }

    /// Each point more.
    fn point(&self) -> f64 {
        let (Some((few, seconds)), Some((more, longer))) = (self.0.first(), self.0.last()) else { return 0.0 };
        if more > few { ((longer - seconds) / (more - few) as f64).max(0.0) } else { 0.0 }
    }
}

/// Seconds of the operator and of everything else in a round.
#[derive(Clone, Debug)]
struct Model {
    /// How many times as many measurements the experiment has as the rehearsal.
    share: f64,
    /// In the rehearsal.
    operator: Applications,
    /// What a trajectory does with its answer, and its part of the driver.
    own: f64,
    threads: usize,
}

impl Model {
    /// Trajectories that a thread lets go on one after the other, of `j` in a round.
    fn waves(&self, j: f64) -> f64 {
        (j / self.threads as f64).max(1.0)
    }

    /// A round of the experiment with `j` trajectories.
    fn round(&self, j: f64) -> f64 {
        self.share * self.operator.seconds(j) + self.own * self.waves(j)
    }

    /// All rounds, given every trajectory's.
    fn rounds(&self, rounds: &[u64]) -> f64 {
        rounds.iter().copied().max().unwrap_or(0) as f64 * self.round(served(rounds))
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
    Simulation::new(&short, instance, starts)?.serving_everyone().run(&clock);
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

    fn model(share: f64, own: f64, threads: usize) -> Model {
        Model { share, operator: Applications::of(&[3, 1, 3, 32], |points| points as f64 + 2.0), own, threads }
    }

    #[test]
    fn all_trajectories_end_in_the_rounds_of_the_longest() {
        let model = model(2.0, 0.5, 2);
        // A hundred points in sixty rounds: 2 (5/3 + 2) a round, and one trajectory for each of two threads.
        let expected = 60.0 * (2.0 * (5.0 / 3.0 + 2.0) + 0.5);
        assert!((model.rounds(&[10, 60, 30]) - expected).abs() < 1e-12 * expected);
        assert_eq!(model.rounds(&[7; 6]), 7.0 * (2.0 * 8.0 + 1.5));
        assert_eq!(model.rounds(&[]), 0.0);
    }

    #[test]
    fn more_points_than_a_batch_go_in_groups() {
        let operator = model(1.0, 0.0, 1).operator;
        assert_eq!(operator.seconds(BATCH as f64), 34.0);
        assert_eq!(operator.seconds(BATCH as f64 + 2.0), 2.0 * 19.0);
        assert_eq!(operator.point(), 1.0);
    }

    #[test]
    fn between_sizes_that_were_measured_time_is_linear() {
        let operator = Applications::of(&[1, 4, 8], |points| if points == 4 { 2.0 } else { 1.0 });
        assert_eq!([1.0, 2.5, 4.0, 6.0, 8.0].map(|points| operator.seconds(points)), [1.0, 1.5, 2.0, 1.5, 1.0]);
        assert_eq!(Applications::of(&[1], |_| 3.0).seconds(5.0), 3.0);
    }
}
