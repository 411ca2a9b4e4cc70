//! `manifest.json`: what ran, on what, and how each trajectory ended.

use super::{Digest, OutputError, provenance, write_atomically};
use crate::linalg::Matrix;
use crate::problem::Instance;
use crate::simulation::{CrossCheck, ErrorBound, Outcome, RunRecord, TrajectoryRecord};
use crate::stepper::Switch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// The version of the manifest's fields.
pub const MANIFEST_SCHEMA: u32 = 1;

/// Whether a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every trajectory came to its end, whichever.
    Completed,
    /// A signal stopped it.
    Interrupted,
}

/// What the command line knows about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDescription {
    /// The experiment's name.
    pub name: String,
    /// SHA-256 of the resolved configuration.
    pub config_hash: Digest,
    /// The experiment's seed.
    pub seed: u64,
    /// Threads that the operator used.
    pub threads: usize,
}

/// The instance, described.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceSummary {
    /// `m`
    pub rows: usize,
    /// `n`
    pub cols: usize,
    /// `r`, if the target is known.
    pub rank: Option<usize>,
    /// `p`
    pub measurements: usize,
    /// The ensemble's name.
    pub ensemble: String,
    /// Bytes that the ensemble occupies in memory.
    pub operator_bytes: u64,
    /// SHA-256 of `y`, each entry as eight bytes, little-endian.
    pub data_sha256: Digest,
    /// SHA-256 of `Y`, likewise, column by column, if it is known.
    pub target_sha256: Option<Digest>,
}

impl InstanceSummary {
    /// The description of an instance; `ensemble` names its operator.
    pub fn new(instance: &Instance, ensemble: &str) -> Self {
        let (rows, cols) = instance.operator.shape();
        let target = instance.target.as_ref();
        InstanceSummary {
            rows,
            cols,
            rank: target.map(|target| target.rank()),
            measurements: instance.operator.measurements(),
            ensemble: ensemble.to_owned(),
            operator_bytes: instance.operator.storage_bytes(),
            data_sha256: Digest::of_numbers(&instance.data),
            target_sha256: target.map(|target| Digest::of_numbers(Matrix::as_slice(&target.matrix))),
        }
    }
}

/// How a trajectory ended. A number that is not finite has no JSON: it is null, and the sentence tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeSummary {
    /// One word, as in [`Outcome::label`].
    pub kind: String,
    /// Whether it ended as an experiment is meant to end.
    pub success: bool,
    /// The flow time of the event.
    pub t: Option<f64>,
    /// `‖Z‖_F` where that was the reason.
    pub norm: Option<f64>,
    /// One sentence.
    pub sentence: String,
}

impl From<&Outcome> for OutcomeSummary {
    fn from(outcome: &Outcome) -> Self {
        let (t, norm) = match *outcome {
            Outcome::Completed => (None, None),
            Outcome::Diverged { t, norm } => (Some(t), Some(norm)),
            Outcome::Converged { t }
            | Outcome::NonFinite { t }
            | Outcome::StepUnderflow { t }
            | Outcome::Singular { t }
            | Outcome::EvaluationLimit { t }
            | Outcome::TimeLimit { t }
            | Outcome::Interrupted { t } => (Some(t), None),
        };
        OutcomeSummary {
            kind: outcome.label().to_owned(),
            success: outcome.is_success(),
            t: t.and_then(finite),
            norm: norm.and_then(finite),
            sentence: outcome.to_string(),
        }
    }
}

/// The cross-check; a deviation that is not finite is null and did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossCheckSummary {
    /// Largest relative deviation at ends of steps.
    pub at_step_ends: Option<f64>,
    /// Largest relative deviation at recording times.
    pub at_recording_times: Option<f64>,
    /// The largest that passes.
    pub tolerance: Option<f64>,
    /// Whether the deviation at recording times is within the tolerance.
    pub passed: bool,
    /// Operator passes that it took.
    pub evaluations: u64,
}

impl From<&CrossCheck> for CrossCheckSummary {
    fn from(check: &CrossCheck) -> Self {
        CrossCheckSummary {
            at_step_ends: finite(check.at_step_ends),
            at_recording_times: finite(check.at_recording_times),
            tolerance: finite(check.tolerance),
            passed: check.at_step_ends.is_finite() && check.at_recording_times <= check.tolerance,
            evaluations: check.evaluations,
        }
    }
}

/// The bound on a flow's own numerical error; a number that is not finite is null: the bound says nothing there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorBoundSummary {
    /// Until when it holds.
    pub t: Option<f64>,
    /// The largest sampled defect, raised by a quarter for what lies between the samples, in the factors' Frobenius norm a unit of time.
    pub largest_defect: Option<f64>,
    /// On `max_t ‖Z − Z_exact‖_F`.
    pub factors: Option<f64>,
    /// On `max_t ‖FGᵀ − exact‖_F / max_t ‖FGᵀ‖_F` at recording times.
    pub product: Option<f64>,
}

impl From<&ErrorBound> for ErrorBoundSummary {
    fn from(bound: &ErrorBound) -> Self {
        ErrorBoundSummary {
            t: finite(bound.t),
            largest_defect: finite(bound.largest_defect),
            factors: finite(bound.factors),
            product: finite(bound.product),
        }
    }
}

