//! What keeps an experiment from being simulated.

use super::field::FieldError;
use crate::observe::ObserveError;
use crate::theory::ClosedFormError;

/// An experiment that cannot be simulated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// The observables could not be set up.
    #[error(transparent)]
    Observables(#[from] ObserveError),
    /// What a trajectory is to be driven by (a perturbation, a mini-batch, fresh measurements) cannot be had on this instance.
    #[error("trajectory[{trajectory}]: {source}")]
    Field {
        /// The trajectory's name.
        trajectory: String,
        /// Why.
        source: FieldError,
    },
    /// A stop rule looks at the target, which the instance does not know.
    #[error("record.stop.relative_error needs the target, which this instance does not know; use record.stop.gradient_norm")]
    NoTarget,
    /// A trajectory is to be the exact solution, and none is known.
    #[error("trajectory[{trajectory}].closed_form: {source}")]
    ClosedForm {
        /// Its name.
        trajectory: String,
        /// Why.
        source: ClosedFormError,
    },
    /// The number of initial states differs from that of the trajectories.
    #[error("{states} initial states for {trajectories} trajectories")]
    InitialStates {
        /// Initial states given.
        states: usize,
        /// Trajectories of the experiment.
        trajectories: usize,
    },
    /// A saved run belongs to other data or other initial states.
    #[error(
        "the saved run does not fit: the data or the initial factors have changed since (a file that the configuration names?); restore the \
         file, or start afresh with --force"
    )]
    OtherInstance,
    /// A saved run belongs to another experiment.
    #[error("the saved run does not fit this experiment: it has {saved} trajectories, the experiment {expected}")]
    OtherExperiment {
        /// Trajectories saved.
        saved: usize,
        /// Trajectories of the experiment.
        expected: usize,
    },
}
