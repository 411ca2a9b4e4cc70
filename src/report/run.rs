//! What figures are made from: the tables of a run, as data.

use crate::simulation::OrderFit;
use std::collections::BTreeMap;

/// A run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunData {
    /// The experiment's name.
    pub name: String,
    /// Whether it was interrupted: its tables end before the horizon.
    pub interrupted: bool,
    /// `σ₁ ≥ … ≥ σ_r` of the target; empty if it is not known.
    pub target: Vec<f64>,
    /// The trajectories.
    pub trajectories: Vec<TrajectoryData>,
    /// Pairs of a reference and a trajectory.
    pub comparisons: Vec<ComparisonData>,
    /// Orders of descents in the step size, as [`fit_orders`](crate::simulation::fit_orders) finds them.
    pub orders: Vec<OrderFit>,
}

/// How a trajectory ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Whether as an experiment is meant to end.
    pub success: bool,
    /// In a sentence.
    pub sentence: String,
}

/// Times and singular values.
pub type ExactSpectrum = Vec<(f64, Vec<f64>)>;

/// A trajectory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrajectoryData {
    /// Its name.
    pub name: String,
    /// Its method, as in the manifest (`dop853`, `gradient_descent`, …).
    pub method: String,
    /// `η`; `None` for flows.
    pub step: Option<f64>,
    /// How it ended.
    pub ending: Ending,
    /// Whether `Λ` is constant along the exact solution.
    pub conserves_imbalance: bool,
    /// `‖[F₀; G₀]‖_op`
    pub initial_norm: Option<f64>,
    /// Predicted escape time (THEORY 3.9).
    pub predicted_escape: Option<f64>,
    /// Recorded times.
    pub t: Vec<f64>,
    /// Columns of trajectories.csv; what is empty or not finite is `None`.
    pub columns: BTreeMap<String, Vec<Option<f64>>>,
    /// Times and singular values of `FGᵀ`, descending.
    pub spectrum: Vec<(f64, Vec<f64>)>,
    /// The same of the exact solution, where there is a closed form.
    pub exact: ExactSpectrum,
    /// `(t, ‖Σ η²(GᵀNᵀNG − FᵀNNᵀF)‖_op)`, the exact law of a descent's drift, where it was summed.
    pub imbalance_law: Vec<(f64, f64)>,
}

/// A trajectory's distance from its reference. Values are NaN where they are not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComparisonData {
    /// The reference's name.
    pub reference: String,
    /// The trajectory's name.
    pub trajectory: String,
    /// `(t, ‖FGᵀ − F'G'ᵀ‖_F)`
    pub deviation: Vec<(f64, f64)>,
    /// `(t, ‖Z − Z'‖_F)`
    pub factors: Vec<(f64, f64)>,
    /// `(t, bound on ‖Z − Z'‖_F)`
    pub bound: Vec<(f64, f64)>,
    /// `(t, first-order estimate of ‖Z − Z'‖_F)`
    pub first_order: Vec<(f64, f64)>,
}

impl TrajectoryData {
    /// `(t, value)` of a column, NaN where it is undefined; `None` if the column has no value.
    pub fn points(&self, column: &str) -> Option<Vec<(f64, f64)>> {
        let values = self.columns.get(column)?;
        let known = values.iter().any(Option::is_some);
        known.then(|| self.t.iter().zip(values).map(|(t, value)| (*t, value.unwrap_or(f64::NAN))).collect())
    }

    /// The first recorded time with `σ_r(FGᵀ) ≥ σ_r(Y)/2`.
    pub fn escape(&self, target: &[f64]) -> Option<f64> {
        let half = 0.5 * target.last()?;
        let escaped = |values: &[f64]| values.get(target.len() - 1).is_some_and(|value| *value >= half);
        self.spectrum.iter().find(|(_, values)| escaped(values)).map(|(t, _)| *t)
    }
}

impl RunData {
    /// The trajectory by which the phases are told: the first flow, or else the first.
    pub fn leader(&self) -> Option<&TrajectoryData> {
        self.trajectories.iter().find(|trajectory| trajectory.step.is_none()).or(self.trajectories.first())
    }

    /// The last recorded time.
    pub fn end(&self) -> f64 {
        self.trajectories.iter().filter_map(|trajectory| trajectory.t.last()).fold(0.0, |a: f64, b| a.max(*b))
    }
}
