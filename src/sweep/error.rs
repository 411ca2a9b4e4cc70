//! What can go wrong with a sweep as a whole.

use crate::config::ConfigError;
use crate::output::OutputError;
use crate::problem::ProblemError;
use std::path::PathBuf;

/// A sweep that cannot be planned, run or collected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// Points that are no experiments.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A point whose instance cannot be made.
    #[error("at the sweep's point {index} ({point}): {source}")]
    Problem {
        /// Its index.
        index: usize,
        /// Its parameters.
        point: String,
        /// Why.
        source: Box<ProblemError>,
    },
    /// A point that a sweep cannot have.
    #[error("at the sweep's point {index} ({point}): {reason}")]
    Point {
        /// Its index.
        index: usize,
        /// Its parameters.
        point: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A file that cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A file that cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A directory of results that is not there.
    #[error("{}: is not there (moved, deleted, or on a file system that is not mounted?); bring it back, or make an empty one to compute all anew", path.display())]
    Vanished {
        /// The directory.
        path: PathBuf,
    },
    /// A directory that holds something else.
    #[error("{}: {reason}", path.display())]
    Directory {
        /// The directory, or a file in it.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A fit of columns that do not exist.
    #[error("[sweep] fit: there is no column of numbers {name:?}; columns are {allowed}")]
    Column {
        /// What was asked for.
        name: String,
        /// Columns of the collected table.
        allowed: String,
    },
    /// A table that cannot be written.
    #[error("the table cannot be written: {0}")]
    Sink(std::io::Error),
    /// No threads.
    #[error("the system refuses threads: {0}")]
    Threads(String),
}

impl SweepError {
    /// Whether the cause lies outside the configuration.
    pub fn is_input_output(&self) -> bool {
        match self {
            SweepError::Problem { source, .. } => source.is_input_output(),
            SweepError::Output(error) => !error.is_refusal(),
            SweepError::Read { .. } | SweepError::Vanished { .. } | SweepError::Sink(_) | SweepError::Threads(_) => true,
            _ => false,
        }
    }
}
