//! What all trajectories of an experiment share: target, measurements, initialisation.

mod archive;
mod build;
mod error;
mod file;
mod haar;
mod init;
mod instance;
mod npz;
mod target;

pub(crate) use archive::row_major;
pub use archive::{ArchiveReader, ArchiveWriter};
pub use build::{BuiltProblem, build_instance, build_operator, check_room};
pub use error::ProblemError;
pub use file::read_matrix;
pub use haar::{gaussian_matrix, semi_orthogonal};
pub use init::{InitialFactors, initial_state};
pub use instance::{Instance, Target};
pub use npz::{InstanceArrays, OperatorArray, OperatorKind, read_instance, write_instance};
pub use target::{best_approximation, build_target, target_shape};
