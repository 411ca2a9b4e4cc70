//! What all trajectories of an experiment share: target, measurements, initialisation.

mod archive;
mod build;
mod ensemble;
mod error;
mod file;
mod haar;
mod init;
mod instance;
mod npz;
mod structured;
mod symmetric_target;
mod target;

pub(crate) use archive::row_major;
pub use archive::{ArchiveReader, ArchiveWriter};
pub use build::{BuiltProblem, build_instance, check_room};
pub use ensemble::{Footprint, build_operator, entry_bytes, footprint};
pub use error::ProblemError;
pub use file::read_matrix;
pub use haar::{gaussian_matrix, semi_orthogonal};
pub use init::{InitialFactors, initial_state};
pub use instance::{Instance, Target};
pub use npz::{InstanceArrays, OperatorArray, OperatorKind, read_instance, write_instance};
pub use symmetric_target::semidefinite_target;
pub use target::{best_approximation, build_target, target_shape};
