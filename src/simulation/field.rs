//! What drives a trajectory.

use crate::config::Method;
use crate::dynamics::{GradientFlow, ModifiedFlow, Shape, ThinGradientFlow, VectorField};
use crate::perturbation::{PerturbationError, build};
use crate::problem::Instance;

/// The vector field of a method, as at `t = 0`. Descents and their kin ask for gradient flow's; those that need no more than the rate ask for
/// nothing else where the operator has a cheaper way to it.
///
/// # Errors
/// A perturbation that cannot be had on this instance.
pub(super) fn field(method: &Method, instance: &Instance, shape: Shape, horizon: f64) -> Result<Box<dyn VectorField>, PerturbationError> {
    Ok(match method {
        Method::PerturbedFlow { perturbation, .. } => Box::new(build(perturbation, instance, shape, horizon)?),
        Method::ModifiedFlow { step, .. } => Box::new(ModifiedFlow::new(*step, shape)),
        Method::Flow(_) | Method::GradientDescent { .. } | Method::Momentum { .. } | Method::Nesterov { .. }
            if instance.operator.offers_products() =>
        {
            Box::new(ThinGradientFlow)
        }
        Method::Flow(_)
        | Method::ClosedForm
        | Method::GradientDescent { .. }
        | Method::Exponential { .. }
        | Method::Cayley { .. }
        | Method::Momentum { .. }
        | Method::Nesterov { .. } => Box::new(GradientFlow),
    })
}
