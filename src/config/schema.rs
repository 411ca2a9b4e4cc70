//! The configuration file as written: every key that exists, with its documentation, from which the JSON schema is made.
//!
//! A choice between variants is a table with one optional field per variant, of which exactly one is set.

use super::descents::{FreshTable, ProjectedTable, QuadraticTable, ScaledTable, StochasticTable};
use super::ensembles::{CountedTable, EntriesTable, GaussianTable, IdentityTable};
use super::flows::{ClosedFormTable, FlowTable, ModifiedFlowTable, MomentumTable, NesterovTable, StepTable};
use super::inits::{FamilyInitTable, InitTable};
use super::located::Located;
use super::perturbation::PerturbationTable;
use super::values::RankValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) type Key<T> = Option<Located<T>>;

/// An experiment: one sensing instance, and trajectories on it side by side.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pgflow experiment", rename = "Experiment")]
pub(super) struct File {
    /// The experiment's name: letters, digits, `_` and `-`. The default output directory is `runs/<name>`.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub name: Located<String>,
    /// The seed of every section that has no seed of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0))]
    pub seed: Key<u64>,
    /// An instance from arrays, instead of `target` and `sensing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Key<InstanceTable>,
    /// The matrix `Y` to be recovered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Key<TargetTable>,
    /// The measurements of it: exactly one ensemble.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensing: Key<SensingTable>,
    /// The factorisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Key<ModelTable>,
    /// How trajectories start that have no `init` of their own: exactly one law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Key<InitTable>,
    /// What is recorded, and when trajectories end.
    pub record: Located<RecordTable>,
    /// The trajectories, at least one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trajectory: Key<Vec<Located<TrajectoryTable>>>,
    /// Comparisons; by default every other trajectory with the first flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Key<Vec<Located<CompareTable>>>,
}

/// An instance from arrays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceTable {
    /// An `.npz` file as `pgflow instance` writes it; a relative path starts at this file's directory.
    pub file: Located<String>,
}

/// The matrix `Y` to be recovered: random (`rows`, `cols`, and a spectrum) or from a file (`file`, `rank`).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetTable {
    /// The seed of its singular vectors; the experiment's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<u64>,
    /// Number of rows, m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub rows: Key<usize>,
    /// Number of columns, n. In the symmetric model it equals rows, and may be left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub cols: Key<usize>,
    /// The rank r, from 1 to min(rows, cols). With `file`: that of the best approximation, scaled to σ₁ = 1, or "full" for the matrix as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Key<RankValue>,
    /// Its singular values, positive and descending, as many as the rank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub singular_values: Key<Vec<Located<f64>>>,
    /// κ: the singular values are geometric from 1 to 1/κ.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1.0))]
    pub condition_number: Key<f64>,
    /// How its singular vectors are spread: over all coordinates ("incoherent", Haar-distributed), or over r rows and r columns alone ("coherent").
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "incoherent"))]
    pub coherence: Key<CoherenceName>,
    /// Symmetric model only, instead of a spectrum: Y = U*U*ᵀ with independent Gaussian columns of norm 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Key<ColumnsName>,
    /// A PNG (grey levels), CSV or .npy file; a relative path starts at this file's directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Key<String>,
}

/// How singular vectors are spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum CoherenceName {
    Incoherent,
    Coherent,
}

/// Columns of U*.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum ColumnsName {
    Unit,
}

/// The measurements: exactly one ensemble.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(super) struct SensingTable {
    /// Independent standard normal entries, over √p.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaussian: Key<GaussianTable>,
    /// Independent signs, over √p, one bit each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rademacher: Key<CountedTable>,
    /// Rank one: x zᵀ of independent standard normal vectors, over √p.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank_one: Key<CountedTable>,
    /// Rows of a randomised Walsh–Hadamard transform, sampled without replacement, over √p.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hadamard: Key<CountedTable>,
    /// Real Pauli matrices for square targets whose side is a power of two, sampled without replacement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pauli: Key<CountedTable>,
    /// Single entries, sampled without replacement, times √(mn/p).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Key<EntriesTable>,
    /// Full observation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Key<IdentityTable>,
}

/// The factorisation of the unknown matrix.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelTable {
    /// "asymmetric": X = FGᵀ with F ∈ R^{m×h}, G ∈ R^{n×h}, loss ½‖A(X) − y‖². "symmetric": X = UUᵀ with U ∈ R^{d×h}, loss ¼‖A(X) − y‖², a
    /// positive semidefinite target, symmetrised measurements.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "asymmetric"))]
    pub factorization: Key<FactorizationName>,
    /// The width h. Required, unless initial factors come from the instance's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub width: Key<usize>,
}

/// Factorisations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum FactorizationName {
    Asymmetric,
    Symmetric,
}

