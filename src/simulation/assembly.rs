//! From an experiment's description to its trajectories, pairs and schedules.

use super::SimulationError;
use super::comparison::Pair;
use super::deviation::Measures;
use super::field::{FieldError, field};
use super::record::{SingularVectors, Snapshots, TrajectoryRecord};
use super::schedule::{Schedule, Side, end_time, own_times, recording_times};
use super::trajectory::Trajectory;
use crate::config::{Experiment, Method, Trace, TrajectorySpec};
use crate::dynamics::State;
use crate::observe::{Motion, Observers};
use crate::problem::Instance;
use crate::stepper::{self, Discrete, QuadraticNetwork, Stepper};
use crate::theory::ClosedForm;

/// Recording times that the cross-check compares at, at most.
const CROSS_CHECK_TIMES: usize = 20;

/// The pairs of all comparisons, and when each trajectory is looked at.
pub(super) fn schedules(experiment: &Experiment) -> (Vec<Pair>, Vec<Schedule>) {
    let times = recording_times(&experiment.record);
    let specs = &experiment.trajectories;
    let own: Vec<Vec<f64>> = specs.iter().map(|spec| own_times(&spec.method, &experiment.record, &times)).collect();
    let cross_checks = |spec: &TrajectorySpec| if spec.cross_check.is_some() { CROSS_CHECK_TIMES } else { 0 };
    let mut schedules: Vec<Schedule> = specs.iter().zip(&own).map(|(spec, own)| Schedule::new(own, cross_checks(spec))).collect();
    let mut pairs = Vec::new();
    let position = |name: &str| specs.iter().position(|spec| spec.name == name);
    for comparison in &experiment.comparisons {
        for other in &comparison.against {
            let (Some(a), Some(b)) = (position(&comparison.reference), position(other)) else { continue };
            let pair = pairs.len();
            pairs.push(Pair::new(&comparison.reference, other));
            schedules[a].add(&own[b], Side { pair, reference: true }, end_time(&specs[a].method, experiment.record.horizon));
            schedules[b].add(&own[b], Side { pair, reference: false }, f64::INFINITY);
        }
    }
    (pairs, schedules)
}

/// A trajectory at its beginning.
pub(super) fn trajectory(
    experiment: &Experiment,
    instance: &Instance,
    spec: &TrajectorySpec,
    initial: State,
    schedule: Schedule,
) -> Result<Trajectory, SimulationError> {
    let record = &experiment.record;
    let observers = Observers::with_motion(&record.observables, instance, &initial, Motion::of(&spec.method))?;
    let thin = instance.operator.offers_products() && !observers.follows_steps();
    let field = field(&spec.method, instance, initial.shape(), record.horizon, thin)
        .map_err(|source| SimulationError::Field { trajectory: spec.name.clone(), source })?;
    let exact_times = record.exact_times.then(|| schedule.dues().iter().filter(|due| due.record).map(|due| due.t).collect());
    let stepper = match spec.method {
        Method::ClosedForm => closed_form(instance, spec, &initial, &schedule)?,
        Method::QuadraticNetwork { step, trace, .. } => {
            let trace = output_trace(instance, trace).map_err(|source| SimulationError::Field { trajectory: spec.name.clone(), source })?;
            Box::new(Discrete::new(QuadraticNetwork { trace }, step, initial.clone(), record.horizon))
        }
        _ => stepper::build(&spec.method, initial.clone(), record.horizon, exact_times),
    };
    let result = TrajectoryRecord {
        name: spec.name.clone(),
        family: spec.family.clone(),
        method: stepper::method_name(&spec.method).into(),
        step_size: spec.method.step_size(),
        modified_step: spec.method.modified_step(),
        init: format!("{:?}", spec.init),
        rows: vec![],
        spectrum: vec![],
        snapshots: record.snapshots.then(Snapshots::default),
        vectors: (record.singular_vectors > 0).then(|| SingularVectors::new(record.singular_vectors)),
        outcome: None,
        t: 0.0,
        steps: 0,
        counts: stepper::Counts::default(),
        switches: vec![],
        operator_passes: 0,
        cross_check: None,
        error_bound: None,
        warnings: vec![],
    };
    let trajectory = Trajectory::new(spec.clone(), result, initial, field, stepper, observers, schedule);
    Ok(trajectory.measuring(Measures::of(experiment, spec)))
}

/// `τ = tr X*`, or the mean `(1/p) Σ b_i = Σ y_i/√p` of the teacher's outputs, whose expectation it is.
fn output_trace(instance: &Instance, trace: Trace) -> Result<f64, FieldError> {
    match trace {
        Trace::Known => instance.target.as_ref().map(|target| target.matrix.trace()).ok_or(FieldError::NoTrace),
        Trace::Estimated => Ok(instance.data.iter().sum::<f64>() / (instance.data.len() as f64).sqrt()),
    }
}

/// The exact solution, with points at the recording times.
fn closed_form(
    instance: &Instance,
    spec: &TrajectorySpec,
    initial: &State,
    schedule: &Schedule,
) -> Result<Box<dyn Stepper>, SimulationError> {
    let times = schedule.dues().iter().filter(|due| due.record).map(|due| due.t).collect();
    match ClosedForm::new(instance, initial) {
        Ok(exact) => Ok(Box::new(exact.at_times(times))),
        Err(source) => Err(SimulationError::ClosedForm { trajectory: spec.name.clone(), source }),
    }
}
