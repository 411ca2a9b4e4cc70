//! Experiments through the whole driver, against closed forms, conservation laws, orders and symmetries.

// Helpers outside the test functions panic like them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adaptive_subspace;
mod bounds;
mod closed_forms;
mod curvature;
mod determinism;
mod discretisation;
mod escape;
mod exact;
mod laws;
mod limit_adversary;
mod orders;
mod outcomes;
mod own_data;
mod perturbation_columns;
mod perturbed;
mod perturbed_descent;
mod sampling;
mod scaled_descent;
mod setup;
mod symmetric;
mod symmetric_columns;
mod symmetric_descents;
mod symmetric_laws;
mod symmetries;
mod tail;
mod thin;
mod trailing;
mod turns;
