//! What a point will cost: operations, and bytes of its instance.

use crate::config::{Experiment, Factorization, Problem, TargetKind, TargetSpec};
use crate::problem::{ProblemError, footprint, target_shape};
use crate::simulation::{expected_evaluations, recording_times};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Mutex;

/// An estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Floating-point operations.
    pub operations: f64,
    /// Bytes of the instance and its workspace.
    pub instance_bytes: u64,
    /// Bytes of the states of its trajectories.
    pub state_bytes: u64,
}

/// Costs, with what has been found out about ensembles so far.
#[derive(Debug, Default)]
pub(super) struct Costs {
    known: Mutex<HashMap<String, (u64, f64)>>,
}

/// Shape, rank as far as it is known, and `σ₁`.
fn extent(target: &TargetSpec) -> Result<(usize, usize, usize, f64), ProblemError> {
    let (rows, cols) = target_shape(target)?;
    Ok(match &target.kind {
        TargetKind::Random { singular_values, .. } | TargetKind::Semidefinite { singular_values, .. } => {
            (rows, cols, singular_values.len(), singular_values.first().copied().unwrap_or(1.0))
        }
        TargetKind::UnitColumns { rank, .. } => (rows, cols, *rank, 1.0),
        TargetKind::File { rank, .. } | TargetKind::SemidefiniteFile { rank, .. } => (rows, cols, rank.unwrap_or(1), 1.0),
    })
}

impl Costs {
    /// The cost of an experiment. Of an instance from a file only the size of the file is known.
    pub fn of(&self, experiment: &Experiment) -> Result<Cost, ProblemError> {
        let width = experiment.width.unwrap_or(1);
        let (rows, cols, largest, instance_bytes, flops) = match &experiment.problem {
            Problem::Generated { target, sensing } => {
                let (rows, cols, rank, largest) = extent(target)?;
                let key = format!("{:?} {:?} {rows} {cols} {rank} {width}", sensing.ensemble, experiment.factorization);
                let known = self.known.lock().ok().and_then(|known| known.get(&key).copied());
                let (bytes, flops) = match known {
                    Some(known) => known,
                    None => {
                        let footprint = footprint(sensing, experiment.factorization, rows, cols, rank, width)?;
                        let found = (footprint.storage.saturating_add(footprint.workspace), footprint.flops);
                        if let Ok(mut known) = self.known.lock() {
                            known.insert(key, found);
                        }
                        found
                    }
                };
                (rows, cols, largest, bytes, flops)
            }
            Problem::File(path) => {
                let bytes = std::fs::metadata(path).map(|file| file.len()).unwrap_or(0);
                (1, 1, 1.0, bytes, bytes as f64)
            }
        };
        let height = if experiment.factorization == Factorization::Symmetric { rows } else { rows + cols };
        let evaluations = experiment.trajectories.iter().map(|trajectory| {
            let (count, _) = expected_evaluations(&trajectory.method, experiment.record.horizon, largest);
            count as f64
        });
        let samples = (experiment.trajectories.len() * recording_times(&experiment.record).len()) as f64;
        let dense = 6.0 * (rows * cols * width) as f64;
        Ok(Cost {
            operations: (evaluations.sum::<f64>() + samples) * (flops + dense),
            instance_bytes: instance_bytes.saturating_add(8 * 4 * (rows as u64) * (cols as u64)),
            // A state, its start, its stages.
            state_bytes: 8 * 16 * (height as u64) * (width as u64) * experiment.trajectories.len() as u64,
        })
    }
}
