//! From a specification to a perturbed flow.

use super::laws::{
    Adversarial, AdversarialLimit, Constant, Descent, OrnsteinUhlenbeck, Piecewise, Replay, Rotating, Smooth, SymmetricDescent,
};
use super::{Blocks, Bound, Perturbation, PerturbationError, PerturbedFlow};
use crate::config::{Against, BoundSpec, Form, Law, PerturbationSpec, RelativeTo};
use crate::dynamics::Shape;
use crate::problem::{Instance, Target};

/// More jumps than this are a mistake.
const MOST_PIECES: f64 = 1e9;

/// The flow of an instance under a perturbation, for states of a shape, up to a horizon.
///
/// # Errors
/// A specification that does not fit the instance; a file that cannot be read.
pub fn build(spec: &PerturbationSpec, instance: &Instance, shape: Shape, horizon: f64) -> Result<PerturbedFlow, PerturbationError> {
    let bound = spec.bound.map(|bound| resolve_bound(bound, spec.form, instance.target.as_ref())).transpose()?;
    let scaled = match (&spec.law, bound) {
        (Law::Descent { .. }, Some(_)) => return Err(PerturbationError::Bound { reason: "the law descent brings its own size" }),
        (Law::Descent { .. } | Law::Replay { .. }, _) => None,
        (_, None) => return Err(PerturbationError::NoBound),
        (_, bound) => bound,
    };
    let law = build_law(spec, instance, shape, horizon)?;
    let target = instance.target.as_ref().map(|target| target.matrix.clone());
    Ok(PerturbedFlow::new(law, spec.form, scaled, target, shape))
}

/// The law alone, in units of the bound ([`Law::Descent`] and [`Law::Replay`]: in units of their own).
///
/// # Errors
/// As [`build`].
pub fn build_law(
    spec: &PerturbationSpec,
    instance: &Instance,
    shape: Shape,
    horizon: f64,
) -> Result<Box<dyn Perturbation>, PerturbationError> {
    if shape.is_symmetric() && spec.form == Form::TwoSided {
        return Err(PerturbationError::TwoSidedSymmetric);
    }
    let (zeros, seed) = (Blocks::zeros(spec.form, shape), spec.seed);
    Ok(match &spec.law {
        Law::Constant { direction } => Box::new(Constant::new(seed, *direction, &zeros)?),
        Law::Rotating { period } => Box::new(Rotating::new(seed, positive("rotating.period", *period)?, &zeros)),
        Law::Piecewise { interval } => Box::new(Piecewise::new(seed, pieces("piecewise.interval", *interval, horizon)?, &zeros)),
        Law::Smooth { correlation_time } => Box::new(Smooth::new(seed, positive("smooth.correlation_time", *correlation_time)?, &zeros)),
        Law::OrnsteinUhlenbeck { correlation_time, resolution } => {
            let correlation_time = positive("ornstein_uhlenbeck.correlation_time", *correlation_time)?;
            let resolution = pieces("ornstein_uhlenbeck.resolution", *resolution, horizon)?;
            Box::new(OrnsteinUhlenbeck::new(seed, correlation_time, resolution, &zeros))
        }
        Law::Adversarial { against, smoothing } => Box::new(adversary(spec.form, *against, *smoothing, instance, shape)?),
        Law::AdversarialLimit => Box::new(limit(spec, instance)?),
        Law::Replay { file, interpolation } => {
            let largest = spec.bound.map(|bound| fixed_bound(bound, spec.form, instance.target.as_ref())).transpose()?;
            Box::new(Replay::read(file, spec.form, *interpolation, &zeros, largest)?)
        }
        Law::Descent { step } => {
            let step = pieces("descent.step", *step, horizon)?;
            match (shape.is_symmetric(), spec.form) {
                (true, Form::Shared | Form::Lifted) => Box::new(SymmetricDescent::new(step, shape.rows())),
                (false, Form::Lifted) => Box::new(Descent::new(step, shape)),
                _ => return Err(PerturbationError::DescentForm),
            }
        }
    })
}

fn adversary(form: Form, against: Against, smoothing: f64, instance: &Instance, shape: Shape) -> Result<Adversarial, PerturbationError> {
    let width = shape.width();
    if !(form == Form::Shared || shape.is_symmetric() && form == Form::Lifted) {
        return Err(PerturbationError::AdversaryForm);
    }
    let target = instance.target.as_ref().ok_or(PerturbationError::AdversaryNeedsTarget)?;
    if against == Against::WeakestMode && width < target.rank() {
        return Err(PerturbationError::NoWeakestMode { width, rank: target.rank() });
    }
    if !(smoothing > 0.0 && smoothing < 1.0) {
        return Err(PerturbationError::Range { key: "adversarial.smoothing", value: smoothing, allowed: "between 0 and 1, both excluded" });
    }
    Ok(Adversarial::new(against, smoothing, target))
}

fn limit(spec: &PerturbationSpec, instance: &Instance) -> Result<AdversarialLimit, PerturbationError> {
    if instance.operator.is_symmetric() {
        return Err(PerturbationError::LimitSymmetric);
    }
    if spec.form != Form::Shared {
        return Err(PerturbationError::AdversaryForm);
    }
    let target = instance.target.as_ref().ok_or(PerturbationError::AdversaryNeedsTarget)?;
    let ((rows, cols), rank) = (target.matrix.shape(), target.rank());
    if rank >= rows.min(cols) {
        return Err(PerturbationError::NothingBeside { rank, rows, cols });
    }
    let bound = resolve_bound(spec.bound.ok_or(PerturbationError::NoBound)?, spec.form, Some(target))?;
    let sigma = target.values.last().copied().unwrap_or(1.0);
    // A bound that follows the residual goes with it to zero.
    Ok(AdversarialLimit::new(spec.seed, bound.fixed().map_or(0.0, |bound| bound / sigma), target))
}

fn resolve_bound(bound: BoundSpec, form: Form, target: Option<&Target>) -> Result<Bound, PerturbationError> {
    if !(bound.bound >= 0.0 && bound.bound.is_finite()) {
        return Err(PerturbationError::Range { key: "bound", value: bound.bound, allowed: "finite and at least 0" });
    }
    let sigma = target.and_then(|target| target.values.last().copied());
    match (bound.relative_to, sigma) {
        (RelativeTo::SigmaR, None) => Err(PerturbationError::UnknownSigma),
        (_, sigma) => Ok(Bound::new(bound, form, sigma.unwrap_or(1.0))),
    }
}

/// A bound that depends on no state.
fn fixed_bound(bound: BoundSpec, form: Form, target: Option<&Target>) -> Result<f64, PerturbationError> {
    let resolved = resolve_bound(bound, form, target)?;
    resolved.fixed().ok_or(PerturbationError::Bound {
        reason: "the matrices of replay are fixed, and relative_to = \"residual\" is not; use \"absolute\" or \"sigma_r\"",
    })
}

fn positive(key: &'static str, value: f64) -> Result<f64, PerturbationError> {
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(PerturbationError::Range { key, value, allowed: "positive and finite" }) }
}

fn pieces(key: &'static str, value: f64, horizon: f64) -> Result<f64, PerturbationError> {
    let value = positive(key, value)?;
    if horizon / value > MOST_PIECES { Err(PerturbationError::TooManyPieces { key, value, horizon }) } else { Ok(value) }
}
