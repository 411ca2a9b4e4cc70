//! Points on one instance in one lockstep. The bits of a trajectory do not depend on its company, so that equal trajectories run once.

use super::result::{TaskResult, trajectory_result};
use crate::config::{ComparisonSpec, Experiment, TrajectorySpec};
use crate::dynamics::State;
use crate::output::Digest;
use crate::problem::{BuiltProblem, initial_state};
use crate::simulation::{End, Monitor, RunRecord, Simulation};
use crate::theory::predicted_escape_time;

/// A task with its experiment.
pub(super) struct Point {
    pub index: usize,
    pub id: Digest,
    pub experiment: Experiment,
}

impl Point {
    /// Whether two points can share a lockstep: what a run keeps for all its trajectories is the same. Bounds are computed for a whole run.
    pub fn fits(&self, other: &Point) -> bool {
        let bounded = |point: &Point| {
            point.experiment.comparisons.iter().any(|pair| pair.bound) || point.experiment.trajectories.iter().any(|one| one.certify)
        };
        self.experiment.record == other.experiment.record
            && self.experiment.width == other.experiment.width
            && !bounded(self)
            && !bounded(other)
    }
}

/// What points in lockstep leave behind.
#[derive(Default)]
pub(super) struct BatchResult {
    pub results: Vec<TaskResult>,
    /// Applications of the operator.
    pub passes: u64,
    /// Questions that they answered.
    pub questions: u64,
}

/// Runs points that fit together; `None` if the monitor interrupted. A point that cannot be simulated fails by itself.
pub(super) fn run_batch(points: &[Point], built: &BuiltProblem, monitor: &dyn Monitor) -> Option<BatchResult> {
    match attempt(points, built, monitor) {
        Ok(done) => done,
        Err(reason) => match points {
            [only] => Some(BatchResult { results: vec![TaskResult::failed(only.id, reason)], ..BatchResult::default() }),
            _ => {
                let mut all = BatchResult::default();
                for point in points {
                    let one = run_batch(std::slice::from_ref(point), built, monitor)?;
                    all.results.extend(one.results);
                    (all.passes, all.questions) = (all.passes + one.passes, all.questions + one.questions);
                }
                Some(all)
            }
        },
    }
}

fn attempt(points: &[Point], built: &BuiltProblem, monitor: &dyn Monitor) -> Result<Option<BatchResult>, String> {
    let Some(merged) = Merged::new(points) else { return Ok(Some(BatchResult::default())) };
    let experiment = &merged.experiment;
    let start = |spec: &TrajectorySpec| initial_state(&spec.init, experiment.width, &built.instance, built.factors.as_ref());
    let starts: Vec<State> = experiment.trajectories.iter().map(start).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let escapes: Vec<Option<f64>> = experiment
        .trajectories
        .iter()
        .zip(&starts)
        .map(|(spec, start)| {
            let target = built.instance.target.as_ref()?;
            predicted_escape_time(target, start, spec.method.step_size()).filter(|t| t.is_finite())
        })
        .collect();
    let mut simulation = Simulation::new(experiment, &built.instance, starts).map_err(|error| error.to_string())?;
    if let End::Interrupted(_) = simulation.run(monitor) {
        return Ok(None);
    }
    let record = simulation.record();
    let results = points.iter().zip(&merged.places).map(|(point, places)| split(point, places, &merged, &record, &escapes, built));
    let (passes, questions) = simulation.passes();
    Ok(Some(BatchResult { results: results.collect(), passes, questions }))
}

/// Several experiments as one.
struct Merged {
    experiment: Experiment,
    /// For every point, which trajectory of the whole each of its own is.
    places: Vec<Vec<usize>>,
}

impl Merged {
    fn new(points: &[Point]) -> Option<Self> {
        let mut experiment = points.first()?.experiment.clone();
        if let [_] = points {
            let places = vec![(0..experiment.trajectories.len()).collect()];
            return Some(Merged { experiment, places });
        }
        let mut specs: Vec<TrajectorySpec> = Vec::new();
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        let mut places = Vec::with_capacity(points.len());
        for point in points {
            let mut mine = Vec::new();
            for spec in &point.experiment.trajectories {
                let anonymous = TrajectorySpec { name: String::new(), family: String::new(), ..spec.clone() };
                // Equal trajectories of one point stay apart: they may be compared with each other.
                let known = specs.iter().enumerate().position(|(place, spec)| *spec == anonymous && !mine.contains(&place));
                mine.push(known.unwrap_or(specs.len()));
                if known.is_none() {
                    specs.push(anonymous);
                }
            }
            let place = |name: &str| Some(mine[point.experiment.trajectories.iter().position(|spec| spec.name == name)?]);
            for pair in &point.experiment.comparisons {
                for other in &pair.against {
                    let both = (place(&pair.reference)?, place(other)?);
                    if !pairs.contains(&both) {
                        pairs.push(both);
                    }
                }
            }
            places.push(mine);
        }
        for (number, spec) in specs.iter_mut().enumerate() {
            spec.name = number.to_string();
            spec.family.clone_from(&spec.name);
        }
        let pair = |(reference, other): (usize, usize)| ComparisonSpec {
            reference: reference.to_string(),
            against: vec![other.to_string()],
            bound: false,
        };
        experiment.trajectories = specs;
        experiment.comparisons = pairs.into_iter().map(pair).collect();
        Some(Merged { experiment, places })
    }
}

fn split(
    point: &Point,
    places: &[usize],
    merged: &Merged,
    record: &RunRecord,
    escapes: &[Option<f64>],
    built: &BuiltProblem,
) -> TaskResult {
    let specs = &point.experiment.trajectories;
    let recorded = |name: &str| {
        let place = places.get(specs.iter().position(|spec| spec.name == name)?)?;
        merged.experiment.trajectories.get(*place).map(|spec| spec.name.clone())
    };
    let trajectories = places.iter().enumerate().filter_map(|(index, &place)| {
        let escape = escapes.get(place).copied().flatten();
        trajectory_result(&point.experiment, index, &built.instance, record, &recorded, escape)
    });
    TaskResult { id: point.id, failure: None, columns: record.columns.clone(), trajectories: trajectories.collect() }
}
