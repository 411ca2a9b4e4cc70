//! What can go wrong on the command line, and the exit code it leads to.

use super::exit;
use crate::config::{ConfigError, UnknownTemplate};
use crate::output::{CheckpointError, OutputError};
use crate::problem::ProblemError;
use crate::simulation::{ForecastError, SimulationError};
use crate::sweep::SweepError;
use std::path::PathBuf;

/// A failure of a command.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No such template.
    #[error(transparent)]
    Template(#[from] UnknownTemplate),
    /// The instance cannot be made.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// The experiment cannot be simulated.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// A sweep cannot be planned, run or collected.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// A result cannot be written, or must not be.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The checkpoint is of no use.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The directory of a run holds something else than a finished run that can be used.
    #[error("{}: {reason}", path.display())]
    Run {
        /// The directory, or a file in it.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A table of a run cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Why.
        source: csv::Error,
    },
    /// Standard output cannot be written to.
    #[error("standard output cannot be written to: {0}")]
    Print(std::io::Error),
    /// Signal handlers or threads cannot be had.
    #[error("the system refuses {what}: {reason}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

impl From<ForecastError> for CliError {
    fn from(error: ForecastError) -> Self {
        match error {
            ForecastError::Problem(error) => CliError::Problem(error),
            ForecastError::Simulation(error) => CliError::Simulation(error),
        }
    }
}

impl CliError {
    /// The exit code, by meaning.
    pub fn exit_code(&self) -> i32 {
        match self {
            CliError::Simulation(SimulationError::Field { source, .. }) if source.is_input_output() => exit::IO,
            CliError::Config(_) | CliError::Template(_) | CliError::Simulation(_) | CliError::Run { .. } => exit::USAGE,
            CliError::Problem(error) => {
                if error.is_input_output() {
                    exit::IO
                } else {
                    exit::USAGE
                }
            }
            CliError::Sweep(error) => {
                if error.is_input_output() {
                    exit::IO
                } else {
                    exit::USAGE
                }
            }
            CliError::Output(error) => {
                if error.is_refusal() {
                    exit::USAGE
                } else {
                    exit::IO
                }
            }
            CliError::Read { .. } | CliError::Table { .. } | CliError::Checkpoint(_) | CliError::Print(_) | CliError::System { .. } => {
                exit::IO
            }
        }
    }
}
