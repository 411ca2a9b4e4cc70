//! What all trajectories of an experiment share: target, measurements, initialisation.

mod instance;
mod random;

pub use instance::{Instance, Target};
pub use random::{Purpose, stream};