/// One trajectory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrajectorySummary {
    /// Its name.
    pub name: String,
    /// Its family's name.
    pub family: String,
    /// Its method.
    pub method: String,
    /// `η`, for descents.
    pub step_size: Option<f64>,
    /// How it ended; null if it did not.
    pub outcome: Option<OutcomeSummary>,
    /// Flow time reached.
    pub t: Option<f64>,
    /// Steps made.
    pub steps: u64,
    /// Accepted steps.
    pub accepted: u64,
    /// Rejected steps.
    pub rejected: u64,
    /// Evaluations of the field for stepping.
    pub evaluations: u64,
    /// Evaluations for interpolants.
    pub dense_evaluations: u64,
    /// Changes of integrators: when, after how many steps, from which to which, and the size of the last step before it.
    #[serde(default)]
    pub switches: Vec<Switch>,
    /// Questions about all the data to the operator, those of samples included.
    pub operator_passes: u64,
    /// Wall-clock seconds from the run's beginning to this trajectory's end: trajectories in lockstep share their passes, and end together as far as their
    /// lengths are foreseen. Null if it did not end.
    pub seconds: Option<f64>,
    /// The cross-check, if it ran.
    pub cross_check: Option<CrossCheckSummary>,
    /// The bound on its numerical error, if one was asked for.
    #[serde(default)]
    pub error_bound: Option<ErrorBoundSummary>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl From<&TrajectoryRecord> for TrajectorySummary {
    fn from(record: &TrajectoryRecord) -> Self {
        TrajectorySummary {
            name: record.name.clone(),
            family: record.family.clone(),
            method: record.method.clone(),
            step_size: record.step_size,
            outcome: record.outcome.as_ref().map(OutcomeSummary::from),
            t: finite(record.t),
            steps: record.steps,
            accepted: record.counts.accepted,
            rejected: record.counts.rejected,
            evaluations: record.counts.evaluations,
            dense_evaluations: record.counts.dense_evaluations,
            switches: record.switches.clone(),
            operator_passes: record.operator_passes,
            seconds: None,
            cross_check: record.cross_check.as_ref().map(CrossCheckSummary::from),
            error_bound: record.error_bound.as_ref().map(ErrorBoundSummary::from),
            warnings: record.warnings.clone(),
        }
    }
}

/// The whole manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_SCHEMA`].
    pub schema_version: u32,
    /// The experiment's name.
    pub name: String,
    /// Whether the run came to its end.
    pub status: Status,
    /// SHA-256 of the resolved configuration.
    pub config_hash: Digest,
    /// The experiment's seed.
    pub seed: u64,
    /// Version of pgflow.
    pub pgflow_version: String,
    /// The commit that it was compiled from, if known; `-modified` behind it if the sources differed.
    pub git_commit: Option<String>,
    /// Versions of the direct dependencies.
    pub dependencies: BTreeMap<String, String>,
    /// SHA-256 of `Cargo.lock`, which fixes all dependencies.
    pub lock_sha256: Digest,
    /// Processor architecture and operating system.
    pub platform: String,
    /// Vector extensions of the processor.
    pub cpu_features: Vec<String>,
    /// Threads that the operator used.
    pub threads: usize,
    /// Wall-clock seconds of the run.
    pub wall_seconds: Option<f64>,
    /// The instance.
    pub instance: InstanceSummary,
    /// In the order of the configuration.
    pub trajectories: Vec<TrajectorySummary>,
}

impl Manifest {
    /// The manifest of a run; it is interrupted if some trajectory is, or has no outcome.
    pub fn new(run: &RunDescription, instance: InstanceSummary, record: &RunRecord, wall_seconds: f64) -> Self {
        let open = |trajectory: &TrajectoryRecord| matches!(trajectory.outcome, None | Some(Outcome::Interrupted { .. }));
        Manifest {
            schema_version: MANIFEST_SCHEMA,
            name: run.name.clone(),
            status: if record.trajectories.iter().any(open) { Status::Interrupted } else { Status::Completed },
            config_hash: run.config_hash,
            seed: run.seed,
            pgflow_version: env!("CARGO_PKG_VERSION").to_owned(),
            git_commit: provenance::git_commit().map(str::to_owned),
            dependencies: provenance::dependency_versions(),
            lock_sha256: provenance::lock_digest(),
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            cpu_features: provenance::cpu_features(),
            threads: run.threads,
            wall_seconds: finite(wall_seconds),
            instance,
            trajectories: record.trajectories.iter().map(TrajectorySummary::from).collect(),
        }
    }

    /// Notes when each trajectory ended, in seconds from the run's beginning.
    pub fn with_seconds(mut self, seconds_to_end: &[Option<f64>]) -> Self {
        for (trajectory, seconds) in self.trajectories.iter_mut().zip(seconds_to_end) {
            trajectory.seconds = seconds.and_then(finite);
        }
        self
    }

    /// Whether every trajectory ended as an experiment is meant to end and passed its cross-check.
    pub fn is_success(&self) -> bool {
        self.trajectories.iter().all(|trajectory| {
            trajectory.outcome.as_ref().is_some_and(|outcome| outcome.success) && trajectory.cross_check.is_none_or(|check| check.passed)
        })
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// A file that cannot be read or is no manifest of this schema version.
    pub fn read(path: &Path) -> Result<Self, OutputError> {
        let text = std::fs::read(path).map_err(|source| OutputError::io(path, "reading", source))?;
        serde_json::from_slice(&text).map_err(|error| OutputError::Manifest { path: path.to_owned(), reason: error.to_string() })
    }
}

/// Writes a manifest, whole or not at all, indented, with a line feed at the end.
///
/// # Errors
/// [`OutputError::Io`].
pub fn write_manifest(path: &Path, manifest: &Manifest) -> Result<(), OutputError> {
    write_atomically(path, |writer| {
        serde_json::to_writer_pretty(&mut *writer, manifest)?;
        writer.write_all(b"\n")
    })
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