/// What is recorded, and when trajectories end.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordTable {
    /// Flow time at which trajectories end, a positive number. A descent with step η makes ⌊horizon/η⌋ steps.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub horizon: Located<f64>,
    /// Number of recording times, both ends included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10000000), extend("default" = 200))]
    pub samples: Key<usize>,
    /// How recording times are spread: evenly, or 0 and then geometrically from `first` to the horizon.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "linear"))]
    pub spacing: Key<SpacingName>,
    /// The first positive recording time under `spacing = "log"`; horizon·1e-4 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub first: Key<f64>,
    /// Whether flows cut their steps at recording times, instead of interpolating there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub exact_times: Key<bool>,
    /// Whether the factors are kept at every sample, in snapshots.npz.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub snapshots: Key<bool>,
    /// How many singular vectors of FGᵀ are kept of each side at every sample, in vectors.npz; a product that has fewer keeps those.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0))]
    pub singular_vectors: Key<usize>,
    /// Columns of trajectories.csv, by name; "default" stands for the default ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = ["default"], "items" = super::json::column_schema()))]
    pub observables: Key<Vec<Located<String>>>,
    /// When to stop early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Key<StopTable>,
}

/// How recording times are spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum SpacingName {
    Linear,
    Log,
}

/// When to stop before the horizon; each rule acts after a step.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StopTable {
    /// Converged when ‖R‖_F/‖Y‖_F is at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub relative_error: Key<f64>,
    /// Converged when ‖A(FGᵀ) − y‖/‖y‖ is at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub train_error: Key<f64>,
    /// Converged when ‖∇f‖_F is at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub gradient_norm: Key<f64>,
    /// Diverged when ‖Z‖_F exceeds this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub factor_norm: Key<f64>,
    /// Most evaluations of the field for stepping, per trajectory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub evaluations: Key<u64>,
    /// Most seconds of wall-clock time, for the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub wall_seconds: Key<f64>,
}

/// A trajectory, or a family of them; exactly one method.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["flow"] }, { "required": ["gradient_descent"] }, { "required": ["modified_flow"] }, { "required": ["closed_form"] },
    { "required": ["exponential"] }, { "required": ["cayley"] }, { "required": ["momentum"] }, { "required": ["nesterov"] },
    { "required": ["stochastic_gradient_descent"] }, { "required": ["fresh_measurements"] }, { "required": ["scaled_descent"] },
    { "required": ["projected_descent"] }, { "required": ["quadratic_network"] },
]))]
pub(super) struct TrajectoryTable {
    /// Its name, unique: letters, digits, `_` and `-`.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub name: Located<String>,
    /// Whether a flow is integrated once more by an independent library after the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub cross_check: Key<bool>,
    /// The largest relative deviation at recording times that passes; 1000·rtol by default, required for rk4.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub cross_check_tolerance: Key<f64>,
    /// Whether the numerical error of a flow is bounded a posteriori, from the defect of its dense output and the curvature along it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub certify: Key<bool>,
    /// Gradient flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Key<FlowTable>,
    /// What disturbs the flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perturbation: Key<PerturbationTable>,
    /// Gradient descent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_descent: Key<StepTable>,
    /// The modified flow of descent: ∇(f + (η/4)‖∇f‖²) instead of ∇f.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_flow: Key<ModifiedFlowTable>,
    /// The exact solution of the flow, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_form: Key<ClosedFormTable>,
    /// Exponential steps Z⁺ = e^{η sym(N)}Z, which conserve the imbalance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exponential: Key<StepTable>,
    /// Cayley steps Z⁺ = (I − (η/2)sym(N))^{-1}(I + (η/2)sym(N))Z, which conserve the imbalance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cayley: Key<StepTable>,
    /// Heavy-ball descent Z⁺ = Z + η sym(N)Z + β(Z − Z₋).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Key<MomentumTable>,
    /// Nesterov's descent: a step from Z + β_k(Z − Z₋).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nesterov: Key<NesterovTable>,
    /// Gradient descent on mini-batches: F⁺ = F + ηN_S G, G⁺ = G + ηN_SᵀF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stochastic_gradient_descent: Key<StochasticTable>,
    /// Gradient descent with new Gaussian measurements of the target at every step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh_measurements: Key<FreshTable>,
    /// Scaled gradient descent: F⁺ = F + ηNG(GᵀG + λI)^{-1}, G⁺ = G + ηNᵀF(FᵀF + λI)^{-1}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaled_descent: Key<ScaledTable>,
    /// Projected gradient descent on X, in the symmetric model: X⁺ = P(X + 2ηN).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projected_descent: Key<ProjectedTable>,
    /// Descent on a quadratic network, in the symmetric model with measurements of rank one: U⁺ = (U − ηMU)/(1 − η(‖U‖_F² − τ)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quadratic_network: Key<QuadraticTable>,
    /// How it starts; `init` of the experiment by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Key<FamilyInitTable>,
}

/// A comparison: deviations of trajectories from a reference at common times.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompareTable {
    /// One trajectory; the first flow by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Key<String>,
    /// The others; a family's name means all its members. All others by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Key<Vec<Located<String>>>,
    /// Whether the deviations are bounded a posteriori, from the curvature along the reference (a flow) and the others' defects.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub bound: Key<bool>,
}
