//! `[trajectory.perturbation]` as written.

use super::located::Located;
use super::schema::Key;
use super::values::OneOrMany;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A bounded perturbation of a flow: Ż = (sym(N) + 𝓔)Z; exactly one law.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["constant"] }, { "required": ["rotating"] }, { "required": ["piecewise"] }, { "required": ["smooth"] },
    { "required": ["ornstein_uhlenbeck"] }, { "required": ["adversarial"] }, { "required": ["replay"] }, { "required": ["descent"] },
]))]
pub(super) struct PerturbationTable {
    /// How it enters: one E for both factors, P added to the rate, E₁ for F and E₂ for G, or 𝓔 on the stacked factors. "shared" by default, and
    /// "lifted" for the law descent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Key<FormName>,
    /// The operator norm that it must not exceed, at least 0, or a list of them. Required, but for replay (optional) and descent (refused).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Key<OneOrMany<f64>>,
    /// The unit of the bound: 1, σ_r(Y), or ‖R(t)‖_op (additive: σ_r^{3/2}, ‖R‖_op‖Z‖_op).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "absolute"))]
    pub relative_to: Key<RelativeToName>,
    /// The seed of a random law (also of adversarial against = "limit"), or a list of them; the experiment's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<OneOrMany<u64>>,
    /// The same matrix at all times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constant: Key<ConstantTable>,
    /// A matrix that turns: exp(2πt/period·K)W.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotating: Key<RotatingTable>,
    /// A new random matrix for every interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub piecewise: Key<PiecewiseTable>,
    /// A band-limited random path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smooth: Key<SmoothTable>,
    /// Ornstein–Uhlenbeck paths, reflected at the bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ornstein_uhlenbeck: Key<OrnsteinUhlenbeckTable>,
    /// The worst direction at every moment, or the worst constant in the limit; shared form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adversarial: Key<AdversarialTable>,
    /// A series of matrices from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Key<ReplayTable>,
    /// What makes the flow reproduce gradient descent; lifted form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descent: Key<DescentTable>,
}

/// How a perturbation enters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum FormName {
    Shared,
    Additive,
    TwoSided,
    Lifted,
}

/// Units of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum RelativeToName {
    Absolute,
    SigmaR,
    Residual,
}

/// The same matrix at all times.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConstantTable {
    /// Gaussian entries, the polar factor of such a matrix, or uvᵀ; each scaled to the bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "gaussian"))]
    pub direction: Key<DirectionName>,
}

/// Directions of a constant perturbation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum DirectionName {
    Gaussian,
    Flat,
    RankOne,
}

/// A matrix that turns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotatingTable {
    /// Flow time of one turn, a positive number.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub period: Located<f64>,
}

/// A new random matrix for every interval.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PiecewiseTable {
    /// Flow time between jumps, a positive number.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub interval: Located<f64>,
}

/// A band-limited random path.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SmoothTable {
    /// Flow time at which the expected autocorrelation first vanishes, a positive number; frequencies lie below π/correlation_time.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub correlation_time: Located<f64>,
}

/// Ornstein–Uhlenbeck paths.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrnsteinUhlenbeckTable {
    /// Flow time in which the autocorrelation falls to 1/e, a positive number.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub correlation_time: Located<f64>,
    /// Flow time between the path's points, a positive number at most correlation_time; correlation_time/50 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub resolution: Key<f64>,
}

/// The worst direction at every moment, or the worst constant in the limit.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdversarialTable {
    /// At every moment it raises d/dt ½‖R‖_F² ("residual"), or lowers the growth of the weakest signal mode ("weakest_mode"); or it is
    /// the constant that leaves the largest error in the limit ("limit").
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "residual"))]
    pub against: Key<AgainstName>,
    /// ε of the smoothed polar factor, between 0 and 1; refused with against = "limit".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 1e-8, "exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub smoothing: Key<f64>,
}

/// What an adversary works against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum AgainstName {
    Residual,
    WeakestMode,
    Limit,
}

/// A series of matrices from a file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayTable {
    /// An `.npz` file with `t` and the form's arrays; a relative path starts at this file's directory.
    pub file: Located<String>,
    /// Linear between the file's times, or the previous matrix until the next time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "linear"))]
    pub interpolation: Key<InterpolationName>,
}

/// How a series is read between its times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum InterpolationName {
    Previous,
    Linear,
}

/// What makes the flow reproduce gradient descent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DescentTable {
    /// η, a positive number at most the horizon.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub step: Located<f64>,
}
