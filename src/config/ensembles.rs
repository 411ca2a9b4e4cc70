//! The tables of ensembles, as written.

use super::schema::Key;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Measurements of a structured ensemble; exactly one of `measurements` and `oversampling`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CountedTable {
    /// The seed of the ensemble and of the noise; the experiment's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<u64>,
    /// Their number p.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub measurements: Key<usize>,
    /// p = ⌈oversampling · r (m + n − r)⌉, a positive number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub oversampling: Key<f64>,
    /// Standard deviation of each entry of e in y = A(Y) + e.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0), extend("default" = 0.0))]
    pub noise: Key<f64>,
}

/// Single entries, sampled without replacement; exactly one of `measurements`, `oversampling` and `fraction`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EntriesTable {
    /// The seed of the sample and of the noise; the experiment's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<u64>,
    /// Their number p, at most mn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub measurements: Key<usize>,
    /// p = ⌈oversampling · r (m + n − r)⌉, a positive number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub oversampling: Key<f64>,
    /// p is the integer nearest to fraction · mn, at least 1; from above 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub fraction: Key<f64>,
    /// Standard deviation of each entry of e in y = A(Y) + e.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0), extend("default" = 0.0))]
    pub noise: Key<f64>,
}

/// The count of measurements as a table gives it.
pub(super) struct CountKeys<'a> {
    pub measurements: &'a Key<usize>,
    pub oversampling: &'a Key<f64>,
    /// Where the ensemble has such a key.
    pub fraction: Option<&'a Key<f64>>,
}

impl CountedTable {
    pub fn count_keys(&self) -> CountKeys<'_> {
        CountKeys { measurements: &self.measurements, oversampling: &self.oversampling, fraction: None }
    }
}

impl EntriesTable {
    pub fn count_keys(&self) -> CountKeys<'_> {
        CountKeys { measurements: &self.measurements, oversampling: &self.oversampling, fraction: Some(&self.fraction) }
    }
}

/// Gaussian measurements; exactly one of `measurements` and `oversampling`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GaussianTable {
    /// The seed of the measurement matrices and of the noise; the experiment's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<u64>,
    /// Their number p.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub measurements: Key<usize>,
    /// p = ⌈oversampling · r (m + n − r)⌉, a positive number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub oversampling: Key<f64>,
    /// What entries are stored as; "f32" defines the ensemble by entries rounded to f32. Arithmetic is f64 always.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "f64"))]
    pub storage: Key<StorageName>,
    /// Standard deviation of e in y = A(Y) + e.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0), extend("default" = 0.0))]
    pub noise: Key<f64>,
}

/// Full observation: A = I.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentityTable {
    /// The seed of the noise; the experiment's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Key<u64>,
    /// Standard deviation of e in y = Y + e.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0), extend("default" = 0.0))]
    pub noise: Key<f64>,
}

/// What entries of a dense ensemble are stored as.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum StorageName {
    F64,
    F32,
}
