//! What drives a trajectory.

use crate::config::Method;
use crate::dynamics::{FreshMeasurements, GradientFlow, MiniBatches, ModifiedFlow, Shape, ThinGradientFlow, TruncatedRisk, VectorField};
use crate::perturbation::{PerturbationError, build};
use crate::problem::Instance;

/// A field that an instance does not have.
#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    /// A perturbation that cannot be had.
    #[error(transparent)]
    Perturbation(#[from] PerturbationError),
    /// More measurements in a mini-batch than there are.
    #[error(
        "stochastic_gradient_descent.batch = {batch} is more than the {measurements} measurements of this instance: take at most that many"
    )]
    Batch {
        /// Measurements of a mini-batch.
        batch: usize,
        /// `p`
        measurements: usize,
    },
    /// Fresh measurements of a target that is not known.
    #[error("fresh_measurements measures the target, which this instance does not know; take stochastic_gradient_descent")]
    NoTarget,
    /// A trace of a target that is not known.
    #[error("quadratic_network.trace = \"known\" needs the target, which this instance does not know; use trace = \"estimated\"")]
    NoTrace,
    /// Measurements that are no outer products.
    #[error("quadratic_network measures by outer products x xᵀ of its inputs, and this instance's operator is another one")]
    NotRankOne,
}

impl FieldError {
    /// Whether a file is at fault, not the experiment.
    pub fn is_input_output(&self) -> bool {
        matches!(self, FieldError::Perturbation(error) if error.is_input_output())
    }
}

/// The vector field of a method, as at `t = 0`. Descents and their kin ask for gradient flow's; those that need no more than the rate ask for
/// nothing else if they are to be `thin`: where the operator has a cheaper way to the rate, and nobody wants more at every step.
///
/// # Errors
/// A perturbation, a mini-batch or measurements that cannot be had on this instance.
pub(super) fn field(
    method: &Method,
    instance: &Instance,
    shape: Shape,
    horizon: f64,
    thin: bool,
) -> Result<Box<dyn VectorField>, FieldError> {
    Ok(match *method {
        Method::PerturbedFlow { ref perturbation, .. } => Box::new(build(perturbation, instance, shape, horizon)?),
        Method::ModifiedFlow { step, .. } => Box::new(ModifiedFlow::new(step, shape)),
        Method::StochasticGradientDescent { batch, seed, .. } => Box::new(mini_batches(instance, batch, seed)?),
        Method::FreshMeasurements { measurements, noise, seed, .. } => {
            let target = instance.target.as_ref().ok_or(FieldError::NoTarget)?;
            Box::new(FreshMeasurements::new(seed, measurements, noise, target.matrix.clone()))
        }
        Method::Flow(integrator) if thin && !integrator.needs_drive() => Box::new(ThinGradientFlow),
        Method::GradientDescent { .. } | Method::ScaledDescent { .. } | Method::Momentum { .. } | Method::Nesterov { .. } if thin => {
            Box::new(ThinGradientFlow)
        }
        Method::QuadraticNetwork { .. } if !instance.operator.truncates() => return Err(FieldError::NotRankOne),
        Method::QuadraticNetwork { threshold, .. } => Box::new(TruncatedRisk::new(threshold, instance.operator.measurements())),
        Method::Flow(_)
        | Method::ClosedForm
        | Method::GradientDescent { .. }
        | Method::ScaledDescent { .. }
        | Method::ProjectedDescent { .. }
        | Method::Exponential { .. }
        | Method::Cayley { .. }
        | Method::Momentum { .. }
        | Method::Nesterov { .. } => Box::new(GradientFlow),
    })
}

fn mini_batches(instance: &Instance, batch: usize, seed: u64) -> Result<MiniBatches, FieldError> {
    let measurements = instance.operator.measurements();
    if batch > measurements {
        return Err(FieldError::Batch { batch, measurements });
    }
    Ok(MiniBatches::new(seed, measurements, batch))
}
