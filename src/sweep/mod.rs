//! Sweeps: many experiments from one file, planned, run in shards, collected into one table. (docs/sweeps.md)

mod batch;
mod collect;
mod cost;
mod error;
mod fit;
mod groups;
#[cfg(feature = "parquet")]
mod parquet;
mod plan;
mod progress;
mod recovery;
mod result;
mod run;
mod shard;
mod slurm;
mod store;
mod table;

#[cfg(feature = "parquet")]
pub use self::parquet::ParquetSink;
pub use collect::{Collected, Counts, collect, collect_into, columns};
pub use cost::Cost;
pub use error::SweepError;
pub use fit::{FitRow, fit, write_fits};
pub use plan::{CONFIG as SWEEP_CONFIG, Plan, SWEEP_SCHEMA, Sweep, SweepManifest, Task, plan};
pub use progress::{ShardProgress, progress_path, read_progress, remove_progress, write_progress};
pub use recovery::{RecoveryRow, recovery, write_recovery};
pub use result::{TaskResult, TrajectoryResult};
pub use run::{RunOptions, Tally, Watch, run};
pub use shard::{Shard, shard};
pub use slurm::{SlurmOptions, sbatch_script};
pub use store::{Found, Status, Store, Stored};
pub use table::{Cell, Column, CsvSink, Kind, RowSink};
