//! What a run leaves on disk: one file per format, each written whole or not at all.

mod atomic;
mod checkpoint;
mod digest;
mod directory;
mod error;
mod manifest;
mod provenance;
mod snapshots;
mod tables;
mod vectors;

pub use atomic::{AtomicWriter, write_atomically};
pub use checkpoint::{CHECKPOINT_VERSION, CheckpointError, checkpoint_configuration, load_checkpoint, save_checkpoint};
pub use digest::Digest;
pub use directory::{
    CHECKPOINT, COMPARISON, CONFIG, Existing, FIGURES, MANIFEST, REPORT, RunDirectory, SNAPSHOTS, SPECTRUM, TRAJECTORIES, VECTORS,
    clear_figures, default_directory,
};
pub use error::OutputError;
pub use manifest::{
    CrossCheckSummary, ErrorBoundSummary, InstanceSummary, MANIFEST_SCHEMA, Manifest, OutcomeSummary, RunDescription, Status,
    TrajectorySummary, write_manifest,
};
pub use provenance::{cpu_features, dependency_versions, git_commit, lock_digest};
pub use snapshots::write_snapshots;
pub use tables::{write_comparison, write_spectrum, write_trajectories};
pub use vectors::write_vectors;
