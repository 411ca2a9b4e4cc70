//! Sweeps: many experiments from one file, planned, run in shards, collected into one table. (docs/sweeps.md)

mod batch;
mod collect;
mod cost;
mod error;
mod fit;
mod groups;
mod plan;
mod result;
mod run;
mod shard;
mod slurm;
mod store;

pub use collect::{Collected, collect};
pub use cost::Cost;
pub use error::SweepError;
pub use fit::{FitRow, fit, write_fits};
pub use plan::{CONFIG as SWEEP_CONFIG, Plan, SWEEP_SCHEMA, Sweep, SweepManifest, Task, plan};
pub use result::{TaskResult, TrajectoryResult};
pub use run::{RunOptions, Tally, Watch, run};
pub use shard::{Shard, shard};
pub use slurm::{SlurmOptions, sbatch_script};
pub use store::{Status, Store, Stored};
