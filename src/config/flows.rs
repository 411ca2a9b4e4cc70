//! The tables of flows, and of the descents without data of their own, as written.

use super::located::Located;
use super::schema::Key;
use super::values::OneOrMany;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gradient flow Ḟ = NG, Ġ = NᵀF and its integrator.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowTable {
    /// The integrator: adaptive pairs of order 5 or 8; for long horizons a stabilised method of order 2 (rkc2), an exponential one of order
    /// 4, or auto, which is dop853 until stability limits it and the exponential one then; or the classical method of order 4 with a fixed
    /// step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "dop853"))]
    pub method: Key<MethodName>,
    /// Relative tolerance of a step, between 1e-15 and 1. Adaptive methods only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 1e-8, "exclusiveMinimum" = 1e-15, "exclusiveMaximum" = 1))]
    pub rtol: Key<f64>,
    /// Absolute tolerance of a step. Adaptive methods only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0), extend("default" = 0.0))]
    pub atol: Key<f64>,
    /// The norm of the error: of the factors, or of their product (which does not control the imbalance). Adaptive methods only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "factors"))]
    pub error_norm: Key<ErrorNormName>,
    /// The fixed step of rk4, required there; at most the horizon.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub step: Key<f64>,
}

/// Integrators.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum MethodName {
    Dopri5,
    Dop853,
    Rkc2,
    Exponential,
    Auto,
    Rk4,
}

/// Norms of the local error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum ErrorNormName {
    Factors,
    Product,
}

/// A descent with a step size, such as gradient descent F⁺ = F + ηNG, G⁺ = G + ηNᵀF.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepTable {
    /// η, a positive number at most the horizon, or a list of them.
    pub step: Located<OneOrMany<f64>>,
}

/// Heavy-ball descent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MomentumTable {
    /// η, a positive number at most the horizon, or a list of them.
    pub step: Located<OneOrMany<f64>>,
    /// β, from 0 to below 1.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1))]
    pub momentum: Located<f64>,
}

/// Nesterov's descent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NesterovTable {
    /// η, a positive number at most the horizon, or a list of them.
    pub step: Located<OneOrMany<f64>>,
    /// β, from 0 to below 1; by default (k − 1)/(k + 2) in step k ≥ 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1))]
    pub momentum: Key<f64>,
}

/// The exact solution; it has no keys.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClosedFormTable {}

/// The modified flow of descent with step η, and its integrator.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModifiedFlowTable {
    /// η of the descent that it follows, a positive number at most the horizon, or a list of them.
    pub step: Located<OneOrMany<f64>>,
    /// The integrator: adaptive pairs of order 5 or 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "dop853"))]
    pub method: Key<PairName>,
    /// Relative tolerance of a step, between 1e-15 and 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 1e-8, "exclusiveMinimum" = 1e-15, "exclusiveMaximum" = 1))]
    pub rtol: Key<f64>,
    /// Absolute tolerance of a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0), extend("default" = 0.0))]
    pub atol: Key<f64>,
    /// The norm of the error: of the factors, or of their product (which does not control the imbalance).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "factors"))]
    pub error_norm: Key<ErrorNormName>,
}

/// Embedded pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum PairName {
    Dopri5,
    Dop853,
}
