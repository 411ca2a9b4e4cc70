//! The record of a trajectory so far, and what it goes on from.

use super::{Phase, Trajectory};
use crate::observe::{ObserveError, ObserverMemory};
use crate::simulation::cross_check::CrossCheckPoints;
use crate::simulation::deviation::{CurvaturePoint, Defects};
use crate::simulation::pending::Integral;
use crate::simulation::record::TrajectoryRecord;
use crate::stepper::StepperState;
use serde::{Deserialize, Serialize};

/// All that a trajectory needs to go on with the same bits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::simulation) struct SavedTrajectory {
    /// Absent before the initial evaluation.
    stepper: Option<StepperState>,
    next_due: usize,
    /// What the field remembers.
    field: Vec<f64>,
    observers: ObserverMemory,
    record: TrajectoryRecord,
    points: CrossCheckPoints,
    integral: Integral,
    curvature: Vec<CurvaturePoint>,
    defects: Defects,
}

impl Trajectory {
    /// Writes into a record what the stepper counts.
    pub(super) fn count_into(&self, record: &mut TrajectoryRecord) {
        record.t = self.stepper.t();
        record.steps = self.stepper.step();
        (record.counts, record.switches) = (self.stepper.counts(), self.stepper.switches().to_vec());
        let (limited, accepted) = (self.stepper.stability_limited_steps(), record.counts.accepted);
        // A handful of steps at the limit is how every long run ends; half of them is worth a word.
        if 2 * limited > accepted {
            record.warnings = vec![format!("stability, not accuracy, limited {limited} of {accepted} steps: right, but slow to compute")];
        }
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
        if let Some(vectors) = &mut record.vectors {
            vectors.sort();
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
            curvature: self.curvature.clone(),
            defects: self.defects.clone(),
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
        (self.curvature, self.defects) = (saved.curvature, saved.defects);
        Ok(())
    }
}
