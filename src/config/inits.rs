//! The tables of initial factors, as written.

use super::descents::{FamilySpectralTable, SpectralTable};
use super::located::Located;
use super::schema::Key;
use super::values::OneOrMany;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The law of the initial factors: exactly one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(super) struct InitTable {
    /// Entries N(0, scale²).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaussian: Key<LawTable>,
    /// scale times Haar-distributed matrices with orthonormal columns (rows, where a factor is wider than high).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orthogonal: Key<LawTable>,
    /// scale times the first columns of the identity (and columns of zeros, where a factor is wider than high).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Key<IdentityLawTable>,
    /// From the singular triples of the target (balanced, every mode starts at scale²; needs width ≥ rank), or of A*(y).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spectral: Key<SpectralTable>,
}

/// Size and seed of initial factors.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LawTable {
    /// α, a positive number.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub scale: Located<f64>,
    /// The seed of the factors' directions; the experiment's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<u64>,
}

/// Size of initial factors with nothing random about them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentityLawTable {
    /// α, a positive number.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub scale: Located<f64>,
}

/// The law of a trajectory's own initial factors: exactly one. Lists make families.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(super) struct FamilyInitTable {
    /// Entries N(0, scale²).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaussian: Key<FamilyLawTable>,
    /// scale times Haar-distributed matrices with orthonormal columns (rows, where a factor is wider than high).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orthogonal: Key<FamilyLawTable>,
    /// scale times the first columns of the identity (and columns of zeros, where a factor is wider than high).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Key<FamilyIdentityLawTable>,
    /// From the singular triples of the target (balanced, every mode starts at scale²; needs width ≥ rank), or of A*(y).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spectral: Key<FamilySpectralTable>,
}

/// Size and seed of a trajectory's initial factors.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FamilyLawTable {
    /// α, a positive number, or a list of them.
    pub scale: Located<OneOrMany<f64>>,
    /// The seed of the factors' directions, or a list of them; that of `init` by default, so that the same directions are scaled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<OneOrMany<u64>>,
}

/// Size of a trajectory's initial factors with nothing random about them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FamilyIdentityLawTable {
    /// α, a positive number, or a list of them.
    pub scale: Located<OneOrMany<f64>>,
}
