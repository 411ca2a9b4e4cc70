//! What a certificate is made from: the instance and the tables of a run, as data.

use crate::config::{Form, InitSpec, Method};
use std::collections::BTreeMap;

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The instance and the model.
    pub instance: InstanceEvidence,
    /// The trajectories.
    pub trajectories: Vec<TrajectoryEvidence>,
}

/// The instance and the model.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceEvidence {
    /// `m`
    pub rows: usize,
    /// `n`
    pub cols: usize,
    /// `r`, at least 1.
    pub rank: usize,
    /// `σ₁(Y)`
    pub sigma_1: f64,
    /// `σ_r(Y)`
    pub sigma_r: f64,
    /// `p`
    pub measurements: usize,
    /// Whether `A` is the identity.
    pub full_observation: bool,
    /// Whether the data carry noise; `None` if that is unknown.
    pub noisy: Option<bool>,
    /// `h`
    pub width: usize,
    /// Whether one factor is used on both sides.
    pub symmetric: bool,
    /// Orders asked for, with lower bounds of their restricted isometry constants.
    pub rip: Vec<(usize, f64)>,
}

impl InstanceEvidence {
    /// `κ = σ₁/σ_r`.
    pub fn condition_number(&self) -> f64 {
        self.sigma_1 / self.sigma_r
    }
}

/// One trajectory.
#[derive(Clone, Debug, PartialEq)]
pub struct TrajectoryEvidence {
    /// Its name.
    pub name: String,
    /// How it advances.
    pub method: Method,
    /// How it starts.
    pub init: InitSpec,
    /// `a₀ = ‖[F₀; G₀]‖_op`
    pub initial_norm: f64,
    /// `σ_r(U_YᵀF₀ + V_YᵀG₀)`
    pub initial_signal: f64,
    /// Predicted escape time from its start (THEORY 3.9), if every mode grows.
    pub predicted_escape: Option<f64>,
    /// Recorded times.
    pub t: Vec<f64>,
    /// Columns of trajectories.csv, one value a recorded time.
    pub columns: BTreeMap<String, Vec<Option<f64>>>,
    /// Times and singular values of `FGᵀ`, descending.
    pub spectrum: Vec<(f64, Vec<f64>)>,
}

/// The step size, as far as the theorems have one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Gradient flow: the limit `η → 0`.
    Flow,
    /// `η` of a discrete method.
    Discrete(f64),
}

impl TrajectoryEvidence {
    /// The step size.
    pub fn step(&self) -> Step {
        self.method.step_size().map_or(Step::Flow, Step::Discrete)
    }

    /// Whether a column was recorded, with at least one value.
    pub fn has(&self, column: &str) -> bool {
        self.columns.get(column).is_some_and(|values| values.iter().any(Option::is_some))
    }

    /// The largest recorded value.
    pub fn largest(&self, column: &str) -> Option<f64> {
        self.columns.get(column)?.iter().flatten().copied().reduce(f64::max)
    }

    /// The first value, at `t = 0`.
    pub fn first(&self, column: &str) -> Option<f64> {
        self.columns.get(column)?.first().copied().flatten()
    }

    /// The last value.
    pub fn last(&self, column: &str) -> Option<f64> {
        self.columns.get(column)?.last().copied().flatten()
    }

    /// The value at the first recorded time that is not before `t`.
    pub fn at(&self, column: &str, t: f64) -> Option<f64> {
        let index = self.t.iter().position(|time| *time >= t)?;
        self.columns.get(column)?.get(index).copied().flatten()
    }

    /// The time of the last sample.
    pub fn end(&self) -> Option<f64> {
        self.t.last().copied()
    }

    /// The first recorded time with `σ_r(FGᵀ) ≥ σ_r(Y)/2`, and the recorded time before it.
    pub fn escape(&self, instance: &InstanceEvidence) -> Option<(Option<f64>, f64)> {
        let escaped = |values: &[f64]| values.get(instance.rank - 1).is_some_and(|value| *value >= 0.5 * instance.sigma_r);
        let index = self.spectrum.iter().position(|(_, values)| escaped(values))?;
        let before = index.checked_sub(1).and_then(|before| self.spectrum.get(before)).map(|(t, _)| *t);
        Some((before, self.spectrum.get(index)?.0))
    }

    /// The largest recorded singular value `i` (from 1) of `FGᵀ`; 0 if there are fewer.
    pub fn largest_singular_value(&self, i: usize) -> Option<f64> {
        self.spectrum.iter().map(|(_, values)| values.get(i - 1).copied().unwrap_or(0.0)).reduce(f64::max)
    }

    /// Bounds on the largest recorded `‖Z‖_op`: `2σ₁ ≤ ‖Z‖² ≤ σ₁ + √(σ₁² + ‖Λ‖²)` with `σ₁ = σ₁(FGᵀ)` (`docs/certificates.md`).
    pub fn stacked_norm(&self) -> Option<(f64, f64)> {
        let imbalance = self.columns.get("imbalance")?;
        if imbalance.len() != self.spectrum.len() {
            return None;
        }
        let mut bounds: Option<(f64, f64)> = None;
        for ((_, values), imbalance) in self.spectrum.iter().zip(imbalance) {
            let sigma = values.first().copied().unwrap_or(0.0);
            let here = ((2.0 * sigma).sqrt(), (sigma + sigma.hypot((*imbalance)?)).sqrt());
            bounds = Some(bounds.map_or(here, |(low, high)| (low.max(here.0), high.max(here.1))));
        }
        bounds
    }

    /// Predicted and observed times in steps, for discrete methods.
    pub(super) fn in_steps(&self, observed: f64, predicted: Option<f64>) -> Option<String> {
        let Step::Discrete(step) = self.step() else { return None };
        let predicted = predicted.filter(|t| t.is_finite()).map(|t| format!(", predicted {:.1}", t / step)).unwrap_or_default();
        Some(format!("in steps: observed {:.0}{predicted}", observed / step))
    }

    /// What the theorems about gradient descent and its flow do not cover.
    pub(super) fn foreign_method(&self) -> Option<String> {
        match self.method {
            Method::Momentum { .. } | Method::Nesterov { .. } => {
                Some("the method carries momentum, which the statement does not cover".into())
            }
            Method::StochasticGradientDescent { .. } => Some("mini-batches: the statement is about gradient descent and its flow".into()),
            Method::FreshMeasurements { .. } => Some("new measurements at every step: the statement is about fixed ones".into()),
            Method::ProjectedDescent { .. } => Some("descent on the product, which the statement does not cover".into()),
            Method::QuadraticNetwork { .. } => Some("truncated risk and rescaling, which the statement does not cover".into()),
            Method::ScaledDescent { .. } => Some("scaled descent, which the statement does not cover".into()),
            Method::ModifiedFlow { .. } => Some("a modified flow: the statement is about gradient descent and its flow".into()),
            _ => None,
        }
    }

    /// The relative tolerance up to which the method conserves the imbalance; `None` if it does not, or to an unknown one.
    pub(super) fn conservation_tolerance(&self) -> Option<f64> {
        let integrator = match &self.method {
            Method::Flow(integrator) => *integrator,
            Method::PerturbedFlow { integrator, perturbation } if perturbation.form == Form::Shared => *integrator,
            Method::Exponential { .. } | Method::Cayley { .. } | Method::ClosedForm => return Some(1e-10),
            _ => return None,
        };
        integrator.tolerance().map(|tolerance| (1e3 * tolerance.rtol).max(1e-10))
    }
}
