//! What a run leaves behind, as data.

use super::Outcome;
use crate::dynamics::State;
use crate::linalg::{Matrix, ProductSpectrum};
use crate::stepper::{Counts, Switch};
use serde::{Deserialize, Serialize};

/// One row of `trajectories.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Step number, for discrete steppers.
    pub step: Option<u64>,
    /// Flow time.
    pub t: f64,
    /// One value a column; `None` where it is undefined.
    pub values: Vec<Option<f64>>,
}

/// The singular values of `FGᵀ` at one sample: rows of `spectrum.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpectrumRow {
    /// Step number, for discrete steppers.
    pub step: Option<u64>,
    /// Flow time.
    pub t: f64,
    /// Descending; indices in the table count from 1.
    pub values: Vec<f64>,
}

/// Factors at every sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshots {
    /// Flow times.
    pub t: Vec<f64>,
    /// `F`, `m × h` each; `U`, `d × h` each, in the symmetric model.
    pub f: Vec<Matrix>,
    /// `G`, `n × h` each; empty in the symmetric model.
    pub g: Vec<Matrix>,
}

impl Snapshots {
    pub(super) fn push(&mut self, t: f64, state: &State) {
        self.t.push(t);
        self.f.push(state.left().to_matrix());
        if !state.shape().is_symmetric() {
            self.g.push(state.right().to_matrix());
        }
    }

    pub(super) fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.t.len()).collect();
        order.sort_by(|&a, &b| self.t[a].total_cmp(&self.t[b]));
        for factors in [&mut self.f, &mut self.g] {
            *factors = order.iter().filter_map(|&i| factors.get(i).cloned()).collect();
        }
        self.t = order.iter().map(|&i| self.t[i]).collect();
    }
}

/// The first singular vectors of `FGᵀ` at every sample where the state is finite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SingularVectors {
    /// How many of each side, at most; a product that has fewer keeps those.
    pub count: usize,
    /// Flow times.
    pub t: Vec<f64>,
    /// Left ones as columns, `m × k` each.
    pub left: Vec<Matrix>,
    /// Right ones as columns, `n × k` each; the left ones again in the symmetric model.
    pub right: Vec<Matrix>,
}

impl SingularVectors {
    /// None yet.
    pub fn new(count: usize) -> Self {
        SingularVectors { count, ..SingularVectors::default() }
    }

    /// Keeps the first of a product; nothing of one whose decomposition does not converge.
    pub fn push(&mut self, t: f64, spectrum: &ProductSpectrum) {
        let Ok([left, right]) = spectrum.leading(self.count) else { return };
        self.t.push(t);
        self.left.push(left);
        self.right.push(right);
    }

    pub(super) fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.t.len()).collect();
        order.sort_by(|&a, &b| self.t[a].total_cmp(&self.t[b]));
        for vectors in [&mut self.left, &mut self.right] {
            *vectors = order.iter().filter_map(|&i| vectors.get(i).cloned()).collect();
        }
        self.t = order.iter().map(|&i| self.t[i]).collect();
    }
}

/// What re-integration by `ode_solvers` found: `max_t ‖FGᵀ − F'G'ᵀ‖_F / max_t ‖FGᵀ‖_F`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossCheck {
    /// At ends of steps.
    pub at_step_ends: f64,
    /// At recording times (dense output).
    pub at_recording_times: f64,
    /// Largest deviation at recording times that passes.
    pub tolerance: f64,
    /// Operator passes that it took.
    pub evaluations: u64,
}

/// A bound on the numerical error of a flow itself, from the defect of its dense output and the curvature along it (`docs/bounds.md`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorBound {
    /// Until when it holds.
    pub t: f64,
    /// The largest sampled `‖u̇ + ∇f(u)‖_F`, raised by a quarter for what lies between the samples.
    pub largest_defect: f64,
    /// `max_t ‖Z − u‖_F` is at most this, up to what sampling misses; not finite where it is vacuous.
    pub factors: f64,
    /// `max_t ‖FGᵀ − F'G'ᵀ‖_F / max_t ‖FGᵀ‖_F` at recording times is at most this, likewise.
    pub product: f64,
}

/// One trajectory's results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrajectoryRecord {
    /// Its name.
    pub name: String,
    /// Its family's name.
    pub family: String,
    /// Its method (`dop853`, `gradient_descent`, …).
    pub method: String,
    /// `η`, for descents.
    pub step_size: Option<f64>,
    /// `η` of the descent that it follows, for modified flows.
    pub modified_step: Option<f64>,
    /// Its initialisation, described: trajectories with equal descriptions start from the same state.
    pub init: String,
    /// Rows of `trajectories.csv`.
    pub rows: Vec<Row>,
    /// Rows of `spectrum.csv`.
    pub spectrum: Vec<SpectrumRow>,
    /// Factors, if asked for.
    pub snapshots: Option<Snapshots>,
    /// Singular vectors, if asked for.
    pub vectors: Option<SingularVectors>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Flow time reached.
    pub t: f64,
    /// Steps made.
    pub steps: u64,
    /// Counts of the stepper.
    pub counts: Counts,
    /// Changes of integrators, of methods that choose between several.
    pub switches: Vec<Switch>,
    /// Questions to the operator, those of samples included.
    pub operator_passes: u64,
    /// The cross-check, if it ran.
    pub cross_check: Option<CrossCheck>,
    /// The bound on its numerical error, if one was asked for.
    pub error_bound: Option<ErrorBound>,
    /// What the user should know (stability-limited steps, …).
    pub warnings: Vec<String>,
}

/// One row of `comparison.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    /// Name of the reference.
    pub reference: String,
    /// Name of the other.
    pub trajectory: String,
    /// The other's step number, if it is discrete.
    pub step: Option<u64>,
    /// Flow time.
    pub t: f64,
    /// `‖FGᵀ − F'G'ᵀ‖_F`.
    pub product_deviation: f64,
    /// `‖FGᵀ − F'G'ᵀ‖_op`.
    pub product_deviation_op: f64,
    /// `‖Z − Z'‖_F`.
    pub factor_deviation: Option<f64>,
    /// The a-posteriori bound on it, where one was asked for and is finite.
    pub bound: Option<f64>,
    /// The first-order estimate of it, likewise: a heuristic, no bound.
    pub bound_first_order: Option<f64>,
}

/// Everything that a run records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Names of the columns of every [`Row`].
    pub columns: Vec<String>,
    /// In the order of the configuration.
    pub trajectories: Vec<TrajectoryRecord>,
    /// In the order of the configuration's comparisons.
    pub comparison: Vec<ComparisonRow>,
    /// Whether some comparison asks for bounds.
    pub bounded: bool,
}
