//! The perturbation under which a trajectory is a perturbed gradient flow, and its parts.
//!
//! `𝓔` is defined by `Ż = (sym(R) + 𝓔) Z` with the true residual `R = Y − FGᵀ`. A flow has `𝓔 = sym(N − R)` and what is imposed on it. A
//! descent step of size `η` from `Z_k`, read as the path `Z(s) = (I + s sym(N_k)) Z_k`, `0 ≤ s ≤ η`, has the `𝓔(s)` of THEORY 3.8, which
//! exists
//! where `s‖N_k‖ < 1`; the exponential step, the path `e^{s sym(N_k)} Z_k`, has `𝓔(s) = sym(N_k − R(s))`. Of a step the largest values
//! count,
//! at both ends and in the middle. Such paths are in `step_path.rs`, those of the symmetric model in `symmetric_path.rs`.
//!
//! A stochastic step has the matrix `N_S` of its mini-batch in the place of `N_k`, and `sym(N_S − N)` as one more part; a step with
//! measurements of its own
//! has their `N_k`, and their `(A_k*A_k − I)R_k` and `A_k*(e_k)` as parts.

use super::step_path::StepPath;
use super::symmetric_path::SymmetricStepPath;
use super::{Observer, Sample, Shared};
use crate::config::Method;
use crate::linalg::{Matrix, operator_norm};
use crate::problem::Instance;

pub(super) const COLUMNS: [&str; 7] = [
    "perturbation",
    "perturbation_measurement",
    "perturbation_noise",
    "perturbation_motion",
    "perturbation_discretisation",
    "perturbation_imposed",
    "perturbation_sampling",
];

/// How a trajectory moves, as far as its perturbation depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Motion {
    /// A flow.
    Flow,
    /// Gradient descent with step `η`.
    Descent(f64),
    /// Descent with step `η` whose steps are driven by matrices of their own.
    Stochastic(f64),
    /// Exponential steps of size `η`.
    Exponential(f64),
    /// A method that is no perturbed gradient flow of these forms.
    Other,
}

impl Motion {
    /// The motion of a method.
    pub fn of(method: &Method) -> Self {
        match *method {
            Method::Flow(_) | Method::PerturbedFlow { .. } => Motion::Flow,
            Method::GradientDescent { step } => Motion::Descent(step),
            Method::StochasticGradientDescent { step, .. } | Method::FreshMeasurements { step, .. } => Motion::Stochastic(step),
            Method::Exponential { step } => Motion::Exponential(step),
            _ => Motion::Other,
        }
    }

    /// `η`, where steps are paths.
    pub fn step(self) -> Option<f64> {
        match self {
            Motion::Descent(step) | Motion::Stochastic(step) | Motion::Exponential(step) => Some(step),
            Motion::Flow | Motion::Other => None,
        }
    }
}

/// Norms of the perturbation's parts at a point of a trajectory, or the largest over the step that begins there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// `‖𝓔‖_op`; `None` where no matrix stands for the perturbation.
    pub total: Option<f64>,
    /// `‖(A*A − I)R‖_op`.
    pub measurement: f64,
    /// `‖A*(e)‖_op`.
    pub noise: f64,
    /// `‖R_k − R(s)‖_op`.
    pub motion: f64,
    /// `s‖N_k‖²/(1 − s‖N_k‖)`; in the symmetric model `max_i sλ_i²/(1 + sλ_i)`.
    pub discretisation: f64,
    /// `‖𝓔_imposed‖_op`.
    pub imposed: f64,
    /// `‖N_S − N‖_op`
    pub sampling: f64,
}

/// Norms at a sample that do not depend on how the trajectory moves.
pub(super) struct Known {
    /// `‖(A*A − I)(R)‖_op`
    pub measurement: f64,
    /// `‖A*(e)‖_op`
    pub noise: f64,
}

/// The perturbation's norms at a sample; `None` where they are not defined.
pub fn budget(sample: &Sample<'_>, motion: Motion) -> Option<Budget> {
    budget_with(sample, motion, &Shared::default(), noise_norm(sample.instance)?)
}

/// `‖A*(e)‖_op`, where the noise is known.
fn noise_norm(instance: &Instance) -> Option<f64> {
    instance.noise_adjoint.as_ref().map(operator_norm)
}

fn budget_with(sample: &Sample<'_>, motion: Motion, shared: &Shared, noise: f64) -> Option<Budget> {
    let (residual, adjoint) = (sample.residual?, sample.instance.noise_adjoint.as_ref()?);
    if motion != Motion::Flow && sample.state.shape().is_symmetric() {
        return Some(SymmetricStepPath::new(sample, motion)?.budget(adjoint));
    }
    let known = Known { measurement: shared.measurement_error(sample)?, noise };
    if motion != Motion::Flow {
        return Some(StepPath::with(sample, motion, shared)?.budget(&known));
    }
    let total = match sample.imposed {
        None if noise == 0.0 => Some(known.measurement),
        _ => total(sample, &(&sample.answer.matrix - residual)),
    };
    Some(Budget {
        total,
        measurement: known.measurement,
        noise,
        motion: 0.0,
        discretisation: 0.0,
        imposed: sample.imposed.map_or(0.0, |blocks| blocks.norm()),
        sampling: 0.0,
    })
}

fn total(sample: &Sample<'_>, measured: &Matrix) -> Option<f64> {
    match sample.imposed {
        None => Some(operator_norm(measured)),
        Some(blocks) => blocks.norm_with(measured),
    }
}

/// `‖𝓔‖_op` of a flow at a sample.
pub fn flow_norm(sample: &Sample<'_>) -> Option<f64> {
    total(sample, &(&sample.answer.matrix - sample.residual?))
}

/// The norms of the perturbation and of its parts.
pub(super) struct Perturbation {
    motion: Motion,
    /// `‖A*(e)‖_op`, the same at every sample.
    noise: Option<f64>,
}

impl Perturbation {
    pub fn new(instance: &Instance, motion: Motion) -> Self {
        Perturbation { motion, noise: noise_norm(instance) }
    }
}

impl Observer for Perturbation {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn observe(&mut self, sample: &Sample<'_>, shared: &Shared, row: &mut [Option<f64>]) {
        let Some(budget) = self.noise.and_then(|noise| budget_with(sample, self.motion, shared, noise)) else { return };
        let values = [budget.measurement, budget.noise, budget.motion, budget.discretisation, budget.imposed, budget.sampling];
        row[0] = budget.total;
        row[1..].iter_mut().zip(values).for_each(|(cell, value)| *cell = Some(value));
    }
}

pub(super) const INTEGRAL: [&str; 1] = ["perturbation_integral"];

/// `∫₀ᵗ ‖𝓔‖dt`: a place for the column, which the driver fills from [`integrand`].
pub(super) struct PerturbationIntegral;

impl Observer for PerturbationIntegral {
    fn columns(&self) -> &'static [&'static str] {
        &INTEGRAL
    }

    fn observe(&mut self, _sample: &Sample<'_>, _shared: &Shared, _row: &mut [Option<f64>]) {}
}

/// What is integrated: of a flow `‖𝓔‖_op` at the sample, of a discrete method `∫‖𝓔‖dt` over the step that begins there.
pub fn integrand(sample: &Sample<'_>, motion: Motion) -> Option<f64> {
    match motion {
        Motion::Flow => flow_norm(sample),
        _ if sample.state.shape().is_symmetric() => Some(SymmetricStepPath::new(sample, motion)?.integral()),
        _ => Some(StepPath::new(sample, motion)?.integral()),
    }
}
