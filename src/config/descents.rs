//! Descents with data or a metric of their own, and initial factors from a spectral decomposition, as written.

use super::located::Located;
use super::schema::Key;
use super::values::OneOrMany;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gradient descent on mini-batches.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StochasticTable {
    /// η, a positive number at most the horizon, or a list of them.
    pub step: Located<OneOrMany<f64>>,
    /// Measurements that a step looks at, from 1 to p, drawn without replacement; or a list of such numbers.
    pub batch: Located<OneOrMany<usize>>,
    /// The seed of the batches, or a list of them; the experiment's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<OneOrMany<u64>>,
}

/// Gradient descent with new Gaussian measurements of the target at every step.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FreshTable {
    /// η, a positive number at most the horizon, or a list of them.
    pub step: Located<OneOrMany<f64>>,
    /// Measurements that are drawn for a step, from 1 to 2^24, or a list of such numbers.
    pub measurements: Located<OneOrMany<usize>>,
    /// Standard deviation of their noise; that of `sensing` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub noise: Key<f64>,
    /// The seed of the measurements, or a list of them; the experiment's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<OneOrMany<u64>>,
}

/// Scaled gradient descent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScaledTable {
    /// η, a positive number at most the horizon, or a list of them.
    pub step: Located<OneOrMany<f64>>,
    /// λ, at least 0, which is added to the Gram matrices' diagonals: for factors that are wider than the target's rank.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0), extend("default" = 0.0))]
    pub damping: Key<f64>,
}

/// Projected gradient descent on X = UUᵀ, in the symmetric model: X⁺ = P(X + 2ηN), P the projection onto positive semidefinite matrices (of rank
/// at most the width).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectedTable {
    /// η, the step on (1/p) Σ (⟨A_i, X⟩ − b_i)², whose gradient is −2N; a positive number at most the horizon, or a list of them.
    pub step: Located<OneOrMany<f64>>,
}

/// Descent on a quadratic network: truncated risk, and a rescaling that takes away the trace that Gaussian inputs add.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QuadraticTable {
    /// η, the step on MU; a positive number at most the horizon, or a list of them.
    pub step: Located<OneOrMany<f64>>,
    /// R, a positive number or a list of them: samples with ‖Uᵀx‖² > R do not count.
    pub threshold: Located<OneOrMany<f64>>,
    /// Whether τ = ‖U*‖_F² is taken from the target, or estimated by the mean of the teacher's outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "known"))]
    pub trace: Key<TraceName>,
}

/// Where τ comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum TraceName {
    Known,
    Estimated,
}

/// Of what initial factors are a spectral decomposition.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum OfName {
    Target,
    Data,
}

/// Initial factors from a spectral decomposition.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpectralTable {
    /// "target": F₀ = scale·U_Y Qᵀ, G₀ = scale·V_Y Qᵀ; "data": F₀ = scale·U Σ^{1/2}, G₀ = scale·V Σ^{1/2} of the top triples of A*(y).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "target"))]
    pub of: Key<OfName>,
    /// A positive number; required for "target", 1 by default for "data".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub scale: Key<f64>,
    /// The seed of Q; the experiment's by default. "target" only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<u64>,
}

/// A trajectory's initial factors from a spectral decomposition.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FamilySpectralTable {
    /// "target": F₀ = scale·U_Y Qᵀ, G₀ = scale·V_Y Qᵀ; "data": F₀ = scale·U Σ^{1/2}, G₀ = scale·V Σ^{1/2} of the top triples of A*(y).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "target"))]
    pub of: Key<OfName>,
    /// A positive number, or a list of them; required for "target", 1 by default for "data".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Key<OneOrMany<f64>>,
    /// The seed of Q, or a list of them; that of `init` by default. "target" only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<OneOrMany<u64>>,
}
