//! Experiments through the whole driver, against closed forms, conservation laws, orders and symmetries.

mod closed_forms;
mod determinism;
mod escape;
mod orders;
mod outcomes;
mod setup;
mod symmetries;
