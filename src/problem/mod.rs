//! What all trajectories of an experiment share: target, measurements, initialisation.

mod instance;

pub use instance::{Instance, Target};
