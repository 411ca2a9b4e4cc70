//! What a task leaves behind.

use crate::config::Experiment;
use crate::output::Digest;
use crate::problem::Instance;
use crate::simulation::{Outcome, Row, RunRecord, TrajectoryRecord, sup_deviation};
use serde::{Deserialize, Serialize};

/// The result of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// The task's id.
    pub id: Digest,
    /// Why there are no trajectories, if there are none.
    pub failure: Option<String>,
    /// Columns of the rows.
    pub columns: Vec<String>,
    /// In the order of the configuration.
    pub trajectories: Vec<TrajectoryResult>,
}

/// The result of a trajectory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrajectoryResult {
    /// Its name.
    pub name: String,
    /// Its family's name.
    pub family: String,
    /// Its method.
    pub method: String,
    /// `η`, for descents.
    pub step_size: Option<f64>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Flow time reached.
    pub t: f64,
    /// Steps made.
    pub steps: u64,
    /// Evaluations of the field for stepping.
    pub evaluations: u64,
    /// The time series.
    pub rows: Vec<Row>,
    /// The first trajectory that it is compared with.
    pub reference: Option<String>,
    /// `sup_t ‖FGᵀ − F'G'ᵀ‖_F` against it.
    pub sup_deviation: Option<f64>,
    /// Predicted time of escape (THEORY 3.9).
    pub predicted_escape: Option<f64>,
    /// The first recorded time at which `σ_r(FGᵀ) ≥ σ_r(Y)/2`.
    pub observed_escape: Option<f64>,
}

impl TaskResult {
    /// A task without trajectories.
    pub fn failed(id: Digest, reason: String) -> Self {
        TaskResult { id, failure: Some(reason), columns: Vec::new(), trajectories: Vec::new() }
    }
}

/// The result of a trajectory that a record calls `recorded` and its experiment, whose trajectory `index` it is, by another name.
pub(super) fn trajectory_result(
    experiment: &Experiment,
    index: usize,
    instance: &Instance,
    record: &RunRecord,
    recorded: &dyn Fn(&str) -> Option<String>,
    predicted_escape: Option<f64>,
) -> Option<TrajectoryResult> {
    let spec = experiment.trajectories.get(index)?;
    let find = |name: &str| recorded(name).and_then(|name| record.trajectories.iter().find(|trajectory| trajectory.name == name));
    let trajectory = find(&spec.name)?;
    let reference = experiment.comparisons.iter().find(|pair| pair.against.contains(&spec.name)).map(|pair| pair.reference.clone());
    let sup = reference.as_ref().and_then(|reference| sup_deviation(record, &recorded(reference)?, &trajectory.name));
    Some(TrajectoryResult {
        name: spec.name.clone(),
        family: spec.family.clone(),
        method: trajectory.method.clone(),
        step_size: trajectory.step_size,
        outcome: trajectory.outcome,
        t: trajectory.t,
        steps: trajectory.steps,
        evaluations: trajectory.counts.evaluations,
        rows: trajectory.rows.clone(),
        reference,
        sup_deviation: sup,
        predicted_escape,
        observed_escape: observed_escape(instance, trajectory),
    })
}

fn observed_escape(instance: &Instance, trajectory: &TrajectoryRecord) -> Option<f64> {
    let values = &instance.target.as_ref()?.values;
    let (index, least) = (values.len().checked_sub(1)?, values.last()?);
    trajectory.spectrum.iter().find(|row| row.values.get(index).is_some_and(|value| *value >= 0.5 * least)).map(|row| row.t)
}
