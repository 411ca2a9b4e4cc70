//! The driver: trajectories in lockstep, what they record, how they end.

mod outcome;
mod record;

pub use outcome::Outcome;
pub use record::{ComparisonRow, CrossCheck, Row, RunRecord, Snapshots, SpectrumRow, TrajectoryRecord};
