//! The driver: trajectories in lockstep, what they record, how they end.

mod assembly;
mod attendants;
mod comparison;
mod cores;
mod cross_check;
mod deviation;
mod driver;
mod error;
mod evaluations;
mod field;
mod forecast;
mod order_fit;
mod outcome;
mod pending;
mod record;
mod schedule;
mod stop;
mod surrogate;
mod trajectory;
mod turns;

pub use driver::{End, Monitor, SavedRun, Simulation, Unattended};
pub use error::SimulationError;
pub use evaluations::expected_evaluations;
pub use field::FieldError;
pub use forecast::{Forecast, ForecastError, REHEARSED_BYTES, forecast};
pub use order_fit::{OrderFit, fit_orders, sup_deviation};
pub use outcome::Outcome;
pub use record::{ComparisonRow, CrossCheck, ErrorBound, Row, RunRecord, SingularVectors, Snapshots, SpectrumRow, TrajectoryRecord};
pub use schedule::{number_of_steps, recording_steps, recording_times};
pub use surrogate::{Evaluations, foreseen_evaluations};
