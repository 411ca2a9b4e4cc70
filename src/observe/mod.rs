//! Observables: what is recorded of a trajectory, one file per family. `docs/observables.md` defines every column.
//!
//! A new family is one file with an [`Observer`] and one line in the table of `observers.rs`.

mod adaptive_subspace;
mod angles;
mod curvature;
mod energy;
mod generalisation;
mod imbalance;
mod loss;
mod observers;
mod perturbation;
mod residual;
mod rip;
mod sample;
mod signal;
mod spectrum;
mod step_path;
mod symmetric_path;

pub use curvature::Curvature;
pub use observers::{ObserveError, Observer, ObserverMemory, Observers, known_columns};
pub use perturbation::{Budget, Motion, budget, flow_norm};
pub use sample::{Sample, Shared};
pub use signal::Phase;
pub use step_path::StepPath;
pub use symmetric_path::SymmetricStepPath;
